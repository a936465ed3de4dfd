/* The same loops with 256 and 512 bit registers; chosen at run time, so one build fits all. */
#include "tensor_priv.h"

#include <stddef.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX2   __attribute__((target("avx2,fma")))
#define AVX512 __attribute__((target("avx512f,avx512bw,avx2,fma")))

AVX2 static void blend_avx2(const uint8_t *above, const uint8_t *below, int16_t weight, int width,
                            int16_t *out)
{
    const __m256i by = _mm256_set1_epi16(weight);
    int x = 0;
    for (; x + 16 <= width; x += 16) {
        __m256i a = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(above + x)));
        __m256i b = _mm256_cvtepu8_epi16(_mm_loadu_si128((const __m128i *)(below + x)));
        __m256i step = _mm256_mulhrs_epi16(_mm256_slli_epi16(_mm256_sub_epi16(b, a), 7), by);
        _mm256_storeu_si256((__m256i *)(out + x), _mm256_add_epi16(_mm256_slli_epi16(a, 7), step));
    }
    tensor_blend_from(above, below, weight, x, width, out);
}

AVX2 static __m256 pairs_avx2(const int16_t *row, const x_table *table, int x)
{
    __m256i at = _mm256_loadu_si256((const __m256i *)(table->at + x));
    __m256i weights = _mm256_loadu_si256((const __m256i *)(table->weights + x));
    __m256i pairs = _mm256_i32gather_epi32((const int *)(const void *)row, at, 2);
    return _mm256_cvtepi32_ps(_mm256_madd_epi16(pairs, weights));
}

AVX2 static void sample_avx2(const sample_job *job, int width)
{
    const colour *k = job->colour;
    const __m256 zero = _mm256_setzero_ps(), most = _mm256_set1_ps(255);
    int x = 0;
    for (; x + 8 <= width; x += 8) {
        __m256 y = pairs_avx2(job->row[0], job->table[0], x);
        __m256 u = pairs_avx2(job->row[1], job->table[1], x);
        __m256 v = pairs_avx2(job->row[2], job->table[2], x);
        y = _mm256_mul_ps(y, _mm256_set1_ps(k->luma));
        for (int c = 0; c < 3; c++) {
            __m256 value = _mm256_add_ps(y, _mm256_set1_ps(k->offset[c]));
            value = _mm256_fmadd_ps(u, _mm256_set1_ps(k->blue[c]), value);
            value = _mm256_fmadd_ps(v, _mm256_set1_ps(k->red[c]), value);
            value = _mm256_min_ps(_mm256_max_ps(value, zero), most);
            value =
                _mm256_fmadd_ps(value, _mm256_set1_ps(k->scale[c]), _mm256_set1_ps(k->shift[c]));
            _mm256_storeu_ps(job->out[c] + x, value);
        }
    }
    tensor_sample_from(job, x, width);
}

const tensor_kernel *tensor_kernel_avx2(void)
{
    static const tensor_kernel kernel = { blend_avx2, sample_avx2 };
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? &kernel : NULL;
}

AVX512 static void blend_avx512(const uint8_t *above, const uint8_t *below, int16_t weight,
                                int width, int16_t *out)
{
    const __m512i by = _mm512_set1_epi16(weight);
    int x = 0;
    for (; x + 32 <= width; x += 32) {
        __m512i a = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(above + x)));
        __m512i b = _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(below + x)));
        __m512i step = _mm512_mulhrs_epi16(_mm512_slli_epi16(_mm512_sub_epi16(b, a), 7), by);
        _mm512_storeu_si512(out + x, _mm512_add_epi16(_mm512_slli_epi16(a, 7), step));
    }
    tensor_blend_from(above, below, weight, x, width, out);
}

AVX512 static __m512 pairs_avx512(const int16_t *row, const x_table *table, int x)
{
    __m512i at = _mm512_loadu_si512(table->at + x);
    __m512i weights = _mm512_loadu_si512(table->weights + x);
    __m512i pairs = _mm512_i32gather_epi32(at, row, 2);
    return _mm512_cvtepi32_ps(_mm512_madd_epi16(pairs, weights));
}

AVX512 static void sample_avx512(const sample_job *job, int width)
{
    const colour *k = job->colour;
    const __m512 zero = _mm512_setzero_ps(), most = _mm512_set1_ps(255);
    int x = 0;
    for (; x + 16 <= width; x += 16) {
        __m512 y = pairs_avx512(job->row[0], job->table[0], x);
        __m512 u = pairs_avx512(job->row[1], job->table[1], x);
        __m512 v = pairs_avx512(job->row[2], job->table[2], x);
        y = _mm512_mul_ps(y, _mm512_set1_ps(k->luma));
        for (int c = 0; c < 3; c++) {
            __m512 value = _mm512_add_ps(y, _mm512_set1_ps(k->offset[c]));
            value = _mm512_fmadd_ps(u, _mm512_set1_ps(k->blue[c]), value);
            value = _mm512_fmadd_ps(v, _mm512_set1_ps(k->red[c]), value);
            value = _mm512_min_ps(_mm512_max_ps(value, zero), most);
            value =
                _mm512_fmadd_ps(value, _mm512_set1_ps(k->scale[c]), _mm512_set1_ps(k->shift[c]));
            _mm512_storeu_ps(job->out[c] + x, value);
        }
    }
    tensor_sample_from(job, x, width);
}

const tensor_kernel *tensor_kernel_avx512(void)
{
    static const tensor_kernel kernel = { blend_avx512, sample_avx512 };
    bool able = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw");
    return able && tensor_kernel_avx2() ? &kernel : NULL;
}

#else
const tensor_kernel *tensor_kernel_avx2(void)
{
    return NULL;
}
const tensor_kernel *tensor_kernel_avx512(void)
{
    return NULL;
}
#endif
