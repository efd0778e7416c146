// FULLY_CONNECTED of one input vector with four units or more, whose weights are packed two units to a halfword.
#ifndef FIRMBENCH_KERNELS_FULLY_CONNECTED_S8_PAIRED_H
#define FIRMBENCH_KERNELS_FULLY_CONNECTED_S8_PAIRED_H

#include <stdint.h>

// Halfwords as in conv_2d_s8_paired.h. Blocks of eight units, then blocks of four, the last of which share units if the
// rest is no multiple of four; packed by generator/ops/fully_connected.py. A block: for each pair of units the biases
// {256 bias 1 + bias 0, bias 0}; for every four inputs the halfwords of inputs 0 and 2 for each pair, then those of
// inputs 1 and 3; for each unit {m, offset, right shift} of `requantize_by_offset`, which blocks of eight leave out if
// they share one rescaling; for `requantize_doubled`, as sums are less than 2^23 in magnitude. What they share is in
// `record`: such a {m, offset, right shift}; {multiplier, offset} of `requantize_fixed_whole` for even units and the
// multiplier of `requantize_fixed_fine` for odd ones, whose biases have 256ths; or {multiplier, offset, below} of
// `requantize_fixed_signed` for 256 times the sums.
#define FULLY_CONNECTED_APART 0
#define FULLY_CONNECTED_SHARED 1
#define FULLY_CONNECTED_CLAMPED 2
#define FULLY_CONNECTED_SIGNED 3

typedef struct {
    const int32_t *blocks;
    int32_t words; // of expanded inputs, a multiple of 2
    int32_t units;
    int32_t rescaling; // of blocks of eight units: one of the above
    int32_t record[3];
    int32_t activation_min, activation_max;
} FullyConnectedPaired;

// input: [inputs]; up to 3 bytes after it are read too and may hold anything. output: [units], may overlay the input.
// scratch: 4 * words bytes, 4-byte aligned.
void fully_connected_s8_paired(const FullyConnectedPaired *layer, const int8_t *input, int8_t *output, void *scratch);

// The same with the scratch memory on the stack, for so many words of expanded inputs.
#define FULLY_CONNECTED_SMALL_WORDS 320
void fully_connected_s8_paired_small(const FullyConnectedPaired *layer, const int8_t *input, int8_t *output);

#endif
