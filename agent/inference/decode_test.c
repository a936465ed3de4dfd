#include "decode_priv.h"

#include <math.h>
#include <stdlib.h>

#include "vd/test.h"

#define HEAD "name: m\nfile: m.onnx\ninput:\n  size: [64, 32]\n"
#define TWO  "classes: [cat, dog]\n"

static const vd_tensor_map whole = { 0, 0, 1.0f / 64, 1.0f / 32 };

typedef struct {
    model_descriptor descriptor;
    decoder decoder;
    decode_tensor tensors[ROLES];
    vd_detections *found;
    vd_why why;
} bench;

static bench *bench_of(const char *yaml)
{
    bench *b = calloc(1, sizeof(*b));
    b->found = calloc(1, sizeof(*b->found));
    expect_ok(model_descriptor_parse(vd_slice_str(yaml), "test", NULL, &b->descriptor, &b->why));
    expect_ok(decoder_init(&b->decoder, &b->descriptor, &b->why));
    return b;
}

static void bench_free(bench *b)
{
    decoder_done(&b->decoder);
    model_descriptor_done(&b->descriptor);
    free(b->found);
    free(b);
}

static decode_tensor floats(const float *data, int64_t a, int64_t b, int64_t c)
{
    return (decode_tensor){ TENSOR_F32, data, c ? 3 : 2, { a, b, c } };
}

static vd_err run(bench *b)
{
    return decoder_run(&b->decoder, b->tensors, &whole, b->found, &b->why);
}

static void expect_item(const bench *b, unsigned index, int class_id, double score, double l,
                        double t, double w, double h)
{
    const vd_detection *d = &b->found->item[index];
    expect_true(index < b->found->count);
    expect_i64(d->class_id, class_id);
    expect_near(d->score, score, 1e-5);
    expect_near(d->box.l, l, 1e-5);
    expect_near(d->box.t, t, 1e-5);
    expect_near(d->box.w, w, 1e-5);
    expect_near(d->box.h, h, 1e-5);
}

// covers: INF-1
VD_TEST(centernet_rows_become_detections_best_first)
{
    bench *b = bench_of(HEAD "output: {decode: centernet}\n" TWO);
    const float rows[] = { 0,  0,  32, 16,  0.5f,  0,   /* a cat */
                           32, 16, 64, 32,  0.9f,  1,   /* a better dog */
                           1,  1,  9,  9,   0.04f, 0,   /* below the floor */
                           1,  1,  9,  9,   0.9f,  2,   /* no such class */
                           1,  1,  9,  NAN, 0.9f,  0,   /* no number */
                           -9, 8,  16, 40,  0.3f,  0 }; /* over the edge */
    b->tensors[ROLE_MAIN] = floats(rows, 1, 6, 6);
    expect_ok(run(b));
    expect_u64(b->found->count, 3);
    expect_item(b, 0, 1, 0.9, 0.5, 0.5, 0.5, 0.5);
    expect_item(b, 1, 0, 0.5, 0, 0, 0.5, 0.5);
    expect_item(b, 2, 0, 0.3, 0, 0.25, 0.25, 0.75);
    bench_free(b);
}

VD_TEST(overlap_is_suppressed_within_a_class_only)
{
    bench *b = bench_of(HEAD "output: {decode: centernet}\n" TWO "nms_iou: 0.5\n");
    const float rows[] = { 0, 0, 20, 20, 0.9f, 0, 1,  1, 21, 21, 0.8f, 0,
                           1, 1, 21, 21, 0.7f, 1, 15, 0, 35, 20, 0.6f, 0 };
    b->tensors[ROLE_MAIN] = floats(rows, 1, 4, 6);
    expect_ok(run(b));
    expect_u64(b->found->count, 3);
    expect_near(b->found->item[1].score, 0.7, 1e-6);
    expect_near(b->found->item[2].score, 0.6, 1e-6);
    bench_free(b);
}

/* 64x32 has 8x4 + 4x2 + 2x1 = 42 cells of strides 8, 16, 32. */
enum { CELLS = 42 };

VD_TEST(yolox_cells_get_their_place_and_stride)
{
    bench *b = bench_of(HEAD "output: {decode: yolox}\n" TWO);
    float *rows = calloc(CELLS * 7, sizeof(float));
    const float first[] = { 0.5f, 0.5f, logf(2), logf(1), 0.8f, 0.5f, 1 };   /* cell 9: x 1, y 1 */
    const float second[] = { 0, 0, logf(0.5f), logf(0.5f), 1, 0.25f, 0.1f }; /* stride 32, x 1 */
    memcpy(rows + 9 * 7, first, sizeof(first));
    memcpy(rows + 41 * 7, second, sizeof(second));
    b->tensors[ROLE_MAIN] = floats(rows, 1, CELLS, 7);
    expect_ok(run(b));
    expect_u64(b->found->count, 2);
    /* centre 12,12 size 16x8; centre 32,0 size 16x16, cut at the top */
    expect_item(b, 0, 1, 0.8, 4.0 / 64, 8.0 / 32, 16.0 / 64, 8.0 / 32);
    expect_item(b, 1, 0, 0.25, 24.0 / 64, 0, 16.0 / 64, 8.0 / 32);
    b->tensors[ROLE_MAIN] = floats(rows, 1, CELLS - 1, 7);
    expect_err(run(b), VD_INVALID);
    free(rows);
    bench_free(b);
}

VD_TEST(yolov5_reads_rows_and_columns_alike)
{
    bench *b = bench_of(HEAD "output: {decode: yolov5}\n" TWO);
    const float rows[3][7] = { { 32, 16, 16, 8, 0.9f, 0.1f, 1 },
                               { 8, 8, 8, 8, 0.5f, 0.8f, 0 },
                               { 8, 8, 8, 8, 0.01f, 1, 1 } };
    float columns[7][3];
    for (int r = 0; r < 3; r++)
        for (int c = 0; c < 7; c++) columns[c][r] = rows[r][c];
    for (int turned = 0; turned < 2; turned++) {
        b->tensors[ROLE_MAIN] = turned ? floats(columns[0], 1, 7, 3) : floats(rows[0], 1, 3, 7);
        expect_ok(run(b));
        expect_u64(b->found->count, 2);
        expect_item(b, 0, 1, 0.9, 24.0 / 64, 12.0 / 32, 16.0 / 64, 8.0 / 32);
        expect_item(b, 1, 0, 0.4, 4.0 / 64, 4.0 / 32, 8.0 / 64, 8.0 / 32);
    }
    bench_free(b);
}

VD_TEST(yolov8_has_no_object_score)
{
    bench *b = bench_of(HEAD "output: {decode: yolov8}\n" TWO);
    const float columns[6][2] = { { 32, 8 }, { 16, 8 },      { 16, 4 },
                                  { 8, 4 },  { 0.2f, 0.6f }, { 0.7f, 0.1f } };
    const float rows[2][6] = { { 32, 16, 16, 8, 0.2f, 0.7f }, { 8, 8, 4, 4, 0.6f, 0.1f } };
    for (int turned = 0; turned < 2; turned++) {
        b->tensors[ROLE_MAIN] = turned ? floats(rows[0], 1, 2, 6) : floats(columns[0], 1, 6, 2);
        expect_ok(run(b));
        expect_u64(b->found->count, 2);
        expect_item(b, 0, 1, 0.7, 24.0 / 64, 12.0 / 32, 16.0 / 64, 8.0 / 32);
        expect_item(b, 1, 0, 0.6, 6.0 / 64, 6.0 / 32, 4.0 / 64, 4.0 / 32);
    }
    bench_free(b);
}

VD_TEST(ssd_reads_boxes_classes_scores_and_count)
{
    bench *b = bench_of(HEAD "output: {decode: ssd, boxes: b, scores: s, classes: c, count: n,"
                             " boxes_as: tlbr, background: true}\n" TWO);
    const float boxes[3][4] = { { 0.25f, 0.5f, 0.75f, 1 }, { 0, 0, 0.5f, 0.5f }, { 0, 0, 1, 1 } };
    const float scores[3] = { 0.6f, 0.8f, 0.9f }, count[1] = { 2 };
    const int64_t classes[3] = { 2, 1, 1 }; /* 0 would be no class */
    b->tensors[ROLE_BOXES] = floats(boxes[0], 1, 3, 4);
    b->tensors[ROLE_SCORES] = floats(scores, 1, 3, 0);
    b->tensors[ROLE_CLASSES] = (decode_tensor){ TENSOR_I64, classes, 2, { 1, 3 } };
    b->tensors[ROLE_COUNT] = (decode_tensor){ TENSOR_F32, count, 1, { 1 } };
    expect_ok(run(b));
    expect_u64(b->found->count, 2);
    expect_item(b, 0, 0, 0.8, 0, 0, 0.5, 0.5);
    expect_item(b, 1, 1, 0.6, 0.5, 0.25, 0.5, 0.5);
    bench_free(b);
}

VD_TEST(ssd_reads_a_score_for_each_class)
{
    bench *b = bench_of(HEAD "output: {decode: ssd, boxes: b, scores: s, background: true,"
                             " units: pixels}\n" TWO);
    const float boxes[2][4] = { { 32, 8, 64, 24 }, { 0, 0, 32, 16 } };
    const float scores[2][3] = { { 0.3f, 0.1f, 0.6f }, { 0.9f, 0.03f, 0.01f } };
    b->tensors[ROLE_BOXES] = floats(boxes[0], 1, 2, 4);
    b->tensors[ROLE_SCORES] = floats(scores[0], 1, 2, 3);
    expect_ok(run(b));
    expect_u64(b->found->count, 1);
    expect_item(b, 0, 1, 0.6, 0.5, 0.25, 0.5, 0.5);
    bench_free(b);
}

VD_TEST(classification_gives_the_whole_picture_a_class)
{
    bench *b = bench_of(HEAD "output: {decode: classification, activation: softmax}\n" TWO);
    const float scores[2] = { 0, logf(3) };
    b->tensors[ROLE_MAIN] = floats(scores, 1, 2, 0);
    expect_ok(run(b));
    expect_u64(b->found->count, 2);
    expect_item(b, 0, 1, 0.75, 0, 0, 1, 1);
    expect_item(b, 1, 0, 0.25, 0, 0, 1, 1);
    expect_near(scores[1], logf(3), 0); /* the model's memory is left alone */
    bench_free(b);
}

static void expect_misfit(const char *output, decode_tensor main, decode_tensor scores)
{
    char yaml[400];
    snprintf(yaml, sizeof(yaml), HEAD "output: {decode: %s}\n" TWO, output);
    bench *b = bench_of(yaml);
    b->tensors[ROLE_MAIN] = b->tensors[ROLE_BOXES] = main;
    b->tensors[ROLE_SCORES] = scores;
    expect_err(run(b), VD_INVALID);
    expect_true(strstr(b->why.fact, "does not fit its descriptor") != NULL);
    expect_true(strstr(b->why.detail, "expected") != NULL);
    bench_free(b);
}

// covers: INF-1
VD_TEST(outputs_of_another_form_are_refused)
{
    static const float numbers[64];
    const decode_tensor none = { 0 }, five = floats(numbers, 1, 4, 5), scores = five;
    decode_tensor integers = floats(numbers, 1, 4, 6);
    integers.type = TENSOR_I64;
    expect_misfit("centernet", five, scores);
    expect_misfit("centernet", integers, scores);
    expect_misfit("centernet", none, scores);
    expect_misfit("centernet", floats(numbers, 2, 2, 6), scores);
    expect_misfit("yolox", five, scores);
    expect_misfit("yolov5", floats(numbers, 1, 6, 6), scores);
    expect_misfit("yolov8", floats(numbers, 1, 7, 7), scores);
    expect_misfit("ssd, boxes: b, scores: s", five, scores);
    expect_misfit("ssd, boxes: b, scores: s", floats(numbers, 1, 4, 4), floats(numbers, 1, 4, 3));
    expect_misfit("ssd, boxes: b, scores: s", floats(numbers, 1, 4, 4), none);
    expect_misfit("classification", floats(numbers, 1, 3, 0), scores);
}

VD_TEST(more_detections_than_fit_keep_the_best)
{
    enum { ROWS = 2000 };
    bench *b = bench_of(HEAD "output: {decode: centernet}\n" TWO "nms_iou: 1\n");
    float *rows = malloc(ROWS * 6 * sizeof(float));
    for (int i = 0; i < ROWS; i++) {
        const float row[6] = { 1, 1, 9, 9, 0.1f + (float)((i * 7) % ROWS) / (2.0f * ROWS), 0 };
        memcpy(rows + (ptrdiff_t)i * 6, row, sizeof(row));
    }
    b->tensors[ROLE_MAIN] = floats(rows, 1, ROWS, 6);
    expect_ok(run(b));
    expect_u64(b->found->count, VD_DETECTIONS_MAX);
    expect_near(b->found->item[0].score, 0.1 + (ROWS - 1) / (2.0 * ROWS), 1e-5);
    for (unsigned i = 1; i < b->found->count; i++)
        expect_true(b->found->item[i].score < b->found->item[i - 1].score);
    free(rows);
    bench_free(b);
}

/* 64 x 32 in strides of 16 and 32: 4 x 2 and 2 x 1 cells. */
#define CELLS 10

static float *cell(float *all, unsigned index, unsigned fields)
{
    return all + index * fields;
}

// covers: INF-4
VD_TEST(nanodet_distances_are_means_of_shares_in_strides)
{
    bench *b = bench_of(HEAD "output: {decode: nanodet, strides: [16, 32], bins: 4}\n" TWO);
    enum { FIELDS = 2 + 16 };
    float rows[CELLS * FIELDS] = { 0 };
    float *near = cell(rows, 5, FIELDS), *far = cell(rows, 9, FIELDS);
    near[1] = 0.9f;                         /* a dog at (16, 16) */
    near[2 + 1] = near[2 + 4 + 1] = 100;    /* one stride left and up */
    near[2 + 8 + 0] = near[2 + 8 + 2] = 50; /* half 0, half 2: one right */
    near[2 + 12 + 0] = 100;                 /* ends there */
    far[0] = 0.4f;                          /* a cat at (32, 0) */
    for (unsigned side = 0; side < 4; side++) far[2 + side * 4] = side == 3 ? 0 : 100;
    for (unsigned bin = 0; bin < 4; bin++) far[2 + 8 + bin] = 7; /* all alike: 1.5 strides */
    far[2 + 12 + 1] = 100;
    b->tensors[ROLE_MAIN] = floats(rows, 1, CELLS, FIELDS);
    expect_ok(run(b));
    expect_u64(b->found->count, 2);
    expect_item(b, 0, 1, 0.9, 0, 0, 0.5, 0.5);
    expect_item(b, 1, 0, 0.4, 0.5, 0, 0.5, 1); /* 48 px reach over the edge */
    bench_free(b);
}

VD_TEST(fcos_distances_begin_in_the_middle_of_a_cell)
{
    bench *b =
        bench_of(HEAD "output: {decode: fcos, strides: [16, 32], activation: sigmoid}\n" TWO);
    enum { FIELDS = 2 + 4 };
    float columns[CELLS * FIELDS];
    for (unsigned i = 0; i < CELLS * 2; i++) columns[i] = -20;
    for (unsigned i = CELLS * 2; i < CELLS * FIELDS; i++) columns[i] = 0.5f;
    columns[CELLS + 3] = 0; /* dog, cell 3 of the first row: 1 / (1 + e^0) */
    columns[CELLS * 2 + 3] = 1.5f;
    b->tensors[ROLE_MAIN] = floats(columns, 1, FIELDS, CELLS);
    expect_ok(run(b));
    expect_u64(b->found->count, 1);
    expect_item(b, 0, 1, 0.5, 0.5, 0, 0.5, 0.5); /* middle (56, 8): 24 left, 8 elsewhere */
    b->tensors[ROLE_MAIN] = floats(columns, 1, FIELDS, CELLS - 1);
    expect_err(run(b), VD_INVALID);
    expect_true(strstr(b->why.detail, "[1,6,9] is given") != NULL);
    bench_free(b);
}

// covers: INF-4
VD_TEST(detr_queries_that_say_nothing_are_left_out)
{
    bench *b = bench_of(HEAD "output: {decode: detr, boxes: b, scores: s, activation: softmax, "
                             "no_object: true}\n" TWO);
    const float boxes[] = { 0.5f, 0.5f, 0.5f, 1, 0.25f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 0.5f, 1 };
    const float scores[] = { 0, 30, 0, 0, 0, 30, 1, 1, 1 };
    b->tensors[ROLE_BOXES] = floats(boxes, 1, 3, 4);
    b->tensors[ROLE_SCORES] = floats(scores, 1, 3, 3);
    expect_ok(run(b));
    expect_u64(b->found->count, 2); /* the second query is sure that nothing is there */
    expect_item(b, 0, 1, 1, 0.25, 0, 0.5, 1);
    expect_item(b, 1, 0, 1.0 / 3, 0.25, 0, 0.5, 1); /* and nothing is suppressed */
    b->tensors[ROLE_SCORES] = floats(scores, 1, 3, 2);
    expect_err(run(b), VD_INVALID);
    bench_free(b);
}

// covers: INF-4
VD_TEST(key_points_follow_the_box_that_stays)
{
    bench *b = bench_of(HEAD "output: {decode: yolov8-pose, points: 2}\nclasses: [person]\n");
    const float rows[] = { 32, 16, 32, 16, 0.6f, 0,  0, 0,    0,  0,  0, /* the same, less sure */
                           32, 16, 32, 16, 0.9f, 16, 8, 0.8f, 80, 24, 0.25f };
    b->tensors[ROLE_MAIN] = floats(rows, 1, 2, 11);
    expect_ok(run(b));
    expect_u64(b->found->count, 1);
    expect_item(b, 0, 0, 0.9, 0.25, 0.25, 0.5, 0.5);
    const vd_detection *d = &b->found->item[0];
    const float *side = vd_detections_side(b->found, d);
    expect_i64(d->side, VD_SIDE_POINTS);
    expect_u64(d->side_count, 6);
    const float want[6] = { 0.25f, 0.25f, 0.8f, 1, 0.75f, 0.25f }; /* the second ends at the edge */
    for (unsigned i = 0; i < 6; i++) expect_near(side[i], want[i], 1e-6);
    bench_free(b);
}

/* 8 x 4 pixels for a tensor of 64 x 32. */
static const float mask[32] = { 0, 0, 0,    0,    0, 0, 0,    0, /**/
                                0, 0, 0.9f, 0.9f, 0, 0, 0.8f, 0, /**/
                                0, 0, 0.9f, 0,    0, 0, 0.8f, 0, /**/
                                0, 0, 0,    0.6f, 0, 0, 0,    0 };

// covers: INF-4
VD_TEST(pixels_of_a_class_that_touch_are_one_thing_with_a_mask)
{
    bench *b = bench_of(HEAD "output: {decode: segments, area_min: 0.05}\nclasses: [stain]\n");
    b->tensors[ROLE_MAIN] = (decode_tensor){ TENSOR_F32, mask, 4, { 1, 1, 4, 8 } };
    expect_ok(run(b));
    expect_u64(b->found->count, 2); /* a corner is no side: the pixel of 0.6 is too small alone */
    expect_item(b, 0, 0, 0.9, 0.25, 0.25, 0.25, 0.5);
    expect_item(b, 1, 0, 0.8, 0.75, 0.25, 0.125, 0.5);
    const vd_detection *d = &b->found->item[0];
    const float *side = vd_detections_side(b->found, d);
    expect_i64(d->side, VD_SIDE_MASK);
    expect_u64(d->side_count, VD_SIDE_GRID * VD_SIDE_GRID);
    expect_near(side[0], 1, 0);
    expect_near(side[VD_SIDE_GRID - 1], 1, 0);
    expect_near(side[VD_SIDE_GRID * VD_SIDE_GRID - 1], 0, 0); /* right below is missing */
    expect_near(side[VD_SIDE_GRID * (VD_SIDE_GRID - 1)], 1, 0);
    bench_free(b);
}

VD_TEST(segments_come_in_any_layout_and_without_the_background)
{
    bench *b =
        bench_of(HEAD "output: {decode: segments, activation: softmax, background: true}\n" TWO);
    float last[2 * 2 * 3] = { 9, 0, 0, /**/ 0, 0, 9, /**/ 0, 9, 0, /**/ 0, 0, 9 };
    const int32_t numbers[4] = { 0, 2, 1, 7 };
    b->tensors[ROLE_MAIN] = (decode_tensor){ TENSOR_F32, last, 4, { 1, 2, 2, 3 } };
    expect_ok(run(b));
    expect_u64(b->found->count, 2);
    expect_i64(b->found->item[0].class_id, 0); /* a cat in the left lower quarter */
    expect_item(b, 1, 1, b->found->item[0].score, 0.5, 0, 0.5, 1);
    b->tensors[ROLE_MAIN] = (decode_tensor){ TENSOR_I32, numbers, 3, { 1, 2, 2 } };
    expect_ok(run(b));
    expect_u64(b->found->count, 2);
    expect_item(b, 0, 0, 1, 0, 0.5, 0.5, 0.5);
    expect_item(b, 1, 1, 1, 0.5, 0, 0.5, 0.5);
    b->tensors[ROLE_MAIN] = (decode_tensor){ TENSOR_F32, last, 4, { 1, 2, 3, 2 } };
    expect_err(run(b), VD_INVALID);
    bench_free(b);
}

// covers: INF-4
VD_TEST(an_anomaly_is_as_bad_as_its_worst_pixel_and_shows_where)
{
    bench *b = bench_of(HEAD "output: {decode: anomaly, pixel_min: 0.7}\nclasses: [defect]\n");
    b->tensors[ROLE_MAIN] = (decode_tensor){ TENSOR_F32, mask, 3, { 1, 4, 8 } };
    expect_ok(run(b));
    expect_u64(b->found->count, 2);
    expect_item(b, 0, 0, 0.9, 0.25, 0.25, 0.25, 0.5);
    const float *side = vd_detections_side(b->found, &b->found->item[0]);
    expect_i64(b->found->item[0].side, VD_SIDE_MAP);
    expect_near(side[0], 0.9, 1e-6);
    expect_near(side[VD_SIDE_GRID * VD_SIDE_GRID - 1], 0, 1e-6);
    bench_free(b);
}

// covers: INF-4
VD_TEST(an_embedding_is_a_vector_of_length_one)
{
    bench *b = bench_of(HEAD "output: {decode: embedding}\nclasses: [picture]\n");
    const float vector[4] = { 3, 0, -4, NAN };
    b->tensors[ROLE_MAIN] = floats(vector, 1, 4, 0);
    expect_ok(run(b));
    expect_u64(b->found->count, 1);
    expect_item(b, 0, 0, 1, 0, 0, 1, 1);
    const float *side = vd_detections_side(b->found, &b->found->item[0]),
                want[4] = { 0.6f, 0, -0.8f, 0 };
    for (unsigned i = 0; i < 4; i++) expect_near(side[i], want[i], 1e-6);
    bench_free(b);
}

VD_TEST(what_is_said_beside_a_box_moves_with_it_while_there_is_room)
{
    vd_detections *from = calloc(1, sizeof *from), *into = calloc(1, sizeof *into);
    vd_detection d = { .score = 1, .side = VD_SIDE_EMBEDDING, .side_at = 2, .side_count = 2 };
    from->side[2] = 5;
    from->side[3] = 6;
    into->side_used = VD_SIDE_MAX - 3;
    vd_detections_take_side(into, from, &d);
    expect_u64(into->side_used, VD_SIDE_MAX - 1);
    expect_near(vd_detections_side(into, &d)[1], 6, 0);
    vd_detections_take_side(into, into, &d); /* one number is left */
    expect_true(vd_detections_side(into, &d) == NULL);
    expect_i64(d.side, VD_SIDE_NONE);
    free(from);
    free(into);
}

VD_TEST_MAIN(VD_RUN(centernet_rows_become_detections_best_first),
             VD_RUN(overlap_is_suppressed_within_a_class_only),
             VD_RUN(yolox_cells_get_their_place_and_stride),
             VD_RUN(yolov5_reads_rows_and_columns_alike), VD_RUN(yolov8_has_no_object_score),
             VD_RUN(ssd_reads_boxes_classes_scores_and_count),
             VD_RUN(ssd_reads_a_score_for_each_class),
             VD_RUN(classification_gives_the_whole_picture_a_class),
             VD_RUN(outputs_of_another_form_are_refused),
             VD_RUN(more_detections_than_fit_keep_the_best),
             VD_RUN(nanodet_distances_are_means_of_shares_in_strides),
             VD_RUN(fcos_distances_begin_in_the_middle_of_a_cell),
             VD_RUN(detr_queries_that_say_nothing_are_left_out),
             VD_RUN(key_points_follow_the_box_that_stays),
             VD_RUN(pixels_of_a_class_that_touch_are_one_thing_with_a_mask),
             VD_RUN(segments_come_in_any_layout_and_without_the_background),
             VD_RUN(an_anomaly_is_as_bad_as_its_worst_pixel_and_shows_where),
             VD_RUN(an_embedding_is_a_vector_of_length_one),
             VD_RUN(what_is_said_beside_a_box_moves_with_it_while_there_is_room))
