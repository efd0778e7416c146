#include "quantize.h"

void dequantize_s8_f32(const int8_t *input, float *output, int32_t count, float scale, int32_t zero_point) {
    for (int32_t i = 0; i < count; i++) {
        output[i] = (float)(input[i] - zero_point) * scale;
    }
}

void requantize_s8(const int8_t *input, int8_t *output, int32_t count, Rescale rescale, int32_t input_zero_point,
                   int32_t output_zero_point) {
    for (int32_t i = 0; i < count; i++) {
        int32_t value = requantize(input[i] - input_zero_point, rescale) + output_zero_point;
        output[i] = clamp_s8(value, -128, 127);
    }
}
