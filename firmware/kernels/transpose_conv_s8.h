// TRANSPOSE_CONV, int8 activations and weights, int32 bias; any stride and padding.
#ifndef FIRMBENCH_KERNELS_TRANSPOSE_CONV_S8_H
#define FIRMBENCH_KERNELS_TRANSPOSE_CONV_S8_H

#include <stdint.h>

// It is a convolution with mirrored filters on an input whose elements lie `spread` (the operator's stride) apart, with
// nothing between them. Output rows and columns of one phase, that is with the same remainder modulo the spread, meet
// the input with the same taps. So each pair of phases is a convolution of its own, with neighbouring input elements
// and a stride of 1, and they are computed one after another, two pixels by two channels at a time.
//
// Weights are packed by generator/ops/transpose_conv.py: for each phase of the rows that has any, for each such phase
// of the columns, for every two output channels: the phase's taps by row, column and input channel, four input channels
// in a word, a word of the first output channel beside one of the second. Channels are padded with zeros.
typedef struct {
    const int32_t *weights;
    const int32_t *records; // [output_channels][4]: {bias, multiplier, offset, right shift} of `requantize_by_offset`
    int32_t by_offset;      // or, where that is 0, {bias, multiplier, left shift, right shift}
    int32_t batches;
    int32_t input_h, input_w, input_channels;
    int32_t output_h, output_w, output_channels;
    int32_t filter_h, filter_w;
    int32_t spread_h, spread_w, pad_top, pad_left;
    int32_t input_zero_point, output_zero_point;
    int32_t activation_min, activation_max;
} TransposeConvS8;

// input: [batches][input_h][input_w][input_channels]; up to 3 bytes after it are read too and may hold anything.
// output: [batches][output_h][output_w][output_channels]. scratch: 16 bytes for every word of weights that a phase has
// per output channel; 4-byte aligned.
void transpose_conv_s8(const TransposeConvS8 *layer, const int8_t *input, int8_t *output, void *scratch);

#endif
