// Tensors copied as they are.
#ifndef FIRMBENCH_KERNELS_COPY_H
#define FIRMBENCH_KERNELS_COPY_H

#include <stdint.h>

typedef struct {
    int32_t bytes;
} Copy;

void copy_tensor(const Copy *layer, const void *input, void *output);

#endif
