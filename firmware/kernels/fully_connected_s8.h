// FULLY_CONNECTED, int8 activations and weights, int32 bias.
#ifndef FIRMBENCH_KERNELS_FULLY_CONNECTED_S8_H
#define FIRMBENCH_KERNELS_FULLY_CONNECTED_S8_H

#include <stdint.h>

#include "dot_block_s8.h"
#include "requantize.h"

// Weights are packed by generator/ops/fully_connected.py: blocks of FULLY_CONNECTED_UNITS output units; in a block, for
// every four inputs, four weights of each unit in turn. Units and inputs are padded to multiples of four with zero
// weights.
#define FULLY_CONNECTED_UNITS DOT_BLOCK_ROWS

typedef struct {
    const int8_t *weights;  // [units / 4][depth / 4][4 units][4 inputs], 4-byte aligned
    const int32_t *bias;    // [units, padded to 4], with -input zero point x sum of weights added
    const Rescale *rescale; // [units] if per channel, else [1]
    int32_t batches;
    int32_t depth;        // inputs, padded to a multiple of 4
    int32_t input_stride; // inputs, not padded
    int32_t units;        // outputs, not padded
    int32_t per_channel;
    int32_t output_zero_point;
    int32_t activation_min, activation_max;
} FullyConnected;

// input: [batches][input_stride], 4-byte aligned; depth - input_stride bytes after it are read too and may hold
// anything, since their weights are zero. output: [batches][units].
void fully_connected_s8(const FullyConnected *layer, const int8_t *input, int8_t *output);

#endif
