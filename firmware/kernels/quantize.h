// QUANTIZE and DEQUANTIZE between float32 and int8, and int8 to int8 with another scale.
#ifndef FIRMBENCH_KERNELS_QUANTIZE_H
#define FIRMBENCH_KERNELS_QUANTIZE_H

#include <stdint.h>

#include "requantize.h"

// output[i] = (input[i] - zero point) * scale, for count elements.
void dequantize_s8_f32(const int8_t *input, float *output, int32_t count, float scale, int32_t zero_point);

// int8 to int8: rescale is input scale / output scale.
void requantize_s8(const int8_t *input, int8_t *output, int32_t count, Rescale rescale, int32_t input_zero_point,
                   int32_t output_zero_point);

#endif
