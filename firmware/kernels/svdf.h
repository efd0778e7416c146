// SVDF, int8 with a state of int8 or int16: a layer of rank-decomposed filters over what its input was in the last
// `memory` inferences.
//
// A unit has `rank` filters. Each projects the input to one number with its feature weights, and keeps that of the last
// inferences as a row of the state, oldest first. The unit's output is the sum over its filters' rows, times their time
// weights.
#ifndef FIRMBENCH_KERNELS_SVDF_H
#define FIRMBENCH_KERNELS_SVDF_H

#include <stdint.h>

#include "requantize.h"

typedef struct {
    const int32_t *feature_bias; // [units * rank]: -input zero point * sum of the filter's feature weights
    const int32_t *bias;         // [units], plus -state zero point * sum of the unit's time weights
    Rescale state_rescale, output_rescale;
    int32_t batches, depth, units, rank, memory;
    int32_t state_zero_point, output_zero_point;
} Svdf;

// input: [batches][depth]; feature_weights: [units * rank][depth]; time_weights: [units * rank][memory];
// state: [batches][units * rank][memory]; output: [batches][units].
// The sums over the state wrap, as the reference's do in practice.
void svdf_s8(const Svdf *layer, const int8_t *input, const int8_t *feature_weights, const int8_t *time_weights,
             int8_t *state, int8_t *output);
void svdf_s16(const Svdf *layer, const int8_t *input, const int8_t *feature_weights, const int16_t *time_weights,
              int16_t *state, int8_t *output);

#endif
