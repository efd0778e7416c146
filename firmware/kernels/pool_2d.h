// AVERAGE_POOL_2D and MAX_POOL_2D.
#ifndef FIRMBENCH_KERNELS_POOL_2D_H
#define FIRMBENCH_KERNELS_POOL_2D_H

#include <stdint.h>

typedef struct {
    int32_t batches, channels;
    int32_t input_h, input_w, output_h, output_w;
    int32_t filter_h, filter_w, stride_h, stride_w, pad_top, pad_left;
    int32_t activation_min, activation_max;
    float low_f32, high_f32;
} Pool2d;

// input: [batches][input_h][input_w][channels]; output: [batches][output_h][output_w][channels]. The average is over
// the part of the window that lies on the input, rounded to nearest, halves away from zero.

// Up to 3 bytes after the input are read too and may hold anything.
void average_pool_2d_s8(const Pool2d *layer, const int8_t *input, int8_t *output);
void average_pool_2d_s16(const Pool2d *layer, const int16_t *input, int16_t *output);
void average_pool_2d_f32(const Pool2d *layer, const float *input, float *output);
void max_pool_2d_s8(const Pool2d *layer, const int8_t *input, int8_t *output);
void max_pool_2d_s16(const Pool2d *layer, const int16_t *input, int16_t *output);
void max_pool_2d_f32(const Pool2d *layer, const float *input, float *output);

#endif
