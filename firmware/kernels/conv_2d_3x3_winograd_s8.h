// CONV_2D, int8, with filters of 3x3, stride 1 or 2 and one group, by Winograd's minimal filtering: for 4x4 outputs and
// a channel 36 multiplications, or 81 with stride 2, instead of 144. Exact.
#ifndef FIRMBENCH_KERNELS_CONV_2D_3X3_WINOGRAD_S8_H
#define FIRMBENCH_KERNELS_CONV_2D_3X3_WINOGRAD_S8_H

#include <stdint.h>

// A tile of 4x4 outputs Y follows from its inputs d and a filter g as Y = A^T [(G g G^T) * (B^T d B)] A, where * is
// element by element and summed over the channels (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// 2016).
//
// Stride 1: F(4, 3) along both axes, 6x6 inputs and products. With G in 24ths the transformed filters are integers; B
// and A have integers anyway. So a sum of products here is 24 * 24 = 9 * 64 times the true one, modulo 2^32.
//
// Stride 2: along an axis the inputs in even places meet the outer two weights as a convolution of stride 1 does, by
// F(4, 2), 5 products at the points 0, 1, -1, 2 and infinity; those in odd places meet the middle weight, 4 products.
// That makes 9x9, of 9x9 inputs. The 4 have the same weight, so there are 6x6 kinds of weights here, too. With G in
// sixths sums are 36 = 9 * 4 times the true ones.
//
// 9 has an inverse modulo 2^32, and what rescales the outputs takes a true sum times any power of two, as long as that
// fits 32 bits: one multiplication makes one of the other.
//
// Inputs are transformed two channels at a time, as integers 2^16 high + low in ordinary 32-bit arithmetic. For the two
// halves not to mix in the result, low must not be negative there: inputs count from -128, and multiples of
// CONV_2D_WINOGRAD_LIFT are added to some of them, which adds it to all transformed ones. The biases allow for both.
//
// The kernel takes the tiles of all images in order, CONV_2D_WINOGRAD_TILES at a time, reads all their inputs and then
// writes all their outputs: its output may begin before its input (`lead` in generator/ops/winograd.py).
//
// Blocks of two filters are packed by generator/ops/winograd.py; the last two share a filter if their number is odd.
// weights: for each of the 36 kinds, row by row, and every four channels the words of both filters for channels 0 and
// 2, then those for channels 1 and 3, as int16. records: for each filter the factor that makes scaled sums of sums of
// products, {multiplier, offset, below} of `requantize_fixed_signed`, and the biases of the 4x4 outputs, scaled.
#define CONV_2D_WINOGRAD_TILES 4
#define CONV_2D_WINOGRAD_RECORD 20 // words
#define CONV_2D_WINOGRAD_LIFT 12750

typedef struct {
    const int32_t *weights;
    const int32_t *more_weights; // the blocks behind those of `filters_before` filters, if that is not 0
    int32_t filters_before;
    const int32_t *records;
    int32_t stride;
    int32_t pairs; // of channels, a multiple of four
    int32_t tiles; // of all images
    int32_t tiles_h, tiles_w;
    int32_t input_h, input_w, input_channels;
    int32_t output_h, output_w, output_channels;
    int32_t pad_top, pad_left;
    int32_t input_zero_point, output_zero_point;
    int32_t activation_min, activation_max;
    int32_t sum[3]; // of conv_2d_3x3_winograd_sum_s8
} Conv2dWinogradS8;

// input: [batches][input_h][input_w][input_channels]; up to 3 bytes after it are read too and may hold anything.
// output: [batches][output_h][output_w][output_channels], at least two channels. scratch, with 36
// or 81 positions: 16 * positions * pairs bytes and 32 * positions or, if that is more, positions * input_channels + 7;
// 4-byte aligned.
void conv_2d_3x3_winograd_s8(const Conv2dWinogradS8 *layer, const int8_t *input, int8_t *output, void *scratch);

// With an ADD or SUB behind it, as in sum_s8.h: with the convolution's outputs a, saturated, and what `sum` holds, b,
// it becomes (sum[0] x a + sum[1] x b + sum[2]) / 2^SUM_S8_SHIFT, which alone is clamped. Stride 1, an even number of
// filters.
void conv_2d_3x3_winograd_sum_s8(const Conv2dWinogradS8 *layer, const int8_t *input, int8_t *sum, void *scratch);

#endif
