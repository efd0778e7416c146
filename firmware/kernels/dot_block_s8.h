// Four int8 dot products with one vector.
#ifndef FIRMBENCH_KERNELS_DOT_BLOCK_S8_H
#define FIRMBENCH_KERNELS_DOT_BLOCK_S8_H

#include <stdint.h>

#include "dsp.h"

#define DOT_BLOCK_ROWS 4

// Adds to each of the sums its row of weights times the input. weights: [depth / 4][4 rows][4 inputs], 4-byte aligned;
// depth is a multiple of 4.
#if FIRMBENCH_DSP
static inline int32_t dot4(int32_t sum, const int8_t *weights, uint32_t even, uint32_t odd) {
    uint32_t word = read_word(weights);
    sum = dual_multiply_add(even_bytes(word), even, sum);
    return dual_multiply_add(odd_bytes(word), odd, sum);
}

static inline void dot_block(const int8_t *weights, const int8_t *input, int32_t depth, int32_t sums[DOT_BLOCK_ROWS]) {
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (const int8_t *end = input + depth; input != end; input += 4, weights += 16) {
        uint32_t word = read_word(input), even = even_bytes(word), odd = odd_bytes(word);
        sum0 = dot4(sum0, weights, even, odd);
        sum1 = dot4(sum1, weights + 4, even, odd);
        sum2 = dot4(sum2, weights + 8, even, odd);
        sum3 = dot4(sum3, weights + 12, even, odd);
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}
#else
static inline void dot_block(const int8_t *weights, const int8_t *input, int32_t depth, int32_t sums[DOT_BLOCK_ROWS]) {
    for (int32_t i = 0; i < depth; i += 4) {
        for (int32_t row = 0; row < DOT_BLOCK_ROWS; row++) {
            for (int32_t j = 0; j < 4; j++) {
                sums[row] += input[i + j] * *weights++;
            }
        }
    }
}
#endif

#endif
