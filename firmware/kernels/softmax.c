#include "softmax.h"

#include "requantize.h"

#define SUM_INTEGER_BITS 12

static int32_t saturate(int64_t x) {
    return (int32_t)(x < INT32_MIN ? INT32_MIN : x > INT32_MAX ? INT32_MAX : x);
}

static int32_t multiply(int32_t a, int32_t b) {
    return saturate(((int64_t)a * b + (1 << 30)) >> 31);
}

typedef struct {
    int32_t scale; // fraction of 2^31 in (1/2, 1]
    int32_t exponent;
} Reciprocal;

// 1 / sum = scale * 2^-exponent, for sum with SUM_INTEGER_BITS integer bits; by Newton-Raphson as gemmlowp's
// GetReciprocal and one_over_one_plus_x_for_x_in_0_1 do it.
static Reciprocal reciprocal(int32_t sum) {
    int32_t headroom = __builtin_clz((uint32_t)sum);
    int32_t fraction = (int32_t)(((uint32_t)sum << headroom) - (1u << 31));
    int32_t half = (int32_t)(((int64_t)fraction + INT32_MAX + 1) / 2);
    int32_t x = 1515870810 + multiply(half, -1010580540); // 48/17 - 32/17 half, with 2 integer bits
    for (int32_t i = 0; i < 3; i++) {
        int32_t error = (1 << 29) - multiply(half, x);
        x = saturate((int64_t)x + saturate((int64_t)multiply(x, error) * 4));
    }
    return (Reciprocal){saturate((int64_t)x * 2), SUM_INTEGER_BITS - headroom};
}

static int8_t maximum(const int8_t *input, int32_t depth) {
    int8_t result = INT8_MIN;
    for (int32_t i = 0; i < depth; i++) {
        result = input[i] > result ? input[i] : result;
    }
    return result;
}

static Reciprocal of_sum(const Softmax *layer, const int8_t *input, int8_t highest) {
    int32_t sum = 0;
    for (int32_t i = 0; i < layer->depth; i++) {
        int32_t distance = highest - input[i];
        if (distance < layer->count) {
            sum += rounding_divide_by_power_of_two(layer->exponentials[distance], SUM_INTEGER_BITS);
        }
    }
    return reciprocal(sum);
}

// One output with `bits` bits, moved down by its zero point.
static int32_t probability(const Softmax *layer, int32_t distance, Reciprocal reciprocal, int32_t bits) {
    int32_t lowest = -(1 << (bits - 1)), highest = (1 << (bits - 1)) - 1;
    int32_t exponent = reciprocal.exponent + 31 - bits;
    if (distance >= layer->count || exponent > 31) { // the reference stops at the latter: all are below 1/2 of a step
        return lowest;
    }
    int32_t product = multiply(reciprocal.scale, layer->exponentials[distance]);
    int32_t value = rounding_divide_by_power_of_two(product, exponent) + lowest;
    return value > highest ? highest : value;
}

void softmax_s8_s8(const Softmax *layer, const int8_t *input, int8_t *output) {
    const int32_t depth = layer->depth;
    for (int32_t row = 0; row < layer->rows; row++, input += depth, output += depth) {
        int8_t highest = maximum(input, depth);
        Reciprocal scale = of_sum(layer, input, highest);
        for (int32_t i = 0; i < depth; i++) {
            output[i] = (int8_t)probability(layer, highest - input[i], scale, 8);
        }
    }
}

void softmax_s8_s16(const Softmax *layer, const int8_t *input, int16_t *output) {
    const int32_t depth = layer->depth;
    for (int32_t row = 0; row < layer->rows; row++, input += depth, output += depth) {
        int8_t highest = maximum(input, depth);
        Reciprocal scale = of_sum(layer, input, highest);
        for (int32_t i = 0; i < depth; i++) {
            output[i] = (int16_t)probability(layer, highest - input[i], scale, 16);
        }
    }
}

// Between two entries of a table of 512 steps; x is any int16.
static int32_t interpolate(const int16_t *table, int32_t x) {
    const int16_t *at = table + 256 + (x >> 7);
    return at[0] + (((at[1] - at[0]) * (x & 127) + 64) >> 7);
}

// 1 / sum as a fraction of 2^15, to be shifted right by `shift` after the product with another such fraction.
static int32_t reciprocal_s16(const int16_t *table, int32_t sum, int32_t *shift) {
    int32_t headroom = __builtin_clz((uint32_t)sum);
    *shift = 31 - headroom;
    int32_t normal = (int32_t)((((uint32_t)sum << (headroom - 1)) + (1 << 13)) >> 14); // [2^16, 2^17]
    return interpolate(table, clamp_s16(normal - (1 << 16) - (1 << 15), INT16_MIN, INT16_MAX));
}

void softmax_s16(const SoftmaxS16 *layer, const int16_t *input, int16_t *output) {
    const int32_t depth = layer->depth;
    for (int32_t row = 0; row < layer->rows; row++, input += depth, output += depth) {
        int32_t highest = INT16_MIN, sum = 0, shift;
        for (int32_t i = 0; i < depth; i++) {
            highest = input[i] > highest ? input[i] : highest;
        }
        for (int32_t i = 0; i < depth; i++) {
            int32_t steps = requantize(input[i] - highest, layer->factor);
            output[i] = (int16_t)interpolate(layer->exponentials, clamp_s16(steps + INT16_MAX, INT16_MIN, INT16_MAX));
            sum += output[i];
        }
        int32_t scale = reciprocal_s16(layer->reciprocals, sum, &shift);
        for (int32_t i = 0; i < depth; i++) {
            output[i] = clamp_s16((output[i] * scale + (1 << (shift - 1))) >> shift, 0, INT16_MAX);
        }
    }
}
