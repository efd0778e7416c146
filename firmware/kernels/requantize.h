// Fixed-point rescaling exactly as TensorFlow Lite Micro's reference kernels do it
// (MultiplyByQuantizedMultiplier with double rounding, tensorflow/lite/kernels/internal/common.h).
#ifndef FIRMBENCH_KERNELS_REQUANTIZE_H
#define FIRMBENCH_KERNELS_REQUANTIZE_H

#include <stdint.h>

#include "dsp.h"

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

// requantize(x, {m, 0, right}) + zero point without a branch, where right > 0. multiplier = 2m - 2^32, and
// offset = 2^(right - 1) + zero point * 2^right.
//
// The same because x + x * (2m - 2^32) / 2^32 = 2mx / 2^32 = mx / 2^31, rounded alike; the offset is what makes the
// shift round, plus the zero point, which passes through it as a whole number. The caller sees to it that x * m / 2^31
// + offset fits 32 bits.
static inline int32_t requantize_by_offset(int32_t x, int32_t multiplier, int32_t offset, int32_t right) {
    int32_t scaled = add_high_multiply_rounded(x, x, multiplier);
    return (scaled + (scaled >> 31) + offset) >> right;
}

// The same for twice the accumulator, |x2| < 2^31, and the multiplier m itself: x2 * m / 2^32 = xm / 2^31. Here the
// sign of x2 stands for that of the scaled value. They differ where that is 0 for x2 = -2 and m = 2^30; with it or with
// -1 the result is the zero point.
static inline int32_t requantize_doubled(int32_t x2, int32_t multiplier, int32_t offset, int32_t right) {
    return (add_high_multiply_rounded(offset, x2, multiplier) + (x2 >> 31)) >> right;
}

// For outputs that are clamped at their zero point: one multiplication and a saturating shift that is the same for all
// filters, for an accumulator, or for 256 times that. generator/ops/clamped_shift.py finds constants, and what biases
// are increased by, with which the result equals `requantize` for all accumulators that can occur.
#define REQUANTIZE_FIXED_WHOLE 4
#define REQUANTIZE_FIXED_FINE 12
static inline int8_t requantize_fixed_whole(int32_t x, int32_t multiplier, int32_t offset) {
    return saturate_s8(add_high_multiply(offset, x, multiplier) >> REQUANTIZE_FIXED_WHOLE);
}

static inline int8_t requantize_fixed_fine(int32_t x256, int32_t multiplier) {
    return saturate_s8(add_high_multiply(0, x256, multiplier) >> REQUANTIZE_FIXED_FINE);
}

// The same for any outputs and accumulators times any power of two. The reference rounds ties of negative numbers down:
// `below` is what is lost there.
#define REQUANTIZE_SIGNED_SHIFT 14
static inline int8_t requantize_fixed_signed(int32_t scaled, int32_t multiplier, int32_t offset, int32_t below) {
    const int32_t sum = add_high_multiply(offset, scaled, multiplier) - (scaled < 0 ? below : 0);
    return saturate_s8(sum >> REQUANTIZE_SIGNED_SHIFT);
}

// A 64-bit accumulator, |x| < 2^47, with a multiplier rounded to 15 bits; rescale.left <= 7. One rounding, ties up, and
// what does not fit wraps, as MultiplyByQuantizedMultiplier for int64_t does it
// (tensorflow/lite/kernels/internal/common.cc).
static inline int32_t requantize_s64(int64_t x, Rescale rescale) {
    const int32_t multiplier = rescale.multiplier < 0x7FFF0000 ? (rescale.multiplier + (1 << 15)) >> 16 : 0x7FFF;
    const int32_t shift = 15 - rescale.left + rescale.right;
    return (int32_t)((x * multiplier + ((int64_t)1 << (shift - 1))) >> shift);
}

static inline int8_t clamp_s8(int32_t x, int32_t low, int32_t high) {
    return (int8_t)(x < low ? low : x > high ? high : x);
}

static inline int16_t clamp_s16(int32_t x, int32_t low, int32_t high) {
    return (int16_t)(x < low ? low : x > high ? high : x);
}

#endif
