// From float32 to the integers of a quantised tensor.
#ifndef FIRMBENCH_KERNELS_ROUNDING_H
#define FIRMBENCH_KERNELS_ROUNDING_H

#include <stdint.h>

// Every 16-bit result lies within this distance of any 16-bit zero point, so larger quotients all saturate.
#define ROUNDING_SATURATES 131072.0f

// Nearest integer, halves away from zero; |value| < 2^31. Exact: the fractional part of a float32 is a float32.
static inline int32_t round_half_away(float value) {
    int32_t whole = (int32_t)value;
    float fraction = value - (float)whole;
    if (fraction >= 0.5f)
        return whole + 1;
    if (fraction <= -0.5f)
        return whole - 1;
    return whole;
}

// clamp(round(x / scale) + zero_point, minimum, maximum), halves away from zero. Infinities saturate, NaN becomes the
// zero point. Zero point, minimum and maximum are those of a tensor of at most 16 bits.
static inline int32_t quantize_f32(float x, float scale, int32_t zero_point, int32_t minimum, int32_t maximum) {
    float quotient = x / scale;
    if (quotient >= ROUNDING_SATURATES)
        return maximum;
    if (quotient <= -ROUNDING_SATURATES)
        return minimum;
    if (quotient != quotient)
        return zero_point;
    int32_t value = round_half_away(quotient) + zero_point;
    return value < minimum ? minimum : value > maximum ? maximum : value;
}

#endif
