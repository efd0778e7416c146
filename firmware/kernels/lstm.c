#include "lstm.h"

#include <string.h>

#include "dot_block_s8.h"
#include "sigmoid_s16.h"

static const Rescale FORGET = {1 << 30, 0, 14}; // 2^-15, of a gate's output

static inline int16_t saturate_s16(int32_t x) {
    return clamp_s16(x, INT16_MIN, INT16_MAX);
}

// Moves the cell state of a unit one step on and returns the hidden state, not clamped to its type yet. `gates` are the
// arguments of the gates' functions, with 12 fractional bits. Not inlined, and the gates in loops here and below, so
// that the code for a unit is small: it is run from an instruction cache.
__attribute__((noinline)) static int32_t advance(const Lstm *p, int32_t gates[LSTM_GATES], int16_t *cell) {
    for (int32_t gate = 0; gate < LSTM_GATES; gate++) {
        const int32_t x = 3 * gates[gate];
        gates[gate] = gate == LSTM_CELL_GATE ? tanh_q15(p->table, x) : logistic_q15(p->table, x);
    }
    const int32_t kept = requantize(gates[LSTM_FORGET_GATE] * *cell, FORGET);
    const int32_t admitted = requantize(gates[LSTM_INPUT_GATE] * gates[LSTM_CELL_GATE], p->cell_rescale);
    *cell = clamp_s16(kept + saturate_s16(admitted), p->cell_min, p->cell_max);
    const int32_t squashed = tanh_q15(p->table, sigmoid_argument(*cell, p->tanh_multiplier, p->tanh_shift));
    return requantize(squashed * gates[LSTM_OUTPUT_GATE], p->hidden_rescale) + p->hidden_zero_point;
}

// Adds the weighted sums of a vector, in the scale of the gates' arguments, to them.
__attribute__((noinline)) static void add_sums_s8(const int8_t *weights, const int32_t *bias, const Rescale *rescale,
                                                  const int8_t *vector, int32_t depth, int32_t gates[LSTM_GATES]) {
    int32_t sums[LSTM_GATES];
    memcpy(sums, bias, sizeof sums);
    dot_block(weights, vector, depth, sums);
    for (int32_t gate = 0; gate < LSTM_GATES; gate++) {
        gates[gate] = saturate_s16(gates[gate] + saturate_s16(requantize(sums[gate], rescale[gate])));
    }
}

static inline int8_t unit_s8(const Lstm *p, int32_t unit, const int8_t *input, const int8_t *hidden, int16_t *cell) {
    const int32_t at = unit * LSTM_GATES, *input_bias = p->input_bias, *recurrent_bias = p->recurrent_bias;
    int32_t gates[LSTM_GATES] = {0};
    add_sums_s8(p->input_weights + at * p->input_depth, input_bias + at, p->input_rescale, input, p->input_depth,
                gates);
    add_sums_s8(p->recurrent_weights + at * p->recurrent_depth, recurrent_bias + at, p->recurrent_rescale, hidden,
                p->recurrent_depth, gates);
    return saturate_s8(advance(p, gates, cell));
}

static inline int32_t dot_s16(const int8_t *weights, const int16_t *values, int32_t depth, int64_t sum,
                              Rescale rescale) {
    for (int32_t i = 0; i < depth; i++) {
        sum += weights[i] * values[i];
    }
    return saturate_s16(requantize_s64(sum, rescale));
}

static inline int16_t unit_s16(const Lstm *p, int32_t unit, const int16_t *input, const int16_t *hidden,
                               int16_t *cell) {
    const int64_t *input_bias = p->input_bias, *recurrent_bias = p->recurrent_bias;
    int32_t gates[LSTM_GATES];
    for (int32_t gate = 0, row = unit * LSTM_GATES; gate < LSTM_GATES; gate++, row++) {
        const int8_t *weights = p->input_weights + row * p->input_depth;
        const int8_t *recurrent = p->recurrent_weights + row * p->recurrent_depth;
        gates[gate] = saturate_s16(
            dot_s16(weights, input, p->input_depth, input_bias[row], p->input_rescale[gate]) +
            dot_s16(recurrent, hidden, p->recurrent_depth, recurrent_bias[row], p->recurrent_rescale[gate]));
    }
    return saturate_s16(advance(p, gates, cell));
}

LSTM_KERNEL(lstm_s8, Lstm, int8_t, int16_t, unit_s8)
LSTM_KERNEL(lstm_s16, Lstm, int16_t, int16_t, unit_s16)
