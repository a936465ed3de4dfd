/* Which hardware decoder is taken, and what happens without one. No hardware is needed, and none is
 * tried here that is not there. */
#include "child_priv.h"
#include "vd/test.h"

#define HAS(kind) (1u << (kind))

/* covers: CAM-5 */
VD_TEST(automatic_takes_the_first_that_is_there)
{
    vd_why why = { 0 };
    expect_i64(hw_choose("auto", HAS(HW_VAAPI) | HAS(HW_CUDA), &why), HW_VAAPI);
    expect_i64(hw_choose("auto", HAS(HW_CUDA) | HAS(HW_V4L2M2M), &why), HW_CUDA);
    expect_i64(hw_choose("auto", HAS(HW_V4L2M2M), &why), HW_V4L2M2M);
    expect_i64(hw_choose("auto", 0, &why), HW_NONE);
    expect_str(why.fact, ""); /* nothing was promised */
}

/* covers: CAM-5 */
VD_TEST(a_named_one_is_taken_or_its_absence_said)
{
    vd_why why = { 0 };
    expect_i64(hw_choose("cuda", HAS(HW_VAAPI) | HAS(HW_CUDA), &why), HW_CUDA);
    expect_str(why.fact, "");
    expect_i64(hw_choose("vaapi", HAS(HW_CUDA), &why), HW_NONE);
    expect_true(strstr(why.fact, "'vaapi'") != NULL && strstr(why.fact, "software") != NULL);
    expect_true(why.hint[0] != 0);
}

/* covers: CAM-5 */
VD_TEST(off_is_off_and_an_unknown_name_is_software)
{
    vd_why why = { 0 };
    expect_i64(hw_choose("off", HAS(HW_VAAPI), &why), HW_NONE);
    expect_i64(hw_choose("", HAS(HW_VAAPI), &why), HW_NONE);
    expect_str(why.fact, "");
    expect_i64(hw_choose("abacus", HAS(HW_VAAPI), &why), HW_NONE);
    expect_true(strstr(why.fact, "'abacus'") != NULL);
}

VD_TEST(off_opens_nothing)
{
    child_hw hw = { 0 };
    vd_why why = { 0 };
    hw_open(&hw, "off", &why);
    expect_i64(hw.kind, HW_NONE);
    expect_true(hw.device == NULL);
    expect_str(hw_name(hw.kind), "software");
    hw_close(&hw);
}

/* covers: CAM-5 */
VD_TEST(a_codec_that_the_hardware_has_no_decoder_for_is_left_to_software)
{
    const child_hw hw = { .kind = HW_V4L2M2M };
    const AVCodec *decoder = NULL;
    expect_true(hw_decoder(&hw, AV_CODEC_ID_MJPEG, &decoder) == NULL);
}

VD_TEST_MAIN(VD_RUN(automatic_takes_the_first_that_is_there),
             VD_RUN(a_named_one_is_taken_or_its_absence_said),
             VD_RUN(off_is_off_and_an_unknown_name_is_software), VD_RUN(off_opens_nothing),
             VD_RUN(a_codec_that_the_hardware_has_no_decoder_for_is_left_to_software))
