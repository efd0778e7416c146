// SOFTMAX along the last axis, of int8.
#ifndef FIRMBENCH_KERNELS_SOFTMAX_H
#define FIRMBENCH_KERNELS_SOFTMAX_H

#include <stdint.h>

#include "requantize.h"

typedef struct {
    int32_t rows, depth;
    const int32_t *exponentials; // [count] of the distances 0, 1, ... from the row's maximum, as fractions of 2^31
    int32_t count;               // what is farther away than that counts as 0
} Softmax;

void softmax_s8_s8(const Softmax *layer, const int8_t *input, int8_t *output);
void softmax_s8_s16(const Softmax *layer, const int8_t *input, int16_t *output);

typedef struct {
    int32_t rows, depth;
    Rescale factor;              // from differences to steps of `exponentials`
    const int16_t *exponentials; // [513] of -10 to 0, with 15 fractional bits, to interpolate between
    const int16_t *reciprocals;  // [513] 1 / (1 + x) for x from 0 to 1
} SoftmaxS16;

void softmax_s16(const SoftmaxS16 *layer, const int16_t *input, int16_t *output);

#endif
