/* JPEGs are found in a stream whatever stands between them. */
#include "jpegs.h"

#include <stdlib.h>

#include "vd/test.h"

/* A JPEG in form: a segment, a frame header of 640 x 480, a scan with stuffed and restart bytes. */
#define SMALL                                                                                      \
    "\xff\xd8\xff\xe0\x00\x06"                                                                     \
    "\xff\xd8\xff\xd9"                                                                             \
    "\xff\xc0\x00\x0b\x08\x01\xe0\x02\x80\x01\x01\x11\x00"                                         \
    "\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00"                                                     \
    "coded\xff\x00more\xff\xd0rest"                                                                \
    "\xff\xd9"
#define SMALL_SLICE VD_STR(SMALL)

typedef struct {
    unsigned pictures, alike;
    vd_err end;
} found;

static found cut_in_steps(vd_slice bytes, size_t step, size_t limit)
{
    jpeg_cutter cutter = JPEG_CUTTER(limit);
    found seen = { .end = VD_RETRY };
    vd_slice picture;
    while (bytes.len && seen.end == VD_RETRY) {
        const vd_slice part = vd_slice_of(bytes.data, bytes.len < step ? bytes.len : step);
        bytes = vd_slice_from(bytes, part.len);
        jpeg_cutter_add(&cutter, part);
        while ((seen.end = jpeg_cutter_next(&cutter, &picture)) == VD_OK) {
            seen.pictures++;
            seen.alike += vd_slice_eq(picture, SMALL_SLICE);
        }
    }
    jpeg_cutter_done(&cutter);
    return seen;
}

static void expect_found(vd_slice bytes, unsigned pictures)
{
    static const size_t steps[] = { 1, 7, 100000 };
    for (size_t i = 0; i < VD_COUNT_OF(steps); i++) {
        const found seen = cut_in_steps(bytes, steps[i], 4096);
        expect_u64(seen.pictures, pictures);
        expect_u64(seen.alike, pictures);
        expect_err(seen.end, VD_RETRY);
    }
}

// covers: CAM-3
VD_TEST(pictures_are_found_whatever_the_boundary_and_the_lengths_say)
{
    expect_found(VD_STR(SMALL SMALL), 2);
    expect_found(VD_STR("--a\r\nContent-Type: image/jpeg\r\nContent-Length: 57\r\n\r\n" SMALL
                        "\r\n--a\r\n\r\n" SMALL),
                 2);
    expect_found(VD_STR("--b\nContent-Length: 9999999\n\n" SMALL
                        "\n--c\nContent-Length: 3\n\n" SMALL "\nContent-Length: -1\n\n" SMALL),
                 3);
    expect_found(VD_STR("\xff\xff\xd8\xff\xff\xd8 \xff\xd8" SMALL "\xff"), 1);
}

// covers: CAM-3
VD_TEST(a_picture_that_is_cut_off_costs_no_other_one)
{
    const vd_slice whole = SMALL_SLICE;
    for (size_t kept = 0; kept < whole.len; kept++) {
        VD_AUTO(vd_buf) bytes = VD_BUF(1 << 20);
        expect_true(vd_buf_add(&bytes, SMALL_SLICE) &&
                    vd_buf_add(&bytes, vd_slice_of(whole.data, kept)) &&
                    vd_buf_add_str(&bytes, "\r\n--b\r\n\r\n") && vd_buf_add(&bytes, SMALL_SLICE) &&
                    vd_buf_add(&bytes, SMALL_SLICE));
        while (bytes.len < 66000) /* the cut one's last length may claim so much */
            expect_true(vd_buf_add_str(&bytes, "and what else is sent"));
        const found seen = cut_in_steps(vd_buf_slice(&bytes), 50, 1 << 20);
        expect_true(seen.alike >= 2); /* the one behind may be taken for the cut one's rest */
    }
}

VD_TEST(the_size_is_the_frame_headers_not_a_thumbnails)
{
    jpeg_walk walk = { 0 };
    size_t len = 0;
    assert_int_equal(jpeg_walk_on(&walk, SMALL_SLICE, &len), JPEG_WHOLE);
    expect_u64(len, SMALL_SLICE.len);
    expect_i64(walk.width_px, 640);
    expect_i64(walk.height_px, 480);
}

// covers: CAM-3
VD_TEST(headers_without_end_are_given_up)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(2 * JPEG_BETWEEN_MAX);
    while (bytes.len <= JPEG_BETWEEN_MAX + 100)
        expect_true(vd_buf_add_str(&bytes, "X-Another-Header: and another\r\n"));
    expect_err(cut_in_steps(vd_buf_slice(&bytes), 1000, 4096).end, VD_INVALID);
}

VD_TEST(a_picture_larger_than_the_limit_is_skipped)
{
    VD_AUTO(vd_buf) bytes = VD_BUF(16384);
    expect_true(vd_buf_add(&bytes, vd_slice_of(SMALL, sizeof SMALL - 3)));
    while (bytes.len < 9000) expect_true(vd_buf_add_str(&bytes, "more and more"));
    expect_true(vd_buf_add(&bytes, VD_STR("\xff\xd9")));
    expect_true(vd_buf_add(&bytes, SMALL_SLICE));
    const found seen = cut_in_steps(vd_buf_slice(&bytes), 64, 4096);
    expect_u64(seen.pictures, 1);
    expect_u64(seen.alike, 1);
}

VD_TEST_MAIN(VD_RUN(pictures_are_found_whatever_the_boundary_and_the_lengths_say),
             VD_RUN(a_picture_that_is_cut_off_costs_no_other_one),
             VD_RUN(the_size_is_the_frame_headers_not_a_thumbnails),
             VD_RUN(headers_without_end_are_given_up),
             VD_RUN(a_picture_larger_than_the_limit_is_skipped))
