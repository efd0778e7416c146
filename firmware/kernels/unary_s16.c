#include "unary_s16.h"

#include <stdlib.h>

void lines_s16(const LinesS16 *layer, const int16_t *input, int16_t *output) {
    const LinesS16 p = *layer;
    for (int32_t i = 0; i < p.count; i++) {
        const int32_t x = input[i] - p.input_zero_point;
        const int32_t y = requantize(x, x < 0 ? p.falling : p.rising) + p.output_zero_point;
        output[i] = clamp_s16(y, p.minimum, p.maximum);
    }
}

static inline int32_t argument(const SigmoidS16 *p, int16_t x) {
    const int32_t half = p->shift ? 1 << (p->shift - 1) : 0;
    return (x * p->multiplier + half) >> p->shift;
}

// The table at magnitude / 2^bits, with so many more fractional bits.
static inline int32_t interpolate(const uint16_t *table, int32_t magnitude, int32_t bits) {
    const int32_t at = magnitude >> bits, part = magnitude & ((1 << bits) - 1);
    return (table[at] << bits) + part * (table[at + 1] - table[at]);
}

void logistic_s16(const SigmoidS16 *layer, const int16_t *input, int16_t *output) {
    const SigmoidS16 p = *layer;
    for (int32_t i = 0; i < p.count; i++) {
        const int32_t x = argument(&p, input[i]), magnitude = abs(x);
        const int32_t value = magnitude >> 9 >= 255 ? 0x7FFF << 10 : interpolate(p.table, magnitude, 9);
        output[i] = (int16_t)((x >= 0 ? value + (1 << 9) : (1 << 25) - value + (1 << 9) - 1) >> 10);
    }
}

// tanh(x) = 2 logistic(2x) - 1
void tanh_s16(const SigmoidS16 *layer, const int16_t *input, int16_t *output) {
    const SigmoidS16 p = *layer;
    for (int32_t i = 0; i < p.count; i++) {
        const int32_t x = argument(&p, input[i]), magnitude = abs(x);
        const int32_t half = magnitude >> 8 >= 255 ? 0xFFFF << 8 : interpolate(p.table, magnitude, 8);
        const int32_t value = half - (1 << 23);
        output[i] = (int16_t)((x >= 0 ? value + (1 << 7) : (1 << 7) - 1 - value) >> 8);
    }
}
