// The logistic function and the hyperbolic tangent by interpolation, exactly as TensorFlow Lite Micro's int16 kernels
// compute them (tensorflow/lite/kernels/internal/reference/integer_ops/{logistic,tanh}.h).
//
// Arguments are multiples of 1 / (3 x 4096), results have 15 fractional bits. `table` is [256]: the logistic function
// of i / 24 with 16 fractional bits.
#ifndef FIRMBENCH_KERNELS_SIGMOID_S16_H
#define FIRMBENCH_KERNELS_SIGMOID_S16_H

#include <stdint.h>
#include <stdlib.h>

// x * multiplier / 2^shift rounded to nearest, ties up.
static inline int32_t sigmoid_argument(int32_t x, int32_t multiplier, int32_t shift) {
    const int32_t half = shift ? 1 << (shift - 1) : 0;
    return (x * multiplier + half) >> shift;
}

// The table at magnitude / 2^bits, with so many more fractional bits.
static inline int32_t sigmoid_interpolate(const uint16_t *table, int32_t magnitude, int32_t bits) {
    const int32_t at = magnitude >> bits, part = magnitude & ((1 << bits) - 1);
    return (table[at] << bits) + part * (table[at + 1] - table[at]);
}

static inline int16_t logistic_q15(const uint16_t *table, int32_t x) {
    const int32_t magnitude = abs(x);
    const int32_t value = magnitude >> 9 >= 255 ? 0x7FFF << 10 : sigmoid_interpolate(table, magnitude, 9);
    return (int16_t)((x >= 0 ? value + (1 << 9) : (1 << 25) - value + (1 << 9) - 1) >> 10);
}

// tanh(x) = 2 logistic(2x) - 1
static inline int16_t tanh_q15(const uint16_t *table, int32_t x) {
    const int32_t magnitude = abs(x);
    const int32_t half = magnitude >> 8 >= 255 ? 0xFFFF << 8 : sigmoid_interpolate(table, magnitude, 8);
    const int32_t value = half - (1 << 23);
    return (int16_t)((x >= 0 ? value + (1 << 7) : (1 << 7) - 1 - value) >> 8);
}

#endif
