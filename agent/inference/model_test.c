/* Models that do not fit a picture, or are none: what is said of them, and how to mend it. */
#include "inference.h"

#include <stdlib.h>
#include <unistd.h>

#include "small_onnx_priv.h"

static char folder[] = "/tmp/vedette-model-XXXXXX";

static const char *path_of(const char *ending)
{
    static char path[64];
    snprintf(path, sizeof path, "%s/odd.%s", folder, ending);
    return path;
}

/* One box, from an input of this shape. */
static void odd_onnx(const int64_t *images, unsigned rank, vd_buf *into)
{
    static const float row[] = { 1, 2, 3, 4, 0.9f, 0 }, gain[6] = { 0 };
    static const int64_t dims[] = { 1, 1, 6 };
    shaped_onnx(into, images, rank, dims, 3, row, gain, 6);
}

static void save(const vd_buf *onnx)
{
    small_save(folder, "odd", "{ decode: centernet, detections: out }", "[person]", onnx);
}

static vd_err load(vd_why *why)
{
    const vd_model_options options = { .threads = 1 };
    vd_model *model = NULL;
    vd_err err = vd_model_load(path_of("onnx"), &options, &model, why);
    vd_model_free(model);
    return err;
}

static void expect_said(const vd_why *why, const char *word)
{
    char line[1200];
    if (!strstr(vd_why_line(why, line, sizeof line), word))
        fail_msg("'%s' does not say '%s'", line, word);
}

// covers: INF-1
VD_TEST(a_model_that_no_picture_fits_is_refused_with_what_it_takes_and_how_to_mend_it)
{
    static const struct {
        int64_t images[4];
        unsigned rank;
        const char *detail, *hint;
    } odd[] = {
        { { 1, 4, 16, 16 }, 4, "[1,4,16,16]", "3 channels" },
        { { 1, 16, 16, 1 }, 4, "[1,16,16,1]", "3 channels" },
        { { 1, 16, 16, 3 }, 4, "[1,16,16,3]", "'layout'" },
        { { 1, 3, 32, 16 }, 4, "[1,3,32,16]", "'size'" },
        { { 8, 3, 16, 16 }, 4, "[8,3,16,16]", "[1,3,height,width]" },
        { { 1, 16 }, 2, "2 dimensions", "[1,3,height,width]" },
    };

    for (unsigned i = 0; i < VD_COUNT_OF(odd); i++) {
        VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
        vd_why why = { 0 };
        odd_onnx(odd[i].images, odd[i].rank, &onnx);
        save(&onnx);
        expect_err(load(&why), VD_INVALID);
        expect_said(&why, "input does not fit");
        expect_said(&why, odd[i].detail);
        assert_non_null(strstr(why.hint, odd[i].hint));
    }
}

// covers: INF-1
VD_TEST(a_model_with_open_sizes_takes_those_of_its_descriptor)
{
    static const int64_t open[][4] = { { -1, 3, 16, 16 }, { 1, 3, -1, -1 }, { -1, -1, -1, -1 } };

    for (unsigned i = 0; i < VD_COUNT_OF(open); i++) {
        VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
        odd_onnx(open[i], 4, &onnx);
        save(&onnx);
        expect_ok(load(NULL));
    }
}

// covers: INF-1
VD_TEST(a_file_that_is_no_model_or_cut_short_is_refused_with_its_name)
{
    static const int64_t images[] = { 1, 3, SMALL_SIDE, SMALL_SIDE };
    VD_AUTO(vd_buf) onnx = VD_BUF(1 << 20);
    odd_onnx(images, 4, &onnx);
    const size_t whole = onnx.len;

    for (unsigned part = 0; part < 8; part++) {
        vd_why why = { 0 };
        onnx.len = whole * part / 8;
        save(&onnx);
        expect_err(load(&why), VD_INVALID);
        expect_said(&why, "odd.onnx");
        assert_true(why.hint[0] != '\0');
    }
    vd_buf_clear(&onnx);
    vd_buf_add_str(&onnx, "<!doctype html><title>Not found</title>");
    vd_why why = { 0 };
    save(&onnx);
    expect_err(load(&why), VD_INVALID);
    expect_said(&why, "odd.onnx");
    assert_true(why.hint[0] != '\0');
}

// covers: INF-1
VD_TEST(a_model_without_a_descriptor_is_refused_with_where_one_comes_from)
{
    vd_why why = { 0 };
    unlink(path_of("model.yaml"));
    expect_true(load(&why) != VD_OK);
    expect_said(&why, "odd.model.yaml");
    assert_non_null(strstr(why.hint, "vedette model import"));
}

static int open_folder(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    (void)state;
    unlink(path_of("onnx"));
    unlink(path_of("model.yaml"));
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        VD_RUN(a_model_that_no_picture_fits_is_refused_with_what_it_takes_and_how_to_mend_it),
        VD_RUN(a_model_with_open_sizes_takes_those_of_its_descriptor),
        VD_RUN(a_file_that_is_no_model_or_cut_short_is_refused_with_its_name),
        VD_RUN(a_model_without_a_descriptor_is_refused_with_where_one_comes_from),
    };
    return cmocka_run_group_tests(tests, open_folder, remove_folder);
}
