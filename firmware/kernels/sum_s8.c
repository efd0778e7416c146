#include "sum_s8.h"

#include "dsp.h"
#include "requantize.h"

#define BLOCK 8 // elements

static inline int8_t sum_of(const SumS8 *p, int32_t a, int32_t b) {
    return clamp_s8(saturate_s8((a * p->first + b * p->second + p->offset) >> SUM_S8_SHIFT), p->activation_min,
                    p->activation_max);
}

// `count`: a multiple of BLOCK, more than 0.
typedef void Blocks(const SumS8 *layer, const int8_t *first, const int8_t *second, int8_t *output, int32_t count);

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
Blocks sum_s8_blocks, sum_s8_clamped_blocks; // sum_s8_m4.S; the first leaves the activation out of account
#else
static void sum_s8_blocks(const SumS8 *layer, const int8_t *first, const int8_t *second, int8_t *output,
                          int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        output[i] = sum_of(layer, first[i], second[i]);
    }
}
#define sum_s8_clamped_blocks sum_s8_blocks
#endif

void sum_s8(const SumS8 *layer, const int8_t *first, const int8_t *second, int8_t *output) {
    const SumS8 p = *layer;
    const int32_t in_blocks = p.count / BLOCK * BLOCK;
    if (in_blocks > 0) {
        Blocks *const compute =
            p.activation_min > INT8_MIN || p.activation_max < INT8_MAX ? sum_s8_clamped_blocks : sum_s8_blocks;
        compute(layer, first, second, output, in_blocks);
    }
    for (int32_t i = in_blocks; i < p.count; i++) {
        output[i] = sum_of(&p, first[i], second[i]);
    }
}
