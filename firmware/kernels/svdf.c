#include "svdf.h"

#include "dsp.h"

static int32_t clamp(int32_t x, int32_t low, int32_t high) {
    return x < low ? low : x > high ? high : x;
}

static int32_t dot(const int8_t *input, const int8_t *weights, int32_t depth, int32_t sum) {
    int32_t i = 0;
#if FIRMBENCH_DSP
    for (; i + 4 <= depth; i += 4) {
        const uint32_t inputs = read_word(input + i), words = read_word(weights + i);
        sum = dual_multiply_add(even_bytes(inputs), even_bytes(words), sum);
        sum = dual_multiply_add(odd_bytes(inputs), odd_bytes(words), sum);
    }
#endif
    for (; i < depth; i++) {
        sum += input[i] * weights[i];
    }
    return sum;
}

static int32_t multiply_add(int32_t a, int32_t b, int32_t sum) {
    return multiply_add_low((uint32_t)a, (uint32_t)b, sum);
}

// Moves a row of the state by one, puts the newest value at its end and adds the row times the weights.
static int32_t push_s8(int8_t *row, int8_t newest, const int8_t *weights, int32_t memory, int32_t sum) {
    int32_t i = 0;
#if FIRMBENCH_DSP
    for (; i + 4 < memory; i += 4) {
        const uint32_t moved = read_word(row + i + 1), words = read_word(weights + i);
        write_word(row + i, moved);
        sum = dual_multiply_add(even_bytes(moved), even_bytes(words), sum);
        sum = dual_multiply_add(odd_bytes(moved), odd_bytes(words), sum);
    }
#endif
    for (; i + 1 < memory; i++) {
        row[i] = row[i + 1];
        sum = multiply_add(row[i], weights[i], sum);
    }
    row[i] = newest;
    return multiply_add(newest, weights[i], sum);
}

static int32_t push_s16(int16_t *row, int16_t newest, const int16_t *weights, int32_t memory, int32_t sum) {
    int32_t i = 0;
#if FIRMBENCH_DSP
    for (; i + 2 < memory; i += 2) {
        const uint32_t moved = read_word(row + i + 1);
        write_word(row + i, moved);
        sum = dual_multiply_add(moved, read_word(weights + i), sum);
    }
#endif
    for (; i + 1 < memory; i++) {
        row[i] = row[i + 1];
        sum = multiply_add(row[i], weights[i], sum);
    }
    row[i] = newest;
    return multiply_add(newest, weights[i], sum);
}

// What a filter makes of the input. The zero point comes after the clamp, and the caller narrows the sum: it wraps, as
// the reference's does.
static int32_t project(const Svdf *layer, const int8_t *input, const int8_t *weights, int32_t filter, int32_t low,
                       int32_t high) {
    const int32_t sum = dot(input, weights, layer->depth, layer->feature_bias[filter]);
    return clamp(requantize(sum, layer->state_rescale), low, high) + layer->state_zero_point;
}

static int8_t output_of(const Svdf *layer, int32_t sum) {
    return saturate_s8(requantize(sum, layer->output_rescale) + layer->output_zero_point);
}

void svdf_s8(const Svdf *layer, const int8_t *input, const int8_t *feature_weights, const int8_t *time_weights,
             int8_t *state, int8_t *output) {
    const Svdf p = *layer; // a copy: output could alias *layer for all the compiler knows
    for (int32_t batch = 0; batch < p.batches; batch++, input += p.depth) {
        const int8_t *features = feature_weights, *times = time_weights;
        for (int32_t unit = 0, filter = 0; unit < p.units; unit++) {
            int32_t sum = p.bias[unit];
            for (int32_t end = filter + p.rank; filter < end; filter++) {
                const int32_t newest = project(&p, input, features, filter, INT8_MIN, INT8_MAX);
                sum = push_s8(state, (int8_t)newest, times, p.memory, sum);
                features += p.depth, times += p.memory, state += p.memory;
            }
            *output++ = output_of(&p, sum);
        }
    }
}

void svdf_s16(const Svdf *layer, const int8_t *input, const int8_t *feature_weights, const int16_t *time_weights,
              int16_t *state, int8_t *output) {
    const Svdf p = *layer;
    for (int32_t batch = 0; batch < p.batches; batch++, input += p.depth) {
        const int8_t *features = feature_weights;
        const int16_t *times = time_weights;
        for (int32_t unit = 0, filter = 0; unit < p.units; unit++) {
            int32_t sum = p.bias[unit];
            for (int32_t end = filter + p.rank; filter < end; filter++) {
                const int32_t newest = project(&p, input, features, filter, INT16_MIN, INT16_MAX);
                sum = push_s16(state, (int16_t)newest, times, p.memory, sum);
                features += p.depth, times += p.memory, state += p.memory;
            }
            *output++ = output_of(&p, sum);
        }
    }
}
