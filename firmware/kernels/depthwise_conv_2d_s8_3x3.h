// DEPTHWISE_CONV_2D with one filter per channel of at most 3 x 3 taps, without dilation, with strides of 1 or of 2.
#ifndef FIRMBENCH_KERNELS_DEPTHWISE_CONV_2D_S8_3X3_H
#define FIRMBENCH_KERNELS_DEPTHWISE_CONV_2D_S8_3X3_H

#include <stdint.h>

// For each block of four channels the kernel copies padded lines of the plane, its rows or its columns, to the scratch
// memory, a word for the four channels of a place. There it computes the outputs channel by channel, each over an input
// byte that is not needed any more, copies them to the output, and goes on with the next band of lines. Lines follow
// each other without a gap, and the padding behind one is that before the next: a channel is one run of windows, of
// which those over the ends of lines yield nothing. With stride 2 each two lines are interleaved.
//
// Weights are packed by generator/ops/depthwise_conv_2d.py. Along the lines a window's columns are 0, 1 and 2, across
// them its rows. For each channel: the weights of rows 0 and 1 as halfwords of a word, for columns 0, 1 and 2; those of
// row 2, columns 0 and 1; {right shift, row 2 of column 2} as halfwords; multiplier, offset, bias. These
// are doubled, so that the high word of a sum times the multiplier is the scaled sum, and the offset is that of
// `requantize_by_offset`. If fixed_shift is set, weights are times 256 instead, {multiplier, bias, 0} those of
// `requantize_fixed_fine`, and row 2 of column 1 is in place of the right shift.
#define DEPTHWISE_3X3_CHANNELS 4
#define DEPTHWISE_3X3_RECORD 8 // words

// Computes `run` windows of each channel, the first at `plane`; `line`: bytes from a line, or pair of lines, to the
// next.
typedef void DepthwiseConv2dS83x3Run(int8_t *plane, const int32_t *records, int32_t line, int32_t run,
                                     int32_t channels);

typedef struct {
    const int32_t *records; // the bias has -input zero point x sum of weights added
    int32_t batches, channels;
    int32_t stride;
    int32_t input_plane, input_along, input_across; // bytes: of an image, between places of a line, between lines
    int32_t output_plane, output_along, output_across;
    int32_t pad, inside, length;         // places of a line: padding before it, from the input, in all
    int32_t lines_pad, lines_inside;     // the same for lines
    int32_t tail;                        // words after the lines
    int32_t outputs, output_lines, band; // along a line, lines, lines at a time
    int32_t fixed_shift;                 // which of the two kinds of rescaling
    DepthwiseConv2dS83x3Run *run;        // code for bands of this size, or NULL
    int32_t padding_is_read;             // by it
    int32_t input_zero_point, output_zero_point;
    int32_t activation_min, activation_max;
} DepthwiseConv2dS83x3;

// input: [batches][height][width][channels]; up to 3 bytes after it are read too and may hold anything.
// output: the same with its sizes; it may be the input if `Lowered.in_place` says so.
// scratch: a word for each place of (band - 1) * stride + 3 lines, an even number with stride 2, and the tail; 4-byte
// aligned.
void depthwise_conv_2d_s8_3x3(const DepthwiseConv2dS83x3 *layer, const int8_t *input, int8_t *output, void *scratch);

// output: planes, as generator/ops/places.py says: the padded lines of a block of channels, all in one band,
// output_plane bytes after those of the block before, with the outputs where their windows began. input: as above, or
// the planes, with inputs inside of the padding.
void depthwise_conv_2d_s8_3x3_planes(const DepthwiseConv2dS83x3 *layer, const int8_t *input, int8_t *output);

#endif
