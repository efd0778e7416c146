#include "inputs.h"

// Every int8 result lies within this distance of any int8 zero point, so larger quotients all saturate.
#define SATURATING 256.0f

// Nearest integer, halves away from zero; |value| < 2^31. Exact: the fractional part of a float32 is a float32.
static int32_t round_half_away(float value) {
    int32_t whole = (int32_t)value;
    float fraction = value - (float)whole;
    if (fraction >= 0.5f)
        return whole + 1;
    if (fraction <= -0.5f)
        return whole - 1;
    return whole;
}

static int8_t quantize(float x, float scale, int32_t zero_point) {
    float quotient = x / scale;
    if (quotient >= SATURATING)
        return INT8_MAX;
    if (quotient <= -SATURATING)
        return INT8_MIN;
    if (quotient != quotient)
        return (int8_t)zero_point;
    int32_t value = round_half_away(quotient) + zero_point;
    return (int8_t)(value > INT8_MAX ? INT8_MAX : value < INT8_MIN ? INT8_MIN : value);
}

void quantize_f32_to_s8(const float *x, int8_t *q, size_t n, float scale, int32_t zero_point) {
    for (size_t i = 0; i < n; i++)
        q[i] = quantize(x[i], scale, zero_point);
}

float mean_squared_error_s8(const int8_t *q, const float *x, size_t n, float scale, int32_t zero_point) {
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        float difference = (float)(q[i] - zero_point) * scale - x[i];
        sum += difference * difference;
    }
    return sum / (float)n;
}

float mean_squared_error_f32(const float *y, const float *x, size_t n) {
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        float difference = y[i] - x[i];
        sum += difference * difference;
    }
    return sum / (float)n;
}
