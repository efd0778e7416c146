#include "lstm_f32.h"

#include <float.h>
#include <math.h>

#include "logistic_f32.h"

static inline float dot_f32(const float *weights, const float *values, int32_t depth, float bias) {
    float sum = 0;
    for (int32_t i = 0; i < depth; i++) {
        sum += weights[i] * values[i];
    }
    sum += bias;
    return sum < -FLT_MAX ? -FLT_MAX : sum > FLT_MAX ? FLT_MAX : sum;
}

static inline float unit_f32(const LstmF32 *p, int32_t unit, const float *input, const float *hidden, float *cell) {
    float gates[LSTM_GATES];
    for (int32_t gate = 0, row = unit * LSTM_GATES; gate < LSTM_GATES; gate++, row++) {
        gates[gate] = dot_f32(p->input_weights + row * p->inputs, input, p->inputs, p->bias[row]) +
                      dot_f32(p->recurrent_weights + row * p->units, hidden, p->units, 0);
    }
    const float kept = logistic(gates[LSTM_FORGET_GATE]) * *cell;
    float state = kept + logistic(gates[LSTM_INPUT_GATE]) * tanhf(gates[LSTM_CELL_GATE]);
    if (p->cell_clip > 0) { // NaN becomes the limit
        state = state < p->cell_clip ? state : p->cell_clip;
        state = state < -p->cell_clip ? -p->cell_clip : state;
    }
    *cell = state;
    return tanhf(state) * logistic(gates[LSTM_OUTPUT_GATE]);
}

LSTM_KERNEL(lstm_f32, LstmF32, float, float, unit_f32)
