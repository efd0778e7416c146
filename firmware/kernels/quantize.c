#include "quantize.h"

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
    return clamp_s8(round_half_away(quotient) + zero_point, INT8_MIN, INT8_MAX);
}

void quantize_f32_to_s8(const float *x, int8_t *q, size_t n, float scale, int32_t zero_point) {
    for (size_t i = 0; i < n; i++)
        q[i] = quantize(x[i], scale, zero_point);
}

void quantize_f32_s8(const Quantize *layer, const float *input, int8_t *output) {
    quantize_f32_to_s8(input, output, (size_t)layer->count, layer->scale, layer->zero_point);
}

void dequantize_s8_f32(const Dequantize *layer, const int8_t *input, float *output) {
    const float scale = layer->scale;
    const int32_t count = layer->count, zero_point = layer->zero_point;
    for (int32_t i = 0; i < count; i++) {
        output[i] = (float)(input[i] - zero_point) * scale;
    }
}

void requantize_s8(const Requantize *layer, const int8_t *input, int8_t *output) {
    const Requantize p = *layer; // a copy: output could alias *layer for all the compiler knows
    for (int32_t i = 0; i < p.count; i++) {
        int32_t value = requantize(input[i] - p.input_zero_point, p.rescale) + p.output_zero_point;
        output[i] = clamp_s8(value, -128, 127);
    }
}
