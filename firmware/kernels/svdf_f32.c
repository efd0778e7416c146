#include "svdf_f32.h"

#include <math.h>

static float dot(const float *input, const float *weights, int32_t depth) {
    float sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        sum += input[i] * weights[i];
    }
    return sum;
}

static float push(float *row, float newest, const float *weights, int32_t memory) {
    float sum = 0;
    for (int32_t i = 0; i + 1 < memory; i++) {
        row[i] = row[i + 1];
        sum += row[i] * weights[i];
    }
    row[memory - 1] = newest;
    return sum + newest * weights[memory - 1];
}

// NaN becomes the upper bound of a clamp, and 0 under RELU.
static float at_most(float x, float high) {
    return x < high ? x : high;
}

static float at_least(float x, float low) {
    return low < x ? x : low;
}

#define KERNEL(name, expression)                                                                                       \
    void name(const SvdfF32 *layer, const float *input, const float *feature_weights, const float *time_weights,       \
              const float *bias, float *state, float *output) {                                                        \
        const SvdfF32 p = *layer;                                                                                      \
        for (int32_t batch = 0; batch < p.batches; batch++, input += p.depth) {                                        \
            const float *features = feature_weights, *times = time_weights;                                            \
            for (int32_t unit = 0; unit < p.units; unit++) {                                                           \
                float x = bias[unit];                                                                                  \
                for (int32_t rank = 0; rank < p.rank; rank++) {                                                        \
                    x += push(state, dot(input, features, p.depth), times, p.memory);                                  \
                    features += p.depth, times += p.memory, state += p.memory;                                         \
                }                                                                                                      \
                *output++ = expression;                                                                                \
            }                                                                                                          \
        }                                                                                                              \
    }

KERNEL(svdf_f32, x)
KERNEL(svdf_relu_f32, at_least(x, 0.0f))
KERNEL(svdf_clamp_f32, at_least(at_most(x, p.activation_max), p.activation_min))
KERNEL(svdf_tanh_f32, tanhf(x))
KERNEL(svdf_sign_bit_f32, signbit(x) ? 1.0f : 0.0f)
