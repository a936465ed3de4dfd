#include "tensor_priv.h"

#include <stddef.h>

void tensor_blend_from(const uint8_t *above, const uint8_t *below, int16_t weight, int from,
                       int width, int16_t *out)
{
    for (int x = from; x < width; x++) {
        int step = (below[x] - above[x]) * ROW_SCALE * weight;
        out[x] = (int16_t)(above[x] * ROW_SCALE + ((step + 16384) >> 15));
    }
}

static float sample(const int16_t *row, const x_table *table, int x)
{
    int left = (int16_t)(table->weights[x] & 0xffff), right = table->weights[x] >> 16;
    const int16_t *pair = row + table->at[x];
    return (float)(pair[0] * left + pair[1] * right);
}

void tensor_sample_from(const sample_job *job, int from, int width)
{
    const colour *k = job->colour;
    for (int x = from; x < width; x++) {
        float y = sample(job->row[0], job->table[0], x);
        float u = sample(job->row[1], job->table[1], x);
        float v = sample(job->row[2], job->table[2], x);
        for (int c = 0; c < 3; c++) {
            float value = y * k->luma + u * k->blue[c] + v * k->red[c] + k->offset[c];
            value = value < 0 ? 0 : value > 255 ? 255 : value;
            job->out[c][x] = value * k->scale[c] + k->shift[c];
        }
    }
}

static void blend(const uint8_t *above, const uint8_t *below, int16_t weight, int width,
                  int16_t *out)
{
    tensor_blend_from(above, below, weight, 0, width, out);
}

static void sample_all(const sample_job *job, int width)
{
    tensor_sample_from(job, 0, width);
}

const tensor_kernel *tensor_kernel_plain(void)
{
    static const tensor_kernel kernel = { blend, sample_all };
    return &kernel;
}
