// Data movement: any part of a tensor to any part of another, whatever the type of the elements.
#ifndef FIRMBENCH_KERNELS_COPY_H
#define FIRMBENCH_KERNELS_COPY_H

#include <stdint.h>

#define COPY_RANK 5

// Runs of `run_bytes` neighbouring bytes, in the order of the output's dimensions; all else in bytes, too.
typedef struct {
    int32_t shape[COPY_RANK], input_stride[COPY_RANK], output_stride[COPY_RANK];
    int32_t input_offset, output_offset, run_bytes;
} Copy;

void copy_runs(const Copy *layer, const void *input, void *output);

// `count` elements of `element_bytes` (1, 2, 4 or 8), each with the low bytes of `value`.
typedef struct {
    int32_t count, element_bytes;
    int32_t value[2];
} Fill;

void fill(const Fill *layer, void *output);

#endif
