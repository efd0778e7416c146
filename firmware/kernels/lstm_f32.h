// UNIDIRECTIONAL_SEQUENCE_LSTM, float32.
#ifndef FIRMBENCH_KERNELS_LSTM_F32_H
#define FIRMBENCH_KERNELS_LSTM_F32_H

#include <stdint.h>

#include "lstm_rows.h"

typedef struct {
    const float *input_weights, *recurrent_weights; // [units][4 gates][inputs] and [units][4 gates][units]
    const float *bias;                              // [units][4 gates]
    int32_t rows, run, batches;
    int32_t inputs, units;
    float cell_clip; // magnitude the cell state is clipped to; 0 if it is not
} LstmF32;

// input: [rows][inputs]; hidden and cell: [batches][units], read and written; output: [rows][units].
void lstm_f32(const LstmF32 *layer, const float *input, float *hidden, float *cell, float *output);

#endif
