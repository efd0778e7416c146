#include "fully_connected_s8.h"

#include <string.h>

#include "dsp.h"

#if FIRMBENCH_DSP
static inline int32_t dot4(int32_t sum, const int8_t *weights, uint32_t even, uint32_t odd) {
    uint32_t word = read_word(weights);
    sum = dual_multiply_add(even_bytes(word), even, sum);
    return dual_multiply_add(odd_bytes(word), odd, sum);
}

static void dot_block(const int8_t *weights, const int8_t *input, int32_t depth, int32_t sums[FULLY_CONNECTED_UNITS]) {
    int32_t sum0 = sums[0], sum1 = sums[1], sum2 = sums[2], sum3 = sums[3];
    for (const int8_t *end = input + depth; input != end; input += 4, weights += 16) {
        uint32_t word = read_word(input), even = even_bytes(word), odd = odd_bytes(word);
        sum0 = dot4(sum0, weights, even, odd);
        sum1 = dot4(sum1, weights + 4, even, odd);
        sum2 = dot4(sum2, weights + 8, even, odd);
        sum3 = dot4(sum3, weights + 12, even, odd);
    }
    sums[0] = sum0, sums[1] = sum1, sums[2] = sum2, sums[3] = sum3;
}
#else
static void dot_block(const int8_t *weights, const int8_t *input, int32_t depth, int32_t sums[FULLY_CONNECTED_UNITS]) {
    for (int32_t i = 0; i < depth; i += 4) {
        for (int32_t unit = 0; unit < FULLY_CONNECTED_UNITS; unit++) {
            for (int32_t j = 0; j < 4; j++) {
                sums[unit] += input[i + j] * *weights++;
            }
        }
    }
}
#endif

// Requantise and store `count` units; a constant `count` unrolls.
static inline void store_units(const FullyConnected *layer, const int32_t *sums, const Rescale *rescale, int8_t *output,
                               int32_t count) {
    // Locals: the compiler must assume that writing an int8_t output changes *layer.
    const int32_t zero_point = layer->output_zero_point, low = layer->activation_min, high = layer->activation_max;
    const int32_t step = layer->per_channel;
    for (int32_t i = 0; i < count; i++, rescale += step) {
        output[i] = clamp_s8(requantize(sums[i], *rescale) + zero_point, low, high);
    }
}

void fully_connected_s8(const FullyConnected *layer, const int8_t *input, int8_t *output) {
    const int32_t units = layer->units, depth = layer->depth;
    for (int32_t batch = 0; batch < layer->batches; batch++, input += layer->input_stride, output += units) {
        const int8_t *weights = layer->weights;
        for (int32_t unit = 0; unit < units; unit += FULLY_CONNECTED_UNITS, weights += FULLY_CONNECTED_UNITS * depth) {
            int32_t sums[FULLY_CONNECTED_UNITS];
            memcpy(sums, layer->bias + unit, sizeof sums);
            dot_block(weights, input, depth, sums);
            const Rescale *rescale = layer->rescale + unit * layer->per_channel;
            if (units - unit >= FULLY_CONNECTED_UNITS) {
                store_units(layer, sums, rescale, output + unit, FULLY_CONNECTED_UNITS);
            } else {
                store_units(layer, sums, rescale, output + unit, units - unit);
            }
        }
    }
}
