#include "log_mel_s8.h"

#include <string.h>

#define LOG2_10 3.32192809488736234787f
#define LOG2_E 1.44269504088896340736f
#define SQRT_HALF_BITS 0x3F3504F3u // of sqrt(1/2)
#define MANTISSA_BITS 23

// log2 of a normal number above 0, within 2 units in the last place of the larger one of 1 and the result.
// x = 2^e m with sqrt(1/2) <= m < sqrt(2), and ln m = 2 artanh((m - 1) / (m + 1)).
static inline float log2_f32(float x) {
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    uint32_t above = bits - SQRT_HALF_BITS;
    int32_t exponent = (int32_t)above >> MANTISSA_BITS;
    bits = (above & ((UINT32_C(1) << MANTISSA_BITS) - 1u)) + SQRT_HALF_BITS;
    float m;
    memcpy(&m, &bits, sizeof m);
    float s = (m - 1.0f) / (m + 1.0f), t = s * s;
    float series = 1.0f + t * (1.0f / 3.0f + t * (1.0f / 5.0f + t * (1.0f / 7.0f + t * (1.0f / 9.0f))));
    return (float)exponent + 2.0f * LOG2_E * s * series;
}

static inline float clipped(float value) {
    value = value < 0.0f ? 0.0f : value;
    return value > 1.0f ? 1.0f : value;
}

void log_mel_s8(const LogMelS8 *layer, const float *power, int8_t *output) {
    const LogMelS8 p = *layer;
    const float *weights = p.weights;
    for (int32_t band = 0; band < p.bands; band++) {
        const float *bins = power + p.first[band];
        float energy = 0.0f;
        for (int32_t i = 0; i < p.bins[band]; i++)
            energy += *weights++ * bins[i];
        energy = energy > p.floor ? energy : p.floor;
        float decibels = 10.0f / LOG2_10 * log2_f32(energy);
        float value = clipped((decibels + p.offset) * p.factor) / p.scale + (float)p.zero_point;
        uint8_t low = (uint8_t)((int32_t)value & 0xFF);
        memcpy(output + band, &low, 1);
    }
}
