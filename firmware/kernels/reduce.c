#include "reduce.h"

#include "tap_sums_s8.h"

static inline int32_t place(const int32_t *stride, int32_t i, int32_t j, int32_t k, int32_t l) {
    return i * stride[0] + j * stride[1] + k * stride[2] + l * stride[3];
}

static inline int32_t finish(const Reduce *p, int32_t sum, int32_t low, int32_t high) {
    int32_t value = requantize(sum - p->input_zero_points, p->rescale) + p->output_zero_point;
    return value < low ? low : value > high ? high : value;
}

// A kernel that folds each output's elements with `fold` of the value so far and the next, beginning with the first, or
// with 0 for sums, and stores `result` of that.
#define KERNEL(name, type, wide, begin, fold, result)                                                                  \
    static wide name##_at(const Reduce *p, const type *input) {                                                        \
        wide so_far = begin;                                                                                           \
        for (int32_t i = 0; i < p->reduced_shape[0]; i++) {                                                            \
            for (int32_t j = 0; j < p->reduced_shape[1]; j++) {                                                        \
                for (int32_t k = 0; k < p->reduced_shape[2]; k++) {                                                    \
                    const type *at = input + place(p->reduced_stride, i, j, k, 0);                                     \
                    for (int32_t l = 0; l < p->reduced_shape[3]; l++, at += p->reduced_stride[3]) {                    \
                        const type next = *at;                                                                         \
                        so_far = fold;                                                                                 \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
        return so_far;                                                                                                 \
    }                                                                                                                  \
    void name(const Reduce *layer, const type *input, type *output) {                                                  \
        const Reduce p = *layer;                                                                                       \
        for (int32_t i = 0; i < p.kept_shape[0]; i++) {                                                                \
            for (int32_t j = 0; j < p.kept_shape[1]; j++) {                                                            \
                for (int32_t k = 0; k < p.kept_shape[2]; k++) {                                                        \
                    for (int32_t l = 0; l < p.kept_shape[3]; l++) {                                                    \
                        wide folded = name##_at(&p, input + place(p.kept_stride, i, j, k, l));                         \
                        *output++ = (type)(result);                                                                    \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

KERNEL(reduce_sum_s8, int8_t, int32_t, 0, so_far + next, finish(&p, folded, INT8_MIN, INT8_MAX))
KERNEL(reduce_sum_s16, int16_t, int32_t, 0, so_far + next, finish(&p, folded, INT16_MIN, INT16_MAX))
KERNEL(reduce_sum_f32, float, float, 0.0f, so_far + next, folded / p.divisor)
KERNEL(reduce_maximum_s8, int8_t, int32_t, *input, next > so_far ? next : so_far, folded)
KERNEL(reduce_maximum_f32, float, float, *input, next > so_far ? next : so_far, folded)
KERNEL(reduce_minimum_s8, int8_t, int32_t, *input, next < so_far ? next : so_far, folded)
KERNEL(reduce_minimum_f32, float, float, *input, next < so_far ? next : so_far, folded)

void reduce_channel_sum_s8(const Reduce *layer, const int8_t *input, int8_t *output) {
    const Reduce p = *layer;
    for (int32_t i = 0; i < p.kept_shape[0]; i++) {
        for (int32_t j = 0; j < p.kept_shape[1]; j++) {
            for (int32_t k = 0; k < p.kept_shape[2]; k++) {
                const int8_t *from = input + place(p.kept_stride, i, j, k, 0);
                for (int32_t left = p.kept_shape[3]; left > 0; left -= 4, from += 4) {
                    int32_t sums[4];
                    sum_taps(from, 1, 0, p.reduced_shape[3], p.reduced_stride[3], sums);
                    for (int32_t l = 0; l < 4 && l < left; l++) {
                        *output++ = (int8_t)finish(&p, sums[l], INT8_MIN, INT8_MAX);
                    }
                }
            }
        }
    }
}
