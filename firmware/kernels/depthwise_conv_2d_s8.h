// DEPTHWISE_CONV_2D with one filter per channel, int8 activations and weights, int32 bias.
#ifndef FIRMBENCH_KERNELS_DEPTHWISE_CONV_2D_S8_H
#define FIRMBENCH_KERNELS_DEPTHWISE_CONV_2D_S8_H

#include <stdint.h>

// For each output row the kernel goes over blocks of four channels, and for each block over the row's pixels, so that a
// block's weights are read from the data cache for all but the first.
//
// Blocks are packed by generator/ops/depthwise_conv_2d.py: {bias, multiplier, offset, shift} of the four channels, then
// for every tap two words, the weights of channels {0, 2} and those of {1, 3} as halfwords. Channels are padded to a
// multiple of four with zeros.
#define DEPTHWISE_CHANNELS 4
#define DEPTHWISE_RECORDS 16 // words

typedef struct {
    const int32_t *blocks; // the bias has -input zero point x sum of weights added
    int32_t batches, channels;
    int32_t input_h, input_w, output_h, output_w;
    int32_t filter_h, filter_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int32_t inside_begin, inside_end; // output columns whose windows do not touch padding on the left or right
    int32_t by_offset; // records are those of `requantize_by_offset`; otherwise {bias, multiplier, left, right}
    int32_t input_zero_point, output_zero_point;
    int32_t activation_min, activation_max;
} DepthwiseConv2dS8;

// input: [batches][input_h][input_w][channels]; up to 3 bytes after it are read too and may hold anything.
// output: [batches][output_h][output_w][channels].
void depthwise_conv_2d_s8(const DepthwiseConv2dS8 *layer, const int8_t *input, int8_t *output);

#endif
