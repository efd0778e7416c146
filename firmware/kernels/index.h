// ARG_MAX, ARG_MIN, GATHER.
#ifndef FIRMBENCH_KERNELS_INDEX_H
#define FIRMBENCH_KERNELS_INDEX_H

#include <stdint.h>

// The first of equals, along the middle of [outer][size][inner].
typedef struct {
    int32_t outer, size, inner;
} Argument;

void arg_max_s8(const Argument *layer, const int8_t *input, int32_t *output);
void arg_max_f32(const Argument *layer, const float *input, int32_t *output);
void arg_min_s8(const Argument *layer, const int8_t *input, int32_t *output);
void arg_min_f32(const Argument *layer, const float *input, int32_t *output);

// input: [batches][outer][size][inner_bytes], indices: [batches][count], output: [batches][outer][count][inner_bytes].
// Indices beyond the size are clamped to it.
typedef struct {
    int32_t batches, outer, size, inner_bytes, count;
} Gather;

void gather(const Gather *layer, const void *input, const int32_t *indices, void *output);

#endif
