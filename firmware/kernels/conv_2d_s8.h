// CONV_2D, int8 activations and weights, int32 bias; any stride, dilation, padding and number of groups.
#ifndef FIRMBENCH_KERNELS_CONV_2D_S8_H
#define FIRMBENCH_KERNELS_CONV_2D_S8_H

#include <stdint.h>

// The kernel walks over the output pixels of all images. It expands the inputs of CONV_2D_PIXELS * columns of them to
// columns of int16 in the scratch memory, then computes all their output channels, two channels by four pixels at a
// time, and so on: its output may begin before its input (`lead` in generator/ops/conv_2d.py).
//
// Weights are packed by generator/ops/packing.py: for each group, blocks of two filters. The last two blocks of a group
// with an odd number of filters share one; a group of one filter has a block of twice that. A block begins with the two
// biases and then, for each filter, {multiplier, offset, right shift} of `requantize_by_offset`, or, for layers it does
// not fit, {multiplier, left shift, right shift}. Then come the weights: for every four inputs, those of inputs 0 and 2
// in one word, {first filter 0, second filter 0, first filter 2, second filter 2}, and those of inputs 1 and 3 in the
// next. The inputs of a filter are its rows, columns and channels, padded to a multiple of four with zero weights.
#define CONV_2D_PIXELS 4
#define CONV_2D_HEAD 8 // words of a block before its weights

// The inner part of `conv_2d_s8_paired`: all pixels of the columns for one block of filters; those of a pair are `step`
// bytes apart in the output, and so is the next pair. After a line, of so many bytes of columns, the output skips some
// bytes. `words`: of weights in the block.
typedef void Conv2dS8Block(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end, int8_t *output,
                           int32_t step, int32_t words, int32_t line_bytes, int32_t skip);

// Expands windows of `conv_2d_s8_paired` to columns, the first of which begins at `from`.
typedef struct Conv2dS8Run Conv2dS8Run;
typedef void Conv2dS8Gather(const Conv2dS8Run *run, const int8_t *from, uint32_t *column);

typedef struct {
    const int32_t *blocks; // the bias has -input zero point x sum of weights added
    int32_t words;         // of weights in a block, and of a pixel in a column
    int32_t columns;       // expanded at a time
    int32_t pixels;        // of all output images
    int32_t input_h, input_w, input_channels;
    int32_t output_h, output_w, output_channels;
    int32_t filter_h, filter_w;
    int32_t stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
    int32_t groups;
    int32_t group_channels, group_filters;
    int32_t reach_h, reach_w; // of the window: (filter - 1) * dilation + 1
    int32_t row_bytes;        // of a row of the window where that is one piece of memory, otherwise 0
    int32_t staged;           // rows are not a multiple of four bytes: they are collected before they are expanded
    int32_t tails;            // last bytes of each row whose inputs come after the whole words of all rows
    // Where not 0, the input, of source_h rows of source_w pixels, is copied first to a plane of so many bytes, after
    // so many rows and pixels of padding. The geometry above is then that of the plane.
    int32_t plane_bytes, source_h, source_w, plane_top, plane_left;
    // Output rows in which only the windows of the first and the last pixel lie over the sides of the input, and what
    // is in memory instead is expanded, too, and then replaced; after how many bytes of a column the halfwords begin to
    // be replaced, of the first pixel and then of the last.
    int32_t replaced_begin, replaced_end;
    int32_t outside_left, outside_right;
    const int16_t *outside;
    int32_t pointwise;      // the window of a pixel is the pixel, and rows_bytes its channels
    int32_t by_offset;      // which of the two kinds of rescaling
    int32_t fixed_shift;    // a third kind, of `conv_2d_s8_paired`
    Conv2dS8Block *block;   // code of `conv_2d_s8_paired` for this number of inputs, or NULL
    Conv2dS8Gather *gather; // code of `conv_2d_s8_paired` for windows of neighbours, or NULL
    int32_t block_words;    // of a block of `conv_2d_s8_paired`
    const int32_t *places;  // of `conv_2d_s8_paired`: where outputs lie, or NULL
    int32_t input_zero_point, output_zero_point;
    int32_t activation_min, activation_max;
} Conv2dS8;

// input: [batches][input_h][input_w][input_channels]; up to 3 bytes after it are read too and may hold anything.
// output: [batches][output_h][output_w][output_channels]. scratch: 16 * words * columns bytes, and 2 * words + 4 more
// if staged or some windows have padding or rows in several pieces; 4-byte aligned.
void conv_2d_s8(const Conv2dS8 *layer, const int8_t *input, int8_t *output, void *scratch);

#endif
