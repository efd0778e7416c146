// QUANTIZE and DEQUANTIZE between float32 and quantised types, and from one quantised type to another.
#ifndef FIRMBENCH_KERNELS_QUANTIZE_H
#define FIRMBENCH_KERNELS_QUANTIZE_H

#include <stdint.h>

#include "requantize.h"

typedef struct {
    int32_t count;
    float scale;
    int32_t zero_point;
} Quantize;

// output[i] = clamp(round(input[i] / scale) + zero point), see quantize_f32().
void quantize_f32_s8(const Quantize *layer, const float *input, int8_t *output);
void quantize_f32_s16(const Quantize *layer, const float *input, int16_t *output);

// output[i] = (input[i] - zero point) * scale.
void dequantize_s8_f32(const Quantize *layer, const int8_t *input, float *output);
void dequantize_u8_f32(const Quantize *layer, const uint8_t *input, float *output);
void dequantize_s16_f32(const Quantize *layer, const int16_t *input, float *output);

typedef struct {
    int32_t count;
    Rescale rescale; // input scale / output scale
    int32_t input_zero_point, output_zero_point;
} Requantize;

void requantize_s8_s8(const Requantize *layer, const int8_t *input, int8_t *output);
void requantize_s8_u8(const Requantize *layer, const int8_t *input, uint8_t *output);
void requantize_s8_s16(const Requantize *layer, const int8_t *input, int16_t *output);
void requantize_s8_s32(const Requantize *layer, const int8_t *input, int32_t *output);
void requantize_u8_s8(const Requantize *layer, const uint8_t *input, int8_t *output);
void requantize_s16_s8(const Requantize *layer, const int16_t *input, int8_t *output);
void requantize_s16_s16(const Requantize *layer, const int16_t *input, int16_t *output);
void requantize_s16_s32(const Requantize *layer, const int16_t *input, int32_t *output);
void requantize_s32_s8(const Requantize *layer, const int32_t *input, int8_t *output);
void requantize_s32_s16(const Requantize *layer, const int32_t *input, int16_t *output);

#endif
