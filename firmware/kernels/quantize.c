#include "quantize.h"

#include "rounding.h"

#define QUANTIZE(name, type, low, high)                                                                                \
    void name(const Quantize *layer, const float *input, type *output) {                                               \
        const Quantize p = *layer;                                                                                     \
        for (int32_t i = 0; i < p.count; i++) {                                                                        \
            output[i] = (type)quantize_f32(input[i], p.scale, p.zero_point, low, high);                                \
        }                                                                                                              \
    }

#define DEQUANTIZE(name, type)                                                                                         \
    void name(const Quantize *layer, const type *input, float *output) {                                               \
        const Quantize p = *layer;                                                                                     \
        for (int32_t i = 0; i < p.count; i++) {                                                                        \
            output[i] = (float)(input[i] - p.zero_point) * p.scale;                                                    \
        }                                                                                                              \
    }

#define REQUANTIZE(name, from, to, low, high)                                                                          \
    void name(const Requantize *layer, const from *input, to *output) {                                                \
        const Requantize p = *layer;                                                                                   \
        for (int32_t i = 0; i < p.count; i++) {                                                                        \
            int32_t value = requantize((int32_t)((uint32_t)input[i] - (uint32_t)p.input_zero_point), p.rescale);       \
            value += p.output_zero_point;                                                                              \
            output[i] = (to)(value < low ? low : value > high ? high : value);                                         \
        }                                                                                                              \
    }

QUANTIZE(quantize_f32_s8, int8_t, INT8_MIN, INT8_MAX)
QUANTIZE(quantize_f32_s16, int16_t, INT16_MIN, INT16_MAX)
DEQUANTIZE(dequantize_s8_f32, int8_t)
DEQUANTIZE(dequantize_u8_f32, uint8_t)
DEQUANTIZE(dequantize_s16_f32, int16_t)
REQUANTIZE(requantize_s8_s8, int8_t, int8_t, INT8_MIN, INT8_MAX)
REQUANTIZE(requantize_s8_u8, int8_t, uint8_t, 0, UINT8_MAX)
REQUANTIZE(requantize_s8_s16, int8_t, int16_t, INT16_MIN, INT16_MAX)
REQUANTIZE(requantize_s8_s32, int8_t, int32_t, INT32_MIN, INT32_MAX)
REQUANTIZE(requantize_u8_s8, uint8_t, int8_t, INT8_MIN, INT8_MAX)
REQUANTIZE(requantize_s16_s8, int16_t, int8_t, INT8_MIN, INT8_MAX)
REQUANTIZE(requantize_s16_s16, int16_t, int16_t, INT16_MIN, INT16_MAX)
REQUANTIZE(requantize_s16_s32, int16_t, int32_t, INT32_MIN, INT32_MAX)
REQUANTIZE(requantize_s32_s8, int32_t, int8_t, INT8_MIN, INT8_MAX)
REQUANTIZE(requantize_s32_s16, int32_t, int16_t, INT16_MIN, INT16_MAX)
