// FULLY_CONNECTED of one input vector with eight units or more: three multiplications for four units.
#ifndef FIRMBENCH_KERNELS_FULLY_CONNECTED_S8_CHAINED_H
#define FIRMBENCH_KERNELS_FULLY_CONNECTED_S8_CHAINED_H

#include <stdint.h>

#include "fully_connected_s8_paired.h"

// Sums as in conv_2d_s8_chained.h, of units instead of filters: three for units 0 to 3 and three for units 4 to 7 of a
// block of eight, the last of which shares units with the one before it if their number is no multiple of eight. A
// block, made by generator/ops/fully_connected.py: the biases of its six sums; for every four inputs the six words of
// inputs 0 and 2 and then those of inputs 1 and 3; with FULLY_CONNECTED_APART, for each unit {multiplier, offset, right
// shift} of `requantize_doubled`. What all units share otherwise is in `record`: with FULLY_CONNECTED_CLAMPED the
// multiplier of `requantize_fixed_fine` and the bias of 256 times the sums of units 3 and 7, which is 0 elsewhere; the
// same as in fully_connected_s8_paired.h with FULLY_CONNECTED_SHARED and FULLY_CONNECTED_SIGNED.

// Code for one number of inputs and one kind of rescaling, in fully_connected_s8_chained_m4.inc. `last`: the outputs of
// the last block.
typedef void FullyConnectedChainedCode(const int32_t *blocks, const int8_t *input, int8_t *output, const int8_t *last,
                                       const int32_t *record);

typedef struct {
    const int32_t *blocks;
    FullyConnectedChainedCode *code;
    int32_t words; // of expanded inputs, a multiple of 2, at most FULLY_CONNECTED_SMALL_WORDS
    int32_t units;
    int32_t rescaling; // FULLY_CONNECTED_APART and so on
    int32_t record[3];
    int32_t activation_min, activation_max;
} FullyConnectedChained;

// input: [inputs]; up to 3 bytes after it are read too and may hold anything. output: [units], may overlay the input.
void fully_connected_s8_chained(const FullyConnectedChained *layer, const int8_t *input, int8_t *output);

#endif
