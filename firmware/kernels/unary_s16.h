// Elementwise functions of one int16 tensor.
#ifndef FIRMBENCH_KERNELS_UNARY_S16_H
#define FIRMBENCH_KERNELS_UNARY_S16_H

#include <stdint.h>

#include "requantize.h"

// Two straight lines that meet at the input's zero point: ABS, LEAKY_RELU, RELU, RELU6.
typedef struct {
    int32_t count;
    int32_t input_zero_point, output_zero_point;
    Rescale rising, falling; // slopes of inputs at or above and below their zero point; the latter may be negative
    int32_t minimum, maximum;
} LinesS16;

void lines_s16(const LinesS16 *layer, const int16_t *input, int16_t *output);

// LOGISTIC and TANH by interpolation; the output has 15 fractional bits.
typedef struct {
    int32_t count;
    int32_t multiplier, shift; // of an input to 3 x 12 fractional bits: multiplier * 2^-shift
    const uint16_t *table;     // [256] logistic function of i / 24 with 16 fractional bits
} SigmoidS16;

void logistic_s16(const SigmoidS16 *layer, const int16_t *input, int16_t *output);
void tanh_s16(const SigmoidS16 *layer, const int16_t *input, int16_t *output);

#endif
