// QUANTIZE and DEQUANTIZE between float32 and int8, and int8 to int8 with another scale.
#ifndef FIRMBENCH_KERNELS_QUANTIZE_H
#define FIRMBENCH_KERNELS_QUANTIZE_H

#include <stddef.h>
#include <stdint.h>

#include "requantize.h"

// q[i] = clamp(round(x[i] / scale) + zero_point, -128, 127), halves away from zero. Infinities saturate, NaN becomes
// the zero point, which is that of an int8 tensor. One float32 rounding per operation.
void quantize_f32_to_s8(const float *x, int8_t *q, size_t n, float scale, int32_t zero_point);

// output[i] = (input[i] - zero point) * scale, for count elements.
void dequantize_s8_f32(const int8_t *input, float *output, int32_t count, float scale, int32_t zero_point);

// int8 to int8: rescale is input scale / output scale.
void requantize_s8(const int8_t *input, int8_t *output, int32_t count, Rescale rescale, int32_t input_zero_point,
                   int32_t output_zero_point);

#endif
