#include "binary.h"

// A kernel whose output elements are `expression` of the elements a and b and of the parameters p. The operands may be
// the output's memory: each element is read before it is written.
#define KERNEL(name, type, expression)                                                                                 \
    void name(const Binary *layer, const type *first, const type *second, type *output) {                              \
        const Binary p = *layer;                                                                                       \
        const int32_t step_a = p.first_stride[4], step_b = p.second_stride[4], count = p.shape[4];                     \
        for (int32_t i = 0; i < p.shape[0]; i++) {                                                                     \
            for (int32_t j = 0; j < p.shape[1]; j++) {                                                                 \
                for (int32_t k = 0; k < p.shape[2]; k++) {                                                             \
                    for (int32_t l = 0; l < p.shape[3]; l++) {                                                         \
                        const type *at_a = first + row_start(p.first_stride, i, j, k, l);                              \
                        const type *at_b = second + row_start(p.second_stride, i, j, k, l);                            \
                        for (const type *end = output + count; output != end; at_a += step_a, at_b += step_b) {        \
                            const type a = *at_a, b = *at_b;                                                           \
                            *output++ = (type)(expression);                                                            \
                        }                                                                                              \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

static inline int32_t row_start(const int32_t *stride, int32_t i, int32_t j, int32_t k, int32_t l) {
    return i * stride[0] + j * stride[1] + k * stride[2] + l * stride[3];
}

static inline int32_t clamp(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}

// The first and the second operand in one scale, with left_shift more bits.
static inline int32_t common_a(const Binary *p, int32_t a) {
    return requantize((a - p->first_zero_point) * (1 << p->left_shift), p->first_rescale);
}

static inline int32_t common_b(const Binary *p, int32_t b) {
    return requantize((b - p->second_zero_point) * (1 << p->left_shift), p->second_rescale);
}

static inline int32_t finish(const Binary *p, int32_t x) {
    return clamp(requantize(x, p->output_rescale) + p->output_zero_point, p->activation_min, p->activation_max);
}

static inline int32_t product(const Binary *p, int32_t a, int32_t b) {
    return finish(p, (a - p->first_zero_point) * (b - p->second_zero_point));
}

static inline int32_t squared_difference(const Binary *p, int32_t a, int32_t b) {
    int32_t difference = common_a(p, a) - common_b(p, b);
    return finish(p, difference * difference);
}

// first_rescale is for inputs of at least 0, second_rescale for products with the slope.
static inline int32_t prelu(const Binary *p, int32_t a, int32_t slope) {
    int32_t x = a - p->first_zero_point;
    int32_t scaled =
        x >= 0 ? requantize(x, p->first_rescale) : requantize(x * (slope - p->second_zero_point), p->second_rescale);
    return clamp(scaled + p->output_zero_point, p->activation_min, p->activation_max);
}

static inline float clamp_f32(const Binary *p, float x) {
    return x < p->low_f32 ? p->low_f32 : x > p->high_f32 ? p->high_f32 : x;
}

KERNEL(add_s8, int8_t, finish(&p, common_a(&p, a) + common_b(&p, b)))
KERNEL(sub_s8, int8_t, finish(&p, common_a(&p, a) - common_b(&p, b)))
KERNEL(mul_s8, int8_t, product(&p, a, b))
KERNEL(maximum_s8, int8_t, a > b ? a : b)
KERNEL(minimum_s8, int8_t, a < b ? a : b)
KERNEL(prelu_s8, int8_t, prelu(&p, a, b))
KERNEL(squared_difference_s8, int8_t, squared_difference(&p, a, b))

KERNEL(add_s16, int16_t, finish(&p, common_a(&p, a) + common_b(&p, b)))
KERNEL(sub_s16, int16_t, finish(&p, common_a(&p, a) - common_b(&p, b)))
KERNEL(mul_s16, int16_t, product(&p, a, b))
KERNEL(maximum_s16, int16_t, a > b ? a : b)
KERNEL(minimum_s16, int16_t, a < b ? a : b)

// Unsigned: these wrap.
KERNEL(add_s32, int32_t, (uint32_t)a + (uint32_t)b)
KERNEL(sub_s32, int32_t, (uint32_t)a - (uint32_t)b)
KERNEL(mul_s32, int32_t, (uint32_t)a *(uint32_t)b)
KERNEL(maximum_s32, int32_t, a > b ? a : b)
KERNEL(minimum_s32, int32_t, a < b ? a : b)
KERNEL(squared_difference_s32, int32_t, ((uint32_t)a - (uint32_t)b) * ((uint32_t)a - (uint32_t)b))

KERNEL(add_f32, float, clamp_f32(&p, a + b))
KERNEL(sub_f32, float, clamp_f32(&p, a - b))
KERNEL(mul_f32, float, clamp_f32(&p, a *b))
KERNEL(div_f32, float, clamp_f32(&p, a / b))
KERNEL(maximum_f32, float, a > b ? a : b)
KERNEL(minimum_f32, float, a < b ? a : b)
KERNEL(squared_difference_f32, float, (a - b) * (a - b))
KERNEL(prelu_f32, float, a >= 0.0f ? a : a * b)
