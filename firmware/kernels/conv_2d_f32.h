// CONV_2D, float32, and with it FULLY_CONNECTED and TRANSPOSE_CONV; any stride, dilation, padding and number of groups.
#ifndef FIRMBENCH_KERNELS_CONV_2D_F32_H
#define FIRMBENCH_KERNELS_CONV_2D_F32_H

#include <stdint.h>

typedef struct {
    const float *weights; // [output_channels][filter_h][filter_w][group_channels]
    const float *bias;    // [output_channels]
    int32_t batches;
    int32_t input_h, input_w, input_channels;
    int32_t output_h, output_w, output_channels;
    int32_t filter_h, filter_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int32_t spread_h, spread_w; // distance of input elements, for TRANSPOSE_CONV; otherwise 1
    int32_t groups;
    int32_t group_channels;
    float activation_min, activation_max;
} Conv2dF32;

// input: [batches][input_h][input_w][input_channels]; output: [batches][output_h][output_w][output_channels].
void conv_2d_f32(const Conv2dF32 *layer, const float *input, float *output);

#endif
