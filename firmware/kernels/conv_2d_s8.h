// CONV_2D, int8 activations and weights, int32 bias; any stride, dilation, padding and number of groups.
#ifndef FIRMBENCH_KERNELS_CONV_2D_S8_H
#define FIRMBENCH_KERNELS_CONV_2D_S8_H

#include <stdint.h>

// The kernel walks over the output pixels of all images. It expands the inputs of up to CONV_2D_PIXELS * quads of them
// to columns of int16 in the scratch memory, then computes all their output channels, two channels by four pixels at a
// time. What it writes is behind what it has read (`lead` in generator/ops/conv_2d.py).
//
// Weights are packed by generator/ops/conv_2d.py: for each group, blocks of two filters. The blocks of a group with an
// odd number of filters overlap in one filter; a group of one has a block of twice that filter. A block is two records
// {bias, multiplier, offset, shift} and then, for every four inputs, the weights of inputs 0, 2 of both filters in one
// word, {first 0, second 0, first 2, second 2}, and those of inputs 1, 3 in the next. Inputs are the filter's rows,
// columns and channels, padded to a multiple of four with zero weights.
#define CONV_2D_PIXELS 4
#define CONV_2D_RECORDS 8 // words

typedef struct {
    const int32_t *blocks; // the bias has -input zero point x sum of weights added
    int32_t words;         // of weights in a block
    int32_t quads;
    int32_t pixels; // of all output images
    int32_t input_h, input_w, input_channels;
    int32_t output_h, output_w, output_channels;
    int32_t filter_h, filter_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int32_t groups;
    int32_t group_channels, group_filters;
    int32_t reach_h, reach_w; // of the window: (filter - 1) * dilation + 1
    int32_t row_bytes;        // of a row of the window where that is one piece of memory, otherwise 0
    int32_t staged;           // rows are not a multiple of four bytes: they are collected before they are expanded
    int32_t by_offset;        // records are those of `requantize_by_offset`; otherwise {bias, multiplier, left, right}
    int32_t input_zero_point, output_zero_point;
    int32_t activation_min, activation_max;
} Conv2dS8;

// input: [batches][input_h][input_w][input_channels]; up to 3 bytes after it are read too and may hold anything.
// output: [batches][output_h][output_w][output_channels]. scratch: 16 * words * quads bytes, and 2 * words + 4 more if
// staged or some windows have padding or rows in several pieces; 4-byte aligned.
void conv_2d_s8(const Conv2dS8 *layer, const int8_t *input, int8_t *output, void *scratch);

#endif
