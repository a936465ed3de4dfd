/* sketches.c - a window's way:  open ─(over)─▶ closed, waits up to 2 ticks for a picture ─▶ told */
#include "sketches.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#include "vd/clock.h"
#include "vd/sketch.h"

#define LOOK_EVERY_US   250000
#define PICTURE_QUALITY 75
#define PICTURE_BYTES   (1u << 20)
#define PICTURE_EACH    24 /* windows: one picture at least */
#define PICTURE_WAIT    2  /* ticks */

enum { BRIGHTNESS, CONTRAST, SHARPNESS, SATURATION, COLOUR_U, COLOUR_V, SCORE, SERIES };

#define EDGES(...)                                                                                 \
    (const double[]){ __VA_ARGS__ }, sizeof((const double[]){ __VA_ARGS__ }) / sizeof(double)
static const struct {
    const char *name;
    const double *edges;
    size_t edge_count;
    double moved;  /* so much must the mean move for a picture of the new look */
    bool by_ratio; /* `moved` is a difference of logarithms */
} series[SERIES] = {
    { "brightness", EDGES(16, 32, 48, 64, 80, 96, 112, 128, 144, 160, 176, 192, 208, 224, 240), 12,
      false },
    { "contrast", EDGES(5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 60, 70, 80, 100), 0.2, true },
    { "sharpness",
      EDGES(1, 4, 16, 32, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096, 6144,
            8192, 16384),
      0.25, true },
    { "saturation", EDGES(2, 4, 6, 8, 10, 15, 20, 25, 30, 40, 50, 60, 80, 100), 8, false },
    { "colour_u", EDGES(-40, -30, -20, -15, -10, -6, -3, -1, 1, 3, 6, 10, 15, 20, 30, 40), 4,
      false },
    { "colour_v", EDGES(-40, -30, -20, -15, -10, -6, -3, -1, 1, 3, 6, 10, 15, 20, 30, 40), 4,
      false },
    { "score",
      EDGES(.1, .15, .2, .25, .3, .35, .4, .45, .5, .55, .6, .65, .7, .75, .8, .85, .9, .95), 0,
      false },
};

typedef struct {
    char name[40]; /* cut to fit */
    uint64_t count;
} class_count;

typedef struct {
    int64_t start_us, end_us;
    int64_t live_us;
    uint64_t pictures, analysed;
    vd_sketch of[SERIES];
    class_count classes[VD_SKETCHES_CLASSES_MAX];
    unsigned class_count;
    uint64_t other;
    char model[VD_SHA256_HEX + 1], model_name[129];
} window;

struct vd_sketches {
    char camera[VD_CAMERA_ID_MAX + 1];
    int64_t window_us;
    vd_sketches_sink sink;
    pthread_mutex_t lock; /* guards what follows */
    int64_t looked_us;    /* monotonic */
    int64_t ticked_us;    /* monotonic */
    window open, closed;
    bool waiting;      /* `closed` is to be told */
    bool want_picture; /* a picture of now is wanted for it */
    unsigned waited;   /* ticks */
    vd_frame *frame;
    double pictured[SERIES]; /* means of the window that had a picture last */
    unsigned since_picture;  /* windows; PICTURE_EACH before the first */
};

static void open_window(vd_sketches *s, int64_t now_us)
{
    window *w = &s->open;
    int64_t at = now_us - now_us % s->window_us;
    *w = (window){ .start_us = now_us, .end_us = at + s->window_us };
    if (s->closed.end_us == at) w->start_us = at; /* it goes on without a gap */
    for (unsigned i = 0; i < SERIES; i++)
        w->of[i] = vd_sketch_of(series[i].edges, (unsigned)series[i].edge_count);
}

vd_err vd_sketches_new(const char *camera, int64_t window_ms, const vd_sketches_sink *sink,
                       vd_sketches **ret_sketches)
{
    vd_sketches *s = calloc(1, sizeof *s);
    if (!s) return VD_FULL;
    vd_slice_to_chars(vd_slice_str(camera), s->camera, sizeof s->camera);
    s->window_us = window_ms * 1000;
    s->sink = *sink;
    s->since_picture = PICTURE_EACH;
    s->looked_us = -LOOK_EVERY_US;
    pthread_mutex_init(&s->lock, NULL);
    open_window(s, vd_clock_utc_us());
    *ret_sketches = s;
    return VD_OK;
}

vd_sketches *vd_sketches_free(vd_sketches *s)
{
    if (!s) return NULL;
    vd_frame_unref(s->frame);
    pthread_mutex_destroy(&s->lock);
    free(s);
    return NULL;
}

/* ---- in ---- */

static bool due(vd_sketches *s)
{
    int64_t now_us = vd_clock_mono_us();
    pthread_mutex_lock(&s->lock);
    bool look = now_us - s->looked_us >= LOOK_EVERY_US;
    if (look) s->looked_us = now_us;
    pthread_mutex_unlock(&s->lock);
    return look;
}

void vd_sketches_picture(vd_sketches *s, vd_frame *frame)
{
    if (!due(s)) return;
    vd_look look = vd_frame_look(frame);
    const double values[] = { look.brightness, look.contrast, look.sharpness,
                              look.saturation, look.colour_u, look.colour_v };
    pthread_mutex_lock(&s->lock);
    for (unsigned i = 0; i < VD_COUNT_OF(values); i++) vd_sketch_add(&s->open.of[i], values[i]);
    s->open.pictures++;
    if (s->waiting && s->want_picture && !s->frame) s->frame = vd_frame_ref(frame);
    pthread_mutex_unlock(&s->lock);
}

static void heed_model(window *w, const vd_vocabulary_model *model)
{
    const char *digest = model->digest.hex;
    if (strcmp(w->model, digest) == 0) return;
    memcpy(w->model, digest, sizeof w->model);
    vd_slice_to_chars(vd_slice_str(model->name), w->model_name, sizeof w->model_name);
    vd_sketch_clear(&w->of[SCORE]);
    memset(w->classes, 0, sizeof w->classes);
    w->class_count = 0;
    w->other = w->analysed = 0;
}

static void count_class(window *w, const char *name)
{
    char cut[sizeof w->classes[0].name];
    vd_slice_to_chars(vd_slice_str(name ? name : "?"), cut, sizeof cut);
    for (unsigned i = 0; i < w->class_count; i++) {
        if (strcmp(w->classes[i].name, cut) != 0) continue;
        w->classes[i].count++;
        return;
    }
    if (w->class_count == VD_SKETCHES_CLASSES_MAX) {
        w->other++;
        return;
    }
    memcpy(w->classes[w->class_count].name, cut, sizeof cut);
    w->classes[w->class_count++].count = 1;
}

void vd_sketches_seen(vd_sketches *s, const vd_detections *detections, const vd_vocabulary *words)
{
    const vd_vocabulary_model *first = vd_vocabulary_main(words);
    pthread_mutex_lock(&s->lock);
    window *w = &s->open;
    heed_model(w, first);
    w->analysed++;
    for (unsigned i = 0; i < detections->count; i++) {
        const vd_detection *d = &detections->item[i];
        const vd_vocabulary_model *model = vd_vocabulary_model_of(words, d->class_id);
        if (model == first) vd_sketch_add(&w->of[SCORE], (double)d->score);
        if (d->score >= model->score_min) count_class(w, vd_vocabulary_name(words, d->class_id));
    }
    pthread_mutex_unlock(&s->lock);
}

/* ---- out ---- */

static void write_model(const window *w, vd_json_w *out)
{
    if (!w->model[0]) return;
    vd_json_w_key(out, "classes");
    vd_json_w_object(out);
    for (unsigned i = 0; i < w->class_count; i++)
        vd_json_w_kv_int(out, w->classes[i].name, (int64_t)w->classes[i].count);
    if (w->other) vd_json_w_kv_int(out, "other", (int64_t)w->other);
    vd_json_w_object_end(out);
    vd_json_w_kv_int(out, "analysed", (int64_t)w->analysed);
    vd_json_w_key(out, "model");
    vd_json_w_object(out);
    vd_json_w_kv_text(out, "name", w->model_name);
    vd_json_w_kv_text(out, "digest", w->model);
    vd_json_w_object_end(out);
}

static void write_picture(const vd_frame *frame, vd_slice jpeg, vd_json_w *out)
{
    const vd_picture *p = vd_frame_picture(frame);
    int width = p->width_px, height = p->height_px;
    if (width > VD_SKETCHES_PICTURE_PX) {
        height = (height * VD_SKETCHES_PICTURE_PX + width / 2) / width;
        width = VD_SKETCHES_PICTURE_PX;
    }
    vd_json_w_key(out, "picture");
    vd_json_w_object(out);
    vd_json_w_kv_text(out, "digest", vd_sha256(jpeg).hex);
    vd_json_w_kv_int(out, "bytes", (int64_t)jpeg.len);
    vd_json_w_kv_int(out, "width", width);
    vd_json_w_kv_int(out, "height", height);
    vd_json_w_kv_time(out, "captured_at", p->utc_us);
    vd_json_w_object_end(out);
}

static vd_err write_window(const vd_sketches *s, const window *w, const vd_frame *frame,
                           vd_slice jpeg, vd_buf *into)
{
    vd_json_w out = vd_json_writer(into);
    vd_json_w_object(&out);
    vd_json_w_kv_text(&out, "camera", s->camera);
    vd_json_w_kv_time(&out, "start", w->start_us);
    vd_json_w_kv_time(&out, "end", w->end_us);
    vd_json_w_kv_int(&out, "live_ms", w->live_us / 1000);
    vd_json_w_kv_int(&out, "pictures", (int64_t)w->pictures);
    vd_json_w_key(&out, "series");
    vd_json_w_object(&out);
    for (unsigned i = 0; i < SERIES; i++) {
        if (!w->of[i].count) continue;
        vd_json_w_key(&out, series[i].name);
        vd_sketch_write(&w->of[i], &out);
    }
    vd_json_w_object_end(&out);
    write_model(w, &out);
    if (jpeg.len) write_picture(frame, jpeg, &out);
    vd_json_w_object_end(&out);
    return vd_json_w_end(&out);
}

/* Without the lock: the window is closed, and the frame is ours. */
static void tell(vd_sketches *s, const window *w, vd_frame *frame)
{
    VD_AUTO(vd_buf) jpeg = VD_BUF(PICTURE_BYTES);
    VD_AUTO(vd_buf) json = VD_BUF(VD_SKETCHES_BYTES_MAX);
    if (frame && vd_frame_jpeg(frame,
                               vd_frame_picture(frame)->width_px > VD_SKETCHES_PICTURE_PX
                                   ? VD_SKETCHES_PICTURE_PX
                                   : 0,
                               PICTURE_QUALITY, &jpeg, NULL))
        vd_buf_clear(&jpeg);
    if (!write_window(s, w, frame, vd_buf_slice(&jpeg), &json))
        s->sink.told(s->sink.ctx, s->camera, vd_buf_slice(&json), vd_buf_slice(&jpeg));
    vd_frame_unref(frame);
}

static bool look_moved(const vd_sketches *s, const window *w)
{
    bool moved = false;
    for (unsigned i = 0; i < SCORE; i++) {
        double now = vd_sketch_mean(&w->of[i]), then = s->pictured[i];
        if (series[i].by_ratio) now = log(fmax(now, 1)), then = log(fmax(then, 1));
        moved = moved || fabs(now - then) > series[i].moved;
    }
    return moved;
}

static void note_picture(vd_sketches *s)
{
    for (unsigned i = 0; i < SERIES; i++) s->pictured[i] = vd_sketch_mean(&s->closed.of[i]);
    s->since_picture = 0;
}

static void close_window(vd_sketches *s, int64_t now_us)
{
    s->closed = s->open;
    s->waiting = true;
    s->waited = 0;
    s->since_picture += s->since_picture < PICTURE_EACH;
    s->want_picture = s->closed.pictures >= VD_SKETCHES_LEAST &&
                      (s->since_picture >= PICTURE_EACH || look_moved(s, &s->closed));
    open_window(s, now_us);
}

void vd_sketches_tick(vd_sketches *s, bool live)
{
    int64_t mono_us = vd_clock_mono_us(), now_us = vd_clock_utc_us();
    pthread_mutex_lock(&s->lock);
    if (live && s->ticked_us) s->open.live_us += mono_us - s->ticked_us;
    s->ticked_us = mono_us;
    bool over = now_us >= s->open.end_us || now_us < s->open.start_us - s->window_us;
    if (over && !s->waiting) close_window(s, now_us);
    bool ready = s->waiting && (s->frame || !s->want_picture || ++s->waited > PICTURE_WAIT);
    window w = s->closed;
    vd_frame *frame = ready ? s->frame : NULL;
    if (ready) {
        if (frame) note_picture(s);
        s->frame = NULL;
        s->waiting = false;
    }
    pthread_mutex_unlock(&s->lock);
    if (ready) tell(s, &w, frame);
}

void vd_sketches_finish(vd_sketches *s)
{
    pthread_mutex_lock(&s->lock);
    window closed = s->closed, open = s->open;
    vd_frame *frame = s->frame;
    bool waiting = s->waiting;
    s->frame = NULL;
    s->waiting = false;
    open_window(s, vd_clock_utc_us());
    pthread_mutex_unlock(&s->lock);
    open.end_us = vd_clock_utc_us();
    if (waiting)
        tell(s, &closed, frame);
    else
        vd_frame_unref(frame);
    if (open.pictures >= VD_SKETCHES_LEAST && open.end_us > open.start_us) tell(s, &open, NULL);
}
