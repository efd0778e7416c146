// SOFTMAX along the last axis, of float32.
#ifndef FIRMBENCH_KERNELS_SOFTMAX_F32_H
#define FIRMBENCH_KERNELS_SOFTMAX_F32_H

#include <stdint.h>

typedef struct {
    int32_t rows, depth;
    float beta;
} SoftmaxF32;

void softmax_f32(const SoftmaxF32 *layer, const float *input, float *output);

#endif
