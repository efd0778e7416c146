#include "unary_f32.h"

#include <math.h>

#include "logistic_f32.h"

#define KERNEL(name, expression)                                                                                       \
    void name(const UnaryF32 *layer, const float *input, float *output) {                                              \
        const UnaryF32 p = *layer;                                                                                     \
        for (int32_t i = 0; i < p.count; i++) {                                                                        \
            const float x = input[i];                                                                                  \
            output[i] = expression;                                                                                    \
        }                                                                                                              \
    }

// At least 0, which NaN becomes, and at most 6.
static inline float gate(float x) {
    float positive = 0.0f < x ? x : 0.0f;
    return positive < 6.0f ? positive : 6.0f;
}

// Halves go to the even neighbour; what rounds to zero from below becomes +0.
static inline float round_half_even(float x) {
    float below = floorf(x), part = x - below;
    int even = below == 2.0f * floorf(below * 0.5f);
    return part < 0.5f || (part == 0.5f && even) ? below : below + 1.0f;
}

KERNEL(abs_f32, fabsf(x))
KERNEL(ceil_f32, ceilf(x))
KERNEL(cos_f32, cosf(x))
KERNEL(elu_f32, x < 0.0f ? expm1f(x) : x)
KERNEL(exp_f32, expf(x))
KERNEL(floor_f32, floorf(x))
KERNEL(hard_swish_f32, x *gate(x + 3.0f) / 6.0f)
KERNEL(leaky_relu_f32, x > 0.0f ? x : x * p.alpha)
KERNEL(log_f32, logf(x))
KERNEL(logistic_f32, logistic(x))
KERNEL(neg_f32, -x)
KERNEL(relu_f32, x < 0.0f ? 0.0f : x)
KERNEL(relu6_f32, x > 6.0f ? 6.0f : x < 0.0f ? 0.0f : x)
KERNEL(round_f32, round_half_even(x))
KERNEL(rsqrt_f32, 1.0f / sqrtf(x))
KERNEL(sin_f32, sinf(x))
KERNEL(sqrt_f32, sqrtf(x))
KERNEL(square_f32, x *x)
KERNEL(tanh_f32, tanhf(x))
