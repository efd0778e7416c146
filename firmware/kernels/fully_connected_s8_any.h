// FULLY_CONNECTED, int8 activations, and weights that are computed by the model or have a zero point.
#ifndef FIRMBENCH_KERNELS_FULLY_CONNECTED_S8_ANY_H
#define FIRMBENCH_KERNELS_FULLY_CONNECTED_S8_ANY_H

#include <stdint.h>

#include "requantize.h"

typedef struct {
    const int32_t *bias;    // [units]
    const Rescale *rescale; // [units] if per channel, else [1]
    int32_t batches, depth, units;
    int32_t per_channel;
    int32_t input_zero_point, weights_zero_point, output_zero_point;
    int32_t activation_min, activation_max;
} FullyConnectedAny;

// input: [batches][depth]; weights: [units][depth]; output: [batches][units].
void fully_connected_s8_any(const FullyConnectedAny *layer, const int8_t *input, const int8_t *weights, int8_t *output);

#endif
