// Elementwise operators of two tensors, with broadcasting.
#ifndef FIRMBENCH_KERNELS_BINARY_H
#define FIRMBENCH_KERNELS_BINARY_H

#include <stdint.h>

#include "requantize.h"

#define ELEMENTWISE_RANK 5

typedef struct {
    int32_t shape[ELEMENTWISE_RANK];                                         // of the output
    int32_t first_stride[ELEMENTWISE_RANK], second_stride[ELEMENTWISE_RANK]; // in elements, 0 where broadcast
    int32_t first_zero_point, second_zero_point, output_zero_point;
    int32_t left_shift;
    Rescale first_rescale, second_rescale, output_rescale;
    int32_t activation_min, activation_max;
    float low_f32, high_f32;
} Binary;

void add_s8(const Binary *layer, const int8_t *first, const int8_t *second, int8_t *output);
void sub_s8(const Binary *layer, const int8_t *first, const int8_t *second, int8_t *output);
void mul_s8(const Binary *layer, const int8_t *first, const int8_t *second, int8_t *output);
void maximum_s8(const Binary *layer, const int8_t *first, const int8_t *second, int8_t *output);
void minimum_s8(const Binary *layer, const int8_t *first, const int8_t *second, int8_t *output);
void squared_difference_s8(const Binary *layer, const int8_t *first, const int8_t *second, int8_t *output);
void prelu_s8(const Binary *layer, const int8_t *first, const int8_t *second, int8_t *output);

void add_s16(const Binary *layer, const int16_t *first, const int16_t *second, int16_t *output);
void sub_s16(const Binary *layer, const int16_t *first, const int16_t *second, int16_t *output);
void mul_s16(const Binary *layer, const int16_t *first, const int16_t *second, int16_t *output);
void maximum_s16(const Binary *layer, const int16_t *first, const int16_t *second, int16_t *output);
void minimum_s16(const Binary *layer, const int16_t *first, const int16_t *second, int16_t *output);

void add_s32(const Binary *layer, const int32_t *first, const int32_t *second, int32_t *output);
void sub_s32(const Binary *layer, const int32_t *first, const int32_t *second, int32_t *output);
void mul_s32(const Binary *layer, const int32_t *first, const int32_t *second, int32_t *output);
void maximum_s32(const Binary *layer, const int32_t *first, const int32_t *second, int32_t *output);
void minimum_s32(const Binary *layer, const int32_t *first, const int32_t *second, int32_t *output);
void squared_difference_s32(const Binary *layer, const int32_t *first, const int32_t *second, int32_t *output);

void add_f32(const Binary *layer, const float *first, const float *second, float *output);
void sub_f32(const Binary *layer, const float *first, const float *second, float *output);
void mul_f32(const Binary *layer, const float *first, const float *second, float *output);
void div_f32(const Binary *layer, const float *first, const float *second, float *output);
void maximum_f32(const Binary *layer, const float *first, const float *second, float *output);
void minimum_f32(const Binary *layer, const float *first, const float *second, float *output);
void squared_difference_f32(const Binary *layer, const float *first, const float *second, float *output);
void prelu_f32(const Binary *layer, const float *first, const float *second, float *output);

#endif
