/* tensor_priv.h - the two inner loops of vd_frame_tensor, in portable C and for AVX2 and AVX-512.
 *
 *   two source rows, 8 bit ── blend ──> one row, 15 bit (value * 128) ── sample ──> floats
 *
 * Blending runs along the source row, where memory is contiguous; sampling then reads each pair of
 * neighbours with one 32-bit load and weighs it with one multiply-add of pairs. */
#ifndef VD_TENSOR_PRIV_H
#define VD_TENSOR_PRIV_H
#include <stdbool.h>
#include <stdint.h>

#define TENSOR_SIDE_MAX 4096  /* pixels along one side of a model's input */
#define SOURCE_SIDE_MAX 16384 /* of a picture */
#define WEIGHT_ONE      16384 /* horizontal weights, two of them add up to this */
#define ROW_SCALE       128   /* of a blended row */

/* For each column of the tensor: the left neighbour, and both weights (left low, right high). */
typedef struct {
    int32_t at[TENSOR_SIDE_MAX];
    int32_t weights[TENSOR_SIDE_MAX];
} x_table;

/* channel = clamp(y * luma + u * blue[c] + v * red[c] + offset[c], 0, 255) * scale[c] + shift[c],
 * with y, u, v as sampling leaves them (value * ROW_SCALE * WEIGHT_ONE). */
typedef struct {
    float luma, blue[3], red[3], offset[3], scale[3], shift[3];
} colour;

typedef struct {
    const int16_t *row[3]; /* y, u, v */
    const x_table *table[3];
    const colour *colour;
    float *out[3];
} sample_job;

typedef struct {
    /* weight: of `below`, 0..32767 stands for 0..1 */
    void (*blend)(const uint8_t *above, const uint8_t *below, int16_t weight, int width,
                  int16_t *out);
    void (*sample)(const sample_job *job, int width);
} tensor_kernel;

const tensor_kernel *tensor_kernel_plain(void);
/* NULL when this processor, or this build, has none. */
const tensor_kernel *tensor_kernel_avx2(void);
const tensor_kernel *tensor_kernel_avx512(void);

/* Column range [from, width) in portable C, for tails. */
void tensor_blend_from(const uint8_t *above, const uint8_t *below, int16_t weight, int from,
                       int width, int16_t *out);
void tensor_sample_from(const sample_job *job, int from, int width);
#endif
