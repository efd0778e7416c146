// UNIDIRECTIONAL_SEQUENCE_LSTM, int8 and int16 activations with int8 weights and an int16 cell state.
#ifndef FIRMBENCH_KERNELS_LSTM_H
#define FIRMBENCH_KERNELS_LSTM_H

#include <stdint.h>

#include "lstm_rows.h"
#include "requantize.h"

// Row `i` of input and output is a time step of batch i / run % batches: `run` is 1 if time comes first, else the
// number of time steps.
typedef struct {
    // lstm_s8: [units][depth / 4][4 gates][4 values], padded with zeros; lstm_s16: [units][4 gates][depth].
    const int8_t *input_weights, *recurrent_weights;
    // [units][4 gates], with -zero point x sum of weights added; int32_t of lstm_s8, int64_t of lstm_s16.
    const void *input_bias, *recurrent_bias;
    const Rescale *input_rescale, *recurrent_rescale; // [4 gates]: of sums to 12 fractional bits
    const uint16_t *table;                            // of sigmoid_s16.h
    int32_t rows, run, batches;
    int32_t inputs, units;                // values in a row of input and output
    int32_t input_depth, recurrent_depth; // inputs and units, in lstm_s8 padded to multiples of 4
    Rescale cell_rescale, hidden_rescale; // of products with 30 fractional bits
    int32_t cell_min, cell_max;
    int32_t tanh_multiplier, tanh_shift; // of the cell state to 3 x 12 fractional bits: multiplier * 2^-shift
    int32_t hidden_zero_point;
} Lstm;

// input: [rows][inputs]; hidden and cell: [batches][units], read and written; output: [rows][units]. lstm_s8 reads up
// to 3 bytes after the input and the hidden state, which may hold anything.
void lstm_s8(const Lstm *layer, const int8_t *input, int8_t *hidden, int16_t *cell, int8_t *output);
void lstm_s16(const Lstm *layer, const int16_t *input, int16_t *hidden, int16_t *cell, int16_t *output);

#endif
