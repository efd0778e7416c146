// QUANTIZE and DEQUANTIZE between float32 and int8, and int8 to int8 with another scale.
#ifndef FIRMBENCH_KERNELS_QUANTIZE_H
#define FIRMBENCH_KERNELS_QUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "requantize.h"

// q[i] = clamp(round(x[i] / scale) + zero_point, -128, 127), halves away from zero. Infinities saturate, NaN becomes
// the zero point, which is that of an int8 tensor. One float32 rounding per operation.
void quantize_f32_to_s8(const float *x, int8_t *q, size_t n, float scale, int32_t zero_point);

typedef struct {
    int32_t count;
    float scale;
    int32_t zero_point;
} Quantize, Dequantize;

void quantize_f32_s8(const Quantize *layer, const float *input, int8_t *output);

// output[i] = (input[i] - zero point) * scale.
void dequantize_s8_f32(const Dequantize *layer, const int8_t *input, float *output);

typedef struct {
    int32_t count;
    Rescale rescale; // input scale / output scale
    int32_t input_zero_point, output_zero_point;
} Requantize;

void requantize_s8(const Requantize *layer, const int8_t *input, int8_t *output);

#endif
