// 1 / (1 + exp(-x)) in float32.
#ifndef FIRMBENCH_KERNELS_LOGISTIC_F32_H
#define FIRMBENCH_KERNELS_LOGISTIC_F32_H

#include <math.h>

// The reference's branches: above, the sum is 1 in float32; below, it is its second term.
static inline float logistic(float x) {
    if (x > 16.619047164916992188f) {
        return 1.0f;
    }
    return x < -9.0f ? expf(x) : 1.0f / (1.0f + expf(-x));
}

#endif
