/* score.c - a picture under a registered model.
 *
 * One lock: one picture at a time, because ONNX Runtime takes the cores there are anyway. Who waits
 * is counted; beyond VD_SCORE_WAITING_MAX a request is told to come back. A few models stay loaded;
 * the one used longest ago makes room. */
#include "registry_priv.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "vd/clock.h"

#define NAMES_BYTES  (1u << 18)
#define JPEG_WIDTH   1280
#define JPEG_BYTES   (1u << 20)
#define JPEG_QUALITY 90

typedef struct {
    vd_model *model;
    vd_digest digest;
    int64_t used_us;
} loaded;

struct scorer {
    vd_registry *registry;
    pthread_mutex_t lock;
    atomic_uint waiting;
    loaded models[VD_SCORE_MODELS_MAX];
};

vd_err scorer_new(vd_registry *registry, scorer **ret_scorer, vd_why *why)
{
    scorer *s = calloc(1, sizeof *s);
    if (!s) return vd_fail(why, VD_FULL, "no memory");
    s->registry = registry;
    pthread_mutex_init(&s->lock, NULL);
    *ret_scorer = s;
    return VD_OK;
}

scorer *scorer_free(scorer *s)
{
    if (!s) return NULL;
    for (unsigned n = 0; n < VD_SCORE_MODELS_MAX; n++) vd_model_free(s->models[n].model);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

/* Under the lock. */
static vd_err take_model(scorer *s, const vd_model_row *row, vd_model **ret_model, vd_why *why)
{
    loaded *place = &s->models[0];
    for (unsigned n = 0; n < VD_SCORE_MODELS_MAX; n++) {
        loaded *at = &s->models[n];
        if (at->model && strcmp(at->digest.hex, row->digest.hex) == 0) {
            at->used_us = vd_clock_mono_us();
            *ret_model = at->model;
            return VD_OK;
        }
        if (!at->model || (place->model && at->used_us < place->used_us)) place = at;
    }
    vd_model *model = NULL;
    vd_err err = model_open_row(s->registry, row, &model, why);
    if (err) return err;
    vd_model_free(place->model);
    *place = (loaded){ .model = model, .digest = row->digest, .used_us = vd_clock_mono_us() };
    *ret_model = model;
    return VD_OK;
}

static vd_err keep_boxes(const vd_model *model, const vd_detections *found, const char *object,
                         vd_score *score, vd_why *why)
{
    for (unsigned n = 0; n < found->count; n++) {
        const vd_detection *d = &found->item[n];
        const char *name = vd_model_class_name(model, d->class_id);
        if (d->score < score->score_min || !name || (object && strcmp(object, name) != 0)) continue;
        vd_event_box *box = &score->boxes[score->count++];
        *box = (vd_event_box){ .box = { d->box.l, d->box.t, d->box.w, d->box.h },
                               .score = (double)d->score,
                               .class_name = vd_arena_str(score->names, vd_slice_str(name)) };
        if (!box->class_name) return vd_fail(why, VD_FULL, "no memory for the answer");
    }
    score->preprocess_us = found->preprocess_us;
    score->run_us = found->run_us;
    return VD_OK;
}

static vd_err look(scorer *s, const vd_score_ask *ask, const vd_frame *frame, vd_score *score,
                   vd_why *why)
{
    vd_model *model = NULL;
    vd_detections *found = calloc(1, sizeof *found);
    if (!found) return vd_fail(why, VD_FULL, "no memory for detections");
    vd_err err = take_model(s, &score->model, &model, why);
    if (!err && ask->object && vd_model_class_find(model, ask->object) < 0)
        err =
            vd_fail(why, VD_INVALID, "'%s' knows no class '%.80s'", score->model.name, ask->object);
    if (!err) {
        score->score_min =
            ask->confidence >= 0 ? (float)ask->confidence : vd_model_score_min(model);
        err = vd_model_run(model, frame, found, why);
    }
    if (!err) err = keep_boxes(model, found, ask->object, score, why);
    free(found);
    return err;
}

static vd_err find_row(vd_registry *registry, const char *which, vd_model_row *ret_row, vd_why *why)
{
    vd_store *store = vd_store_pool_take(registry->parts.readers);
    vd_err err = vd_registry_find(store, which, ret_row, why);
    vd_store_pool_give(registry->parts.readers, store);
    return err;
}

static vd_err score_frame(vd_registry *registry, const vd_score_ask *ask, const vd_frame *frame,
                          vd_score *score, vd_why *why)
{
    scorer *s = registry->scorer;
    vd_err err = VD_RETRY;
    if (atomic_fetch_add(&s->waiting, 1) < VD_SCORE_WAITING_MAX) {
        pthread_mutex_lock(&s->lock);
        err = look(s, ask, frame, score, why);
        pthread_mutex_unlock(&s->lock);
    } else {
        (void)vd_fail(why, VD_RETRY, "%d pictures wait to be scored", VD_SCORE_WAITING_MAX);
        vd_why_hint(why, "ask again in a moment");
    }
    atomic_fetch_sub(&s->waiting, 1);
    return err;
}

vd_err vd_registry_score(vd_registry *registry, const vd_score_ask *ask, vd_score *ret_score,
                         vd_why *why)
{
    vd_frame *frame = NULL;
    *ret_score = (vd_score){ .names = vd_arena_new(NAMES_BYTES) };
    if (!ret_score->names) return vd_fail(why, VD_FULL, "no memory");
    vd_err err = find_row(registry, ask->model, &ret_score->model, why);
    if (!err) err = vd_frame_from_image(ask->picture, &frame, why);
    if (!err) {
        ret_score->width_px = vd_frame_picture(frame)->width_px;
        ret_score->height_px = vd_frame_picture(frame)->height_px;
        err = score_frame(registry, ask, frame, ret_score, why);
    }
    if (!err && ask->annotated)
        err = vd_frame_jpeg_boxes(frame, ret_score->boxes, ret_score->count, ask->annotated, why);
    vd_frame_unref(frame);
    if (err) vd_score_done(ret_score);
    return err;
}

void vd_score_done(vd_score *score)
{
    score->names = vd_arena_free(score->names);
}

/* ---- reference pictures ---- */

static vd_err list_boxes(const vd_model *model, const vd_detections *found, double score_min,
                         vd_arena *arena, vd_reference_picture *picture, vd_why *why)
{
    vd_reference_box *boxes = vd_arena_alloc(arena, (found->count + 1) * sizeof *boxes);
    if (!boxes) return vd_fail(why, VD_FULL, "the reference pictures are too large");
    unsigned count = 0;
    for (unsigned n = 0; n < found->count; n++) {
        const vd_detection *d = &found->item[n];
        const char *name = vd_model_class_name(model, d->class_id);
        if ((double)d->score < score_min || !name) continue;
        boxes[count] = (vd_reference_box){
            .class_name = vd_arena_str(arena, vd_slice_str(name)),
            .score = (double)d->score,
            .box = { (double)d->box.l, (double)d->box.t, (double)d->box.w, (double)d->box.h },
        };
        if (!boxes[count++].class_name)
            return vd_fail(why, VD_FULL, "the reference pictures are too large");
    }
    picture->boxes = boxes;
    picture->box_count = count;
    return VD_OK;
}

/* The layer holds JPEGs of moderate size: others are made into such, and looked at as such. */
static vd_err as_jpeg(vd_slice bytes, vd_frame **frame, vd_buf *jpeg, vd_why *why)
{
    bool is_jpeg = bytes.len > 2 && bytes.data[0] == 0xff && bytes.data[1] == 0xd8;
    if (is_jpeg && bytes.len <= JPEG_BYTES)
        return vd_buf_add(jpeg, bytes) ? VD_OK : vd_fail(why, VD_FULL, "no memory for a picture");
    int width = vd_frame_picture(*frame)->width_px;
    vd_err err =
        vd_frame_jpeg(*frame, width > JPEG_WIDTH ? JPEG_WIDTH : 0, JPEG_QUALITY, jpeg, why);
    if (err) return err;
    *frame = vd_frame_unref(*frame);
    return vd_frame_from_jpeg(vd_buf_slice(jpeg), frame, why);
}

vd_err reference_look(vd_model *model, vd_slice bytes, double score_min, vd_arena *arena,
                      vd_reference_picture *ret_picture, vd_why *why)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(4 * JPEG_BYTES);
    vd_frame *frame = NULL;
    vd_detections *found = calloc(1, sizeof *found);
    vd_err err = found ? vd_frame_from_image(bytes, &frame, why) : VD_FULL;
    if (!err) err = as_jpeg(bytes, &frame, &jpeg, why);
    if (!err) err = vd_model_run(model, frame, found, why);
    if (!err) err = list_boxes(model, found, score_min, arena, ret_picture, why);
    if (!err) {
        char *copy = vd_arena_str(arena, vd_buf_slice(&jpeg));
        ret_picture->jpeg = vd_slice_of(copy, jpeg.len);
        if (!copy) err = vd_fail(why, VD_FULL, "the reference pictures are too large");
    }
    vd_frame_unref(frame);
    free(found);
    return err;
}
