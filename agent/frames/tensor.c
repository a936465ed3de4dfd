/* Each row of the tensor is made in one go from two rows of each plane; nothing but a few rows is
 * held in between. Pixel centres are at half: x_source = (x + 0.5) * source / tensor - 0.5, cut to
 * the picture; chroma sits in the middle of its four luma samples. */
#include "frames.h"
#include "tensor_priv.h"

#include <assert.h>
#include <math.h>

typedef struct {
    int left, top, width, height; /* where the picture lies in the tensor */
} area;

/* What one axis of a plane shows: samples `first` to `last`, which `from` and `size` name in pixels
 * of the picture. `shrink` is 2 for chroma. */
typedef struct {
    int from, size, shrink, first, last;
} span;

typedef struct {
    x_table x[2];                        /* luma, chroma */
    int16_t row[3][SOURCE_SIDE_MAX + 4]; /* one more sample than the plane, twice the last */
    float line[3][TENSOR_SIDE_MAX];      /* only for NHWC */
    uint8_t lit[2][SOURCE_SIDE_MAX];     /* only with spec->light: the two rows in the new light */
    const vd_picture *picture;
    vd_part_px part; /* what of the picture is seen */
    const vd_tensor_spec *spec;
    const tensor_kernel *kernel;
    area area;
    colour colour;
    float pad[3];
} pass;

static const tensor_kernel *best_kernel(void)
{
    const tensor_kernel *kernel = tensor_kernel_avx512();
    if (!kernel) kernel = tensor_kernel_avx2();
    return kernel ? kernel : tensor_kernel_plain();
}

static area place(const vd_part_px *part, const vd_tensor_spec *spec)
{
    area a = { 0, 0, spec->width_px, spec->height_px };
    if (spec->fit == VD_FIT_STRETCH) return a;
    float wide = (float)spec->width_px / (float)part->width;
    float high = (float)spec->height_px / (float)part->height;
    float scale = wide < high ? wide : high;
    a.width = (int)lroundf((float)part->width * scale);
    a.height = (int)lroundf((float)part->height * scale);
    a.width = a.width < 1 ? 1 : a.width > spec->width_px ? spec->width_px : a.width;
    a.height = a.height < 1 ? 1 : a.height > spec->height_px ? spec->height_px : a.height;
    if (spec->pad_top_left) return a;
    a.left = (spec->width_px - a.width) / 2;
    a.top = (spec->height_px - a.height) / 2;
    return a;
}

static span span_of(int from, int size, int plane)
{
    int shrink = plane ? 2 : 1;
    return (span){ from, size, shrink, from / shrink, (from + size - 1) / shrink };
}

/* Where output sample `to` of `to_size` falls in the span: whole part, from the span's first
 * sample on, and fraction. */
static int source_at(int to, int to_size, const span *s, float *ret_part)
{
    float pixel = (float)(s->from - s->first * s->shrink) +
                  ((float)to + 0.5f) * (float)s->size / (float)to_size;
    float at = pixel / (float)s->shrink - 0.5f, last = (float)(s->last - s->first);
    at = at < 0 ? 0 : at > last ? last : at;
    int whole = (int)at;
    *ret_part = at - (float)whole;
    return whole;
}

static void fill_table(x_table *table, int width, const span *s)
{
    for (int x = 0; x < width; x++) {
        float part;
        table->at[x] = source_at(x, width, s, &part);
        int right = (int)lroundf(part * WEIGHT_ONE);
        table->weights[x] = (int32_t)((uint32_t)right << 16 | (uint32_t)(WEIGHT_ONE - right));
    }
}

/* YUV to RGB by the picture's matrix and range, then the model's mean and scale, folded into one
 * linear step around the clamp to 0..255. */
static void fill_colour(pass *p)
{
    static const float one[3] = { 1, 1, 1 }, none[3] = { 0 };
    const vd_tensor_spec *spec = p->spec;
    const bool full = p->picture->full_range;
    const float kr = p->picture->bt709 ? 0.2126f : 0.299f;
    const float kb = p->picture->bt709 ? 0.0722f : 0.114f, kg = 1 - kr - kb;
    const float luma = full ? 1 : 255.0f / 219, chroma = full ? 1 : 255.0f / 224;
    const float unit = 1.0f / ((float)ROW_SCALE * WEIGHT_ONE), black = full ? 0 : 16;
    const float red[3] = { 2 * (1 - kr), -2 * (1 - kr) * kr / kg, 0 };
    const float blue[3] = { 0, -2 * (1 - kb) * kb / kg, 2 * (1 - kb) };
    const bool hsv = spec->colour == VD_COLOUR_HSV; /* is made of RGB before mean and scale */
    const float tint = spec->colour == VD_COLOUR_GREY ? 0 : chroma;
    const float *scale = hsv ? one : spec->scale, *mean = hsv ? none : spec->mean;
    p->colour.luma = luma * unit;
    for (int i = 0; i < 3; i++) {
        int c = spec->bgr && !hsv ? 2 - i : i; /* i: place in the tensor, c: which colour */
        p->colour.red[i] = red[c] * tint * unit;
        p->colour.blue[i] = blue[c] * tint * unit;
        p->colour.offset[i] = -black * luma - 128 * tint * (red[c] + blue[c]);
        p->colour.scale[i] = scale[i];
        p->colour.shift[i] = -mean[i] * scale[i];
        p->pad[i] = (spec->pad - spec->mean[i]) * spec->scale[i];
    }
}

static void blend_plane(pass *p, int plane, int y)
{
    const span across = span_of(p->part.left, p->part.width, plane);
    const span down = span_of(p->part.top, p->part.height, plane);
    int width = across.last - across.first + 1;
    float part;
    int at = down.first + source_at(y, p->area.height, &down, &part);
    int below = at < down.last ? at + 1 : at;
    const uint8_t *rows = p->picture->plane[plane] + across.first;
    ptrdiff_t stride = p->picture->stride[plane];
    int16_t *out = p->row[plane];
    const uint8_t *pair[2] = { rows + at * stride, rows + below * stride };
    for (int i = 0; plane == 0 && p->spec->light && i < 2; i++) {
        for (int x = 0; x < width; x++) p->lit[i][x] = p->spec->light[pair[i][x]];
        pair[i] = p->lit[i];
    }
    p->kernel->blend(pair[0], pair[1], (int16_t)(part * 32767.0f), width, out);
    out[width] = out[width - 1];
}

static void fill_pad(float *out, int count, float value)
{
    for (int i = 0; i < count; i++) out[i] = value;
}

/* RGB in `out`, each 0..255, becomes hue, saturation and value, then mean and scale. */
static void turn_to_hsv(const vd_tensor_spec *spec, float *const out[3], int width)
{
    for (int x = 0; x < width; x++) {
        float r = out[0][x], g = out[1][x], b = out[2][x], hue = 0;
        float most = fmaxf(r, fmaxf(g, b)), range = most - fminf(r, fminf(g, b));
        if (range > 0 && most == r)
            hue = (g - b) / range + (g < b ? 6 : 0);
        else if (range > 0)
            hue = most == g ? 2 + (b - r) / range : 4 + (r - g) / range;
        const float value[3] = { hue * (255.0f / 6), most > 0 ? range / most * 255 : 0, most };
        for (int c = 0; c < 3; c++) out[c][x] = (value[c] - spec->mean[c]) * spec->scale[c];
    }
}

static void sample_row(const pass *p, const sample_job *job)
{
    p->kernel->sample(job, p->area.width);
    if (p->spec->colour == VD_COLOUR_HSV) turn_to_hsv(p->spec, job->out, p->area.width);
}

static void planar_row(pass *p, int y, float *tensor)
{
    const area *a = &p->area;
    size_t plane = (size_t)p->spec->width_px * (size_t)p->spec->height_px;
    sample_job job = {
        { p->row[0], p->row[1], p->row[2] }, { &p->x[0], &p->x[1], &p->x[1] }, &p->colour, { NULL }
    };
    for (int c = 0; c < 3; c++) {
        float *row = tensor + (size_t)c * plane + (size_t)y * (size_t)p->spec->width_px;
        fill_pad(row, a->left, p->pad[c]);
        job.out[c] = row + a->left;
        fill_pad(row + a->left + a->width, p->spec->width_px - a->left - a->width, p->pad[c]);
    }
    sample_row(p, &job);
}

static void packed_row(pass *p, int y, float *tensor)
{
    const area *a = &p->area;
    float *out = tensor + (size_t)y * (size_t)p->spec->width_px * 3;
    sample_job job = { { p->row[0], p->row[1], p->row[2] },
                       { &p->x[0], &p->x[1], &p->x[1] },
                       &p->colour,
                       { p->line[0] + a->left, p->line[1] + a->left, p->line[2] + a->left } };
    sample_row(p, &job);
    for (int x = 0; x < p->spec->width_px; x++) {
        bool inside = x >= a->left && x < a->left + a->width;
        for (int c = 0; c < 3; c++) *out++ = inside ? p->line[c][x] : p->pad[c];
    }
}

static void pad_row(const pass *p, int y, float *tensor)
{
    size_t width = (size_t)p->spec->width_px, plane = width * (size_t)p->spec->height_px;
    if (p->spec->layout == VD_LAYOUT_NCHW) {
        for (size_t c = 0; c < 3; c++)
            fill_pad(tensor + c * plane + (size_t)y * width, (int)width, p->pad[c]);
        return;
    }
    float *out = tensor + (size_t)y * width * 3;
    for (size_t x = 0; x < width; x++)
        for (int c = 0; c < 3; c++) *out++ = p->pad[c];
}

static void run_pass(pass *p, float *tensor)
{
    for (int y = 0; y < p->spec->height_px; y++) {
        int inside = y - p->area.top;
        if (inside < 0 || inside >= p->area.height) {
            pad_row(p, y, tensor);
            continue;
        }
        for (int plane = 0; plane < 3; plane++) blend_plane(p, plane, inside);
        if (p->spec->layout == VD_LAYOUT_NCHW)
            planar_row(p, y, tensor);
        else
            packed_row(p, y, tensor);
    }
}

/* x_picture = (x_tensor - dx) * sx, for a part that begins at `from` and is `size` of `whole`. */
static void map_axis(int from, int size, int whole, int to, int to_size, float *ret_d, float *ret_s)
{
    double scale = (double)size / whole / to_size;
    *ret_s = (float)scale;
    *ret_d = (float)(to - (double)from / whole / scale);
}

void vd_picture_tensor(const vd_picture *picture, const vd_part_px *part,
                       const vd_tensor_spec *spec, float *tensor, vd_tensor_map *ret_map)
{
    assert(spec->width_px > 0 && spec->width_px <= TENSOR_SIDE_MAX && spec->height_px > 0);
    assert(picture->width_px > 0 && picture->width_px <= SOURCE_SIDE_MAX);
    assert(part->left >= 0 && part->width > 0 && part->left + part->width <= picture->width_px);
    assert(part->top >= 0 && part->height > 0 && part->top + part->height <= picture->height_px);
    pass p; /* about 300 KB, left uninitialised on purpose */
    p.picture = picture;
    p.part = *part;
    p.spec = spec;
    p.kernel = best_kernel();
    p.area = place(part, spec);
    for (int i = 0; i < 2; i++) {
        span across = span_of(part->left, part->width, i);
        fill_table(&p.x[i], p.area.width, &across);
    }
    fill_colour(&p);
    run_pass(&p, tensor);
    map_axis(part->left, part->width, picture->width_px, p.area.left, p.area.width, &ret_map->dx_px,
             &ret_map->sx);
    map_axis(part->top, part->height, picture->height_px, p.area.top, p.area.height,
             &ret_map->dy_px, &ret_map->sy);
}

void vd_frame_tensor(const vd_frame *frame, const vd_tensor_spec *spec, float *tensor,
                     vd_tensor_map *ret_map)
{
    const vd_picture *picture = vd_frame_picture(frame);
    const vd_part_px all = { 0, 0, picture->width_px, picture->height_px };
    vd_frame_tensor_part(frame, &all, spec, tensor, ret_map);
}

void vd_frame_tensor_part(const vd_frame *frame, const vd_part_px *part, const vd_tensor_spec *spec,
                          float *tensor, vd_tensor_map *ret_map)
{
    vd_picture_tensor(vd_frame_picture(frame), part, spec, tensor, ret_map);
}
