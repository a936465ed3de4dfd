/* child_mask.c - paints what nobody may see, before anybody sees the picture.
 *
 * A picture of any kind becomes I420 in memory of this process and is painted there, so that one
 * way of painting serves all. What is painted is a list of spans of cells, 2 x 2 pixels that share
 * their colour. A cell is painted when its middle is inside a polygon or within MARGIN_PX of an
 * edge, both ways: a rim that scaling or colours of half the size might leave is covered too.
 * Nothing else of a frame goes along: no side data, no metadata. */
#include <libswscale/swscale.h>
#include <math.h>

#include "child_priv.h"

#define MARGIN_PX    3 /* half a cell's diagonal, and a cell more on each side */
#define PAINT_LUMA   16
#define PAINT_CHROMA 128

static bool is_share(float value)
{
    return value >= 0 && value <= 1;
}

vd_err masks_open(child_masks *masks, const wire_config *config, vd_why *why)
{
    bool fine = config->mask_count <= WIRE_MASKS_MAX;
    for (uint32_t i = 0; fine && i < config->mask_count; i++) {
        const uint32_t corners = config->mask[i].count;
        fine = corners >= 3 && corners <= WIRE_CORNERS_MAX;
        for (uint32_t k = 0; fine && k < corners; k++)
            fine = is_share(config->mask[i].corner[k][0]) && is_share(config->mask[i].corner[k][1]);
    }
    masks->config = config;
    return fine ? VD_OK : vd_fail(why, VD_INVALID, "the camera's masks cannot be drawn");
}

typedef struct {
    double x[WIRE_CORNERS_MAX], y[WIRE_CORNERS_MAX]; /* pixels */
    uint32_t count;
} polygon;

/* Cells whose middle lies between x of `left` and `right`, in pixels. */
static void mark(uint8_t *cells, uint32_t across, double left, double right)
{
    const double first = ceil((left - 1) / 2), last = floor((right - 1) / 2);
    const uint32_t from = first > 0 ? (uint32_t)first : 0;
    for (uint32_t i = from; i < across && (double)i <= last; i++) cells[i] = 1;
}

/* Where the row at y goes in and out, by the even-odd rule. */
static void mark_inside(uint8_t *cells, uint32_t across, const polygon *p, double y)
{
    double cut[WIRE_CORNERS_MAX];
    uint32_t cuts = 0;
    for (uint32_t i = 0, j = p->count - 1; i < p->count; j = i++) {
        if ((p->y[i] > y) == (p->y[j] > y)) continue;
        const double x = p->x[i] + (y - p->y[i]) / (p->y[j] - p->y[i]) * (p->x[j] - p->x[i]);
        uint32_t at = cuts++;
        for (; at && cut[at - 1] > x; at--) cut[at] = cut[at - 1];
        cut[at] = x;
    }
    for (uint32_t i = 0; i + 1 < cuts; i += 2) mark(cells, across, cut[i], cut[i + 1]);
}

/* What is near the part of an edge that passes the row at y. */
static void mark_edge(uint8_t *cells, uint32_t across, const double from[2], const double to[2],
                      double y)
{
    const double top = y - MARGIN_PX, bottom = y + MARGIN_PX, high = to[1] - from[1];
    double begin = 0, end = 1;
    if (fmax(from[1], to[1]) < top || fmin(from[1], to[1]) > bottom) return;
    if (high != 0) {
        const double a = (top - from[1]) / high, b = (bottom - from[1]) / high;
        begin = fmax(0, fmin(a, b));
        end = fmin(1, fmax(a, b));
    }
    const double x0 = from[0] + begin * (to[0] - from[0]), x1 = from[0] + end * (to[0] - from[0]);
    mark(cells, across, fmin(x0, x1) - MARGIN_PX, fmax(x0, x1) + MARGIN_PX);
}

static void mark_polygon(uint8_t *cells, uint32_t across, const polygon *p, double y)
{
    mark_inside(cells, across, p, y);
    for (uint32_t i = 0, j = p->count - 1; i < p->count; j = i++) {
        const double from[2] = { p->x[j], p->y[j] }, to[2] = { p->x[i], p->y[i] };
        mark_edge(cells, across, from, to, y);
    }
}

static bool add_span(child_masks *masks, uint32_t row, uint32_t from, uint32_t until)
{
    if (masks->span_count == masks->span_room) {
        const size_t room = masks->span_room ? 2 * masks->span_room : 1024;
        mask_span *grown = realloc(masks->span, room * sizeof *grown);
        if (!grown) return false;
        masks->span = grown;
        masks->span_room = room;
    }
    masks->span[masks->span_count++] = (mask_span){ row, from, until };
    return true;
}

static bool add_spans(child_masks *masks, uint32_t row, const uint8_t *cells, uint32_t across)
{
    for (uint32_t i = 0; i < across; i++) {
        const uint32_t from = i;
        while (i < across && cells[i]) i++;
        if (i > from && !add_span(masks, row, from, i)) return false;
    }
    return true;
}

static bool plan_spans(child_masks *masks, int width, int height)
{
    const wire_config *config = masks->config;
    const uint32_t across = (uint32_t)(width + 1) / 2, down = (uint32_t)(height + 1) / 2;
    static polygon polygons[WIRE_MASKS_MAX];
    static uint8_t cells[WIRE_SIDE_MAX / 2 + 1];
    bool fine = true;

    for (uint32_t i = 0; i < config->mask_count; i++) {
        polygons[i].count = config->mask[i].count;
        for (uint32_t k = 0; k < polygons[i].count; k++) {
            polygons[i].x[k] = (double)config->mask[i].corner[k][0] * width;
            polygons[i].y[k] = (double)config->mask[i].corner[k][1] * height;
        }
    }
    masks->span_count = 0;
    for (uint32_t row = 0; fine && row < down; row++) {
        memset(cells, 0, across);
        for (uint32_t i = 0; i < config->mask_count; i++)
            mark_polygon(cells, across, &polygons[i], 2.0 * row + 1);
        fine = add_spans(masks, row, cells, across);
    }
    return fine && (masks->span_count > 0 || config->mask_count == 0);
}

/* A picture of this size that nobody else has; its masks are planned when it is a new one. */
static bool make_room(child_masks *masks, int width, int height)
{
    AVFrame *picture = masks->picture;
    if (picture && picture->width == width && picture->height == height)
        return av_frame_make_writable(picture) >= 0;
    av_frame_free(&masks->picture);
    picture = av_frame_alloc();
    if (!picture) return false;
    picture->format = AV_PIX_FMT_YUV420P;
    picture->width = width;
    picture->height = height;
    masks->picture = picture;
    if (av_frame_get_buffer(picture, 0) >= 0 && plan_spans(masks, width, height)) return true;
    av_frame_free(&masks->picture);
    return false;
}

static void paint_row(AVFrame *picture, int plane, int row, int from, int until, int value)
{
    memset(picture->data[plane] + (ptrdiff_t)row * picture->linesize[plane] + from, value,
           (size_t)(until - from));
}

static void paint(AVFrame *picture, const mask_span *span)
{
    const int row = (int)span->row, from = (int)span->from, until = (int)span->until;
    for (int y = 2 * row; y < 2 * row + 2 && y < picture->height; y++)
        paint_row(picture, 0, y, 2 * from, FFMIN(2 * until, picture->width), PAINT_LUMA);
    for (int plane = 1; plane <= 2; plane++)
        paint_row(picture, plane, row, from, until, PAINT_CHROMA);
}

static void take_facts(AVFrame *picture, const AVFrame *frame)
{
    picture->pts = frame->best_effort_timestamp;
    picture->best_effort_timestamp = frame->best_effort_timestamp;
    picture->key_frame = frame->key_frame;
    picture->color_range = picture_full_range(frame) ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
    picture->colorspace = frame->colorspace;
    picture->color_primaries = frame->color_primaries;
    picture->color_trc = frame->color_trc;
    picture->sample_aspect_ratio = frame->sample_aspect_ratio;
}

vd_err masks_paint(child_masks *masks, const AVFrame *frame, AVFrame **ret_picture, vd_why *why)
{
    vd_err err = VD_FULL;
    if (make_room(masks, frame->width, frame->height)) {
        AVFrame *picture = masks->picture;
        err = VD_INVALID;
        if (picture_to_i420(&masks->sws, frame, picture->data, picture->linesize)) {
            for (size_t i = 0; i < masks->span_count; i++) paint(picture, &masks->span[i]);
            take_facts(picture, frame);
            *ret_picture = picture;
            return VD_OK;
        }
    }
    vd_fail(why, err, "the masks cannot be painted: nothing is shown");
    vd_why_hint(why, err == VD_FULL ? "memory ends" : "set the camera to another video format");
    return err;
}

void masks_done(child_masks *masks)
{
    av_frame_free(&masks->picture);
    sws_freeContext(masks->sws);
    free(masks->span);
    *masks = (child_masks){ 0 };
}
