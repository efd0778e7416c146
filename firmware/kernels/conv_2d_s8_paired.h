// CONV_2D with four filters or more in one group, whose weights are packed two filters to a halfword.
#ifndef FIRMBENCH_KERNELS_CONV_2D_S8_PAIRED_H
#define FIRMBENCH_KERNELS_CONV_2D_S8_PAIRED_H

#include "conv_2d_s8.h"

// Weights h and l of two filters for one input are the halfword 256 h + l. A multiplication of it adds 256 h x + l x to
// a sum, one of its low byte, sign extended, adds l x to another, from which both dot products follow: SXTB16 for half
// of the multiplications instead of all. The sum of h x must stay below 2^23 in magnitude, and h may be -128 only with
// l >= 0.
//
// The kernel walks over the output pixels as `conv_2d_s8` does, two pixels by four filters at a time. Blocks of four
// filters are packed by generator/ops/packing.py; the last two of a layer share filters if their number is no multiple
// of four. A block: for every four inputs the halfwords of inputs 0 and 2, first of filters 1 and 0, then of 3 and 2,
// and so those of inputs 1 and 3; the biases {256 bias 1 + bias 0, bias 0, 256 bias 3 + bias 2, bias 2}; if
// layer->fixed_shift, {multiplier 0, offset 0, multiplier 1, multiplier 2, offset 2, multiplier 3} and six words of
// nothing, for `requantize_fixed_whole` of filters 0 and 2 and `requantize_fixed_fine` of 1 and 3, whose biases have
// parts of 256ths; else for each filter {multiplier, offset, right shift}, of 0 and 2 for `requantize_by_offset`, of 1
// and 3 for `requantize_doubled`. So the weights of all blocks begin at a cache line where those of one fill whole
// lines.
#define CONV_2D_PAIRED_LANES 2
#define CONV_2D_PAIRED_FILTERS 4
#define CONV_2D_PAIRED_BIASES 4
#define CONV_2D_PAIRED_TAIL 16 // words after the weights

// With layer->places, {first, row, column, block} of `Places` in generator/ops/places.py, outputs are planes: rows are
// of whole pairs, columns of whole rows, filters of whole blocks, and nothing is clamped.
//
// input: [batches][input_h][input_w][input_channels]; up to 3 bytes after it are read too and may hold anything.
// output: [batches][output_h][output_w][output_channels]. scratch: 4 + 8 * words * columns bytes, and 4 * words + 8
// more if not pointwise, and plane_bytes and 4 more; 4-byte aligned. layer->groups is 1 and layer->by_offset is set.
void conv_2d_s8_paired(const Conv2dS8 *layer, const int8_t *input, int8_t *output, void *scratch);

// A pointwise convolution from and to other places than those of [height][width][channels]: the pixels of an image lie
// in lines, those of its rows or of its columns, and all of a pixel's blocks of four channels may lie anywhere, as
// generator/ops/planes.py says. Distances in bytes.
typedef struct {
    const int32_t *blocks; // as in Conv2dS8
    int32_t words;         // of weights of a filter, and of a pixel in a column
    int32_t columns;       // pairs expanded at a time: at least those of a line, and those across lines
    int32_t length, lines; // pixels of a line, lines
    int32_t input_blocks, input_block, input_first, input_along, input_across;
    int32_t output_blocks, output_block, output_first, output_along, output_across;
    int32_t last_block;  // from the first block of an output pixel to the last
    int32_t interleaved; // 1: output_across is from a line to the second next one, and line 1 begins at output_second
    int32_t output_second;
    int32_t fixed_shift;
    Conv2dS8Block *block;
    int32_t block_words; // of a block of filters
} Conv2dS8Planes;

// scratch: 8 * words * columns bytes, 4-byte aligned.
void conv_2d_s8_paired_planes(const Conv2dS8Planes *layer, const int8_t *input, int8_t *output, void *scratch);

#endif
