#include "unary_s16.h"

#include "sigmoid_s16.h"

void lines_s16(const LinesS16 *layer, const int16_t *input, int16_t *output) {
    const LinesS16 p = *layer;
    for (int32_t i = 0; i < p.count; i++) {
        const int32_t x = input[i] - p.input_zero_point;
        const int32_t y = requantize(x, x < 0 ? p.falling : p.rising) + p.output_zero_point;
        output[i] = clamp_s16(y, p.minimum, p.maximum);
    }
}

void logistic_s16(const SigmoidS16 *layer, const int16_t *input, int16_t *output) {
    const SigmoidS16 p = *layer;
    for (int32_t i = 0; i < p.count; i++) {
        output[i] = logistic_q15(p.table, sigmoid_argument(input[i], p.multiplier, p.shift));
    }
}

void tanh_s16(const SigmoidS16 *layer, const int16_t *input, int16_t *output) {
    const SigmoidS16 p = *layer;
    for (int32_t i = 0; i < p.count; i++) {
        output[i] = tanh_q15(p.table, sigmoid_argument(input[i], p.multiplier, p.shift));
    }
}
