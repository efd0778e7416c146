// CONV_2D, int16 activations and int8 weights, and with it FULLY_CONNECTED and TRANSPOSE_CONV; any stride, dilation,
// padding and number of groups.
#ifndef FIRMBENCH_KERNELS_CONV_2D_S16_H
#define FIRMBENCH_KERNELS_CONV_2D_S16_H

#include <stdint.h>

#include "requantize.h"

typedef struct {
    const int8_t *weights;  // [output_channels][filter_h][filter_w][group_channels]
    const int64_t *bias;    // [output_channels]
    const Rescale *rescale; // [output_channels]
    int32_t wide;           // sums are rescaled as 64-bit numbers; otherwise they fit 32 bits
    int32_t batches;
    int32_t input_h, input_w, input_channels;
    int32_t output_h, output_w, output_channels;
    int32_t filter_h, filter_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int32_t spread_h, spread_w; // distance of input elements, for TRANSPOSE_CONV; otherwise 1
    int32_t groups;
    int32_t group_channels;
    int32_t activation_min, activation_max;
} Conv2dS16;

// input: [batches][input_h][input_w][input_channels]; output: [batches][output_h][output_w][output_channels].
void conv_2d_s16(const Conv2dS16 *layer, const int16_t *input, int16_t *output);

#endif
