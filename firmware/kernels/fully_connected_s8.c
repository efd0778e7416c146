#include "fully_connected_s8.h"

#include <string.h>

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
