// ADD and SUB of two int8 tensors of one shape.
#ifndef FIRMBENCH_KERNELS_SUM_S8_H
#define FIRMBENCH_KERNELS_SUM_S8_H

#include <stdint.h>

// An output is (first x a + second x b + offset) / 2^SUM_S8_SHIFT, rounded down and saturated. The generator
// (generator/ops/linear_sum.py) has found factors for which that is what the reference computes, for all 65,536 pairs.
#define SUM_S8_SHIFT 21

typedef struct {
    int32_t count;
    int32_t first, second, offset;
    int32_t activation_min, activation_max;
} SumS8;

// The operands may be the output's memory, or begin after it.
void sum_s8(const SumS8 *layer, const int8_t *first, const int8_t *second, int8_t *output);

#endif
