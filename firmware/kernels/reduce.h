// Reductions over any axes.
#ifndef FIRMBENCH_KERNELS_REDUCE_H
#define FIRMBENCH_KERNELS_REDUCE_H

#include <stdint.h>

#include "requantize.h"

#define REDUCE_RANK 4

// Strides in elements of the input; the output holds the kept dimensions in their order.
typedef struct {
    int32_t kept_shape[REDUCE_RANK], kept_stride[REDUCE_RANK];
    int32_t reduced_shape[REDUCE_RANK], reduced_stride[REDUCE_RANK];
    Rescale rescale;                              // of sums; a mean's holds the division
    int32_t input_zero_points, output_zero_point; // the former times the number of elements
    float divisor;
} Reduce;

void reduce_sum_s8(const Reduce *layer, const int8_t *input, int8_t *output);
void reduce_sum_s16(const Reduce *layer, const int16_t *input, int16_t *output);
void reduce_sum_f32(const Reduce *layer, const float *input, float *output);
void reduce_maximum_s8(const Reduce *layer, const int8_t *input, int8_t *output);
void reduce_maximum_f32(const Reduce *layer, const float *input, float *output);
void reduce_minimum_s8(const Reduce *layer, const int8_t *input, int8_t *output);
void reduce_minimum_f32(const Reduce *layer, const float *input, float *output);

// reduce_sum_s8 of neighbouring channels over one dimension, the others of its reduced_shape being 1. Up to 3 bytes
// after the input are read too and may hold anything.
void reduce_channel_sum_s8(const Reduce *layer, const int8_t *input, int8_t *output);

#endif
