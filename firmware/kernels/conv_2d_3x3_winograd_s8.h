// CONV_2D, int8, with filters of 3x3, stride 1 and one group, by Winograd's minimal filtering F(4x4, 3x3): 36
// multiplications for 16 outputs and a channel instead of 144. Exact.
#ifndef FIRMBENCH_KERNELS_CONV_2D_3X3_WINOGRAD_S8_H
#define FIRMBENCH_KERNELS_CONV_2D_3X3_WINOGRAD_S8_H

#include <stdint.h>

// A tile of 4x4 outputs Y follows from its 6x6 inputs d and a filter g as Y = A^T [(G g G^T) * (B^T d B)] A, where * is
// element by element and summed over the channels (Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks",
// 2016). With G in 24ths the transformed filters are integers; B and A have integers anyway. So a sum of products here
// is 24 * 24 = 9 * 64 times the true one, modulo 2^32. 9 has an inverse modulo 2^32; an arithmetic shift by 6 is exact
// for true sums below 2^25 in magnitude. Factors of 2 and 4 which rows or columns of A^T have in common are left out
// and made good by the multiplication or the shift.
//
// Inputs are transformed two channels at a time, as integers 2^16 high + low in ordinary 32-bit arithmetic. For the two
// halves not to mix in the result, low must not be negative there: inputs count from -128, and
// CONV_2D_WINOGRAD_LIFT is added to the last 2x2 of the 6x6 inputs, which adds it to all 36 transformed ones. The
// biases allow for both.
//
// The kernel takes the tiles of all images in order, CONV_2D_WINOGRAD_TILES at a time, reads all their inputs and then
// writes all their outputs: its output may begin before its input (`lead` in generator/ops/winograd.py).
//
// Blocks of two filters are packed by generator/ops/winograd.py; the last two share a filter if their number is odd.
// weights: for each of the 36 positions, row by row, and every four channels the words of both filters for channels 0
// and 2, then those for channels 1 and 3, as int16. records: for each filter four rows of {inverse of 9 times the
// factor of the row, biases of the four outputs, shifted as the sums are}, then {multiplier, offset, right shift} of
// `requantize_by_offset`.
#define CONV_2D_WINOGRAD_TILES 4
#define CONV_2D_WINOGRAD_POSITIONS 36
#define CONV_2D_WINOGRAD_RECORD 23 // words
#define CONV_2D_WINOGRAD_LIFT 12750

typedef struct {
    const int32_t *weights;
    const int32_t *records;
    int32_t pairs; // of channels, a multiple of four
    int32_t tiles; // of all images
    int32_t tiles_h, tiles_w;
    int32_t input_h, input_w, input_channels;
    int32_t output_h, output_w, output_channels;
    int32_t pad_top, pad_left;
    int32_t input_zero_point, output_zero_point;
    int32_t activation_min, activation_max;
} Conv2dWinogradS8;

// input: [batches][input_h][input_w][input_channels]; up to 3 bytes after it are read too and may hold anything.
// output: [batches][output_h][output_w][output_channels], at least two channels. scratch: 576 * pairs
// bytes and 1152 or, if that is more, 36 * input_channels + 4; 4-byte aligned.
void conv_2d_3x3_winograd_s8(const Conv2dWinogradS8 *layer, const int8_t *input, int8_t *output, void *scratch);

#endif
