// Fixed-point rescaling exactly as TensorFlow Lite Micro's reference kernels do it
// (MultiplyByQuantizedMultiplier with double rounding, tensorflow/lite/kernels/internal/common.h).
#ifndef FIRMBENCH_KERNELS_REQUANTIZE_H
#define FIRMBENCH_KERNELS_REQUANTIZE_H

#include <stdint.h>

// A positive real factor multiplier * 2^(left - right - 31): multiplier is 0 or in [2^30, 2^31), one of the shifts is
// 0.
typedef struct {
    int32_t multiplier;
    int8_t left;  // 0..30
    int8_t right; // 0..31
} Rescale;

// 2ab / 2^32 rounded to nearest, ties up. This is the reference's SaturatingRoundingDoublingHighMul: its nudge for
// negative products followed by a division towards zero amounts to the same. Its saturation, a = b = -2^31, cannot
// occur: b >= 0.
static inline int32_t rounding_doubling_high_multiply(int32_t a, int32_t b) {
    return (int32_t)(((int64_t)a * b + (1 << 30)) >> 31);
}

// x / 2^exponent rounded to nearest, ties away from zero; exponent in [0, 31], x > -2^31.
static inline int32_t rounding_divide_by_power_of_two(int32_t x, int32_t exponent) {
    if (exponent == 0) {
        return x;
    }
    int32_t biased = x + (x >> 31); // makes ties of negative numbers go down
    return ((biased >> (exponent - 1)) + 1) >> 1;
}

static inline int32_t requantize(int32_t x, Rescale rescale) {
    int32_t scaled = (int32_t)((uint32_t)x << rescale.left); // like the reference, which wraps
    return rounding_divide_by_power_of_two(rounding_doubling_high_multiply(scaled, rescale.multiplier), rescale.right);
}

static inline int8_t clamp_s8(int32_t x, int32_t low, int32_t high) {
    return (int8_t)(x < low ? low : x > high ? high : x);
}

#endif
