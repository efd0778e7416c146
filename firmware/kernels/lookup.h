// Elementwise functions of one int8 tensor as a table.
#ifndef FIRMBENCH_KERNELS_LOOKUP_H
#define FIRMBENCH_KERNELS_LOOKUP_H

#include <stdint.h>

typedef struct {
    const int8_t *table; // [256], by the input as an unsigned byte
    int32_t count;
} Lookup;

void lookup_s8(const Lookup *layer, const int8_t *input, int8_t *output);

#endif
