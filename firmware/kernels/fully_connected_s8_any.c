#include "fully_connected_s8_any.h"

static int32_t dot(const int8_t *input, int32_t input_zero_point, const int8_t *weights, int32_t weights_zero_point,
                   int32_t depth) {
    int32_t sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        sum += (input[i] - input_zero_point) * (weights[i] - weights_zero_point);
    }
    return sum;
}

void fully_connected_s8_any(const FullyConnectedAny *layer, const int8_t *input, const int8_t *weights,
                            int8_t *output) {
    const FullyConnectedAny p = *layer; // a copy: output could alias *layer for all the compiler knows
    for (int32_t batch = 0; batch < p.batches; batch++, input += p.depth) {
        const int8_t *row = weights;
        for (int32_t unit = 0; unit < p.units; unit++, row += p.depth) {
            int32_t sum = p.bias[unit] + dot(input, p.input_zero_point, row, p.weights_zero_point, p.depth);
            int32_t value = requantize(sum, p.rescale[p.per_channel ? unit : 0]) + p.output_zero_point;
            *output++ = clamp_s8(value, p.activation_min, p.activation_max);
        }
    }
}
