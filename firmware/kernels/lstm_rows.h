// What the kernels of UNIDIRECTIONAL_SEQUENCE_LSTM share.
#ifndef FIRMBENCH_KERNELS_LSTM_ROWS_H
#define FIRMBENCH_KERNELS_LSTM_ROWS_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

// The gates of a unit, in the order of all arrays of four.
enum { LSTM_INPUT_GATE, LSTM_FORGET_GATE, LSTM_CELL_GATE, LSTM_OUTPUT_GATE, LSTM_GATES };

// A kernel over rows [rows][inputs] and [rows][units]. Row i is a time step of batch i / run % batches: `run` is 1 if
// time comes first, else the number of time steps. `unit_function` moves the cell state of a unit one step on and
// returns its hidden state; those of the whole row replace the old ones.
#define LSTM_KERNEL(name, struct_type, type, cell_type, unit_function)                                                 \
    void name(const struct_type *layer, const type *input, type *hidden, cell_type *cell, type *output) {              \
        const struct_type p = *layer;                                                                                  \
        for (int32_t row = 0; row < p.rows; row++, input += p.inputs, output += p.units) {                             \
            const int32_t state = row / p.run % p.batches * p.units;                                                   \
            for (int32_t unit = 0; unit < p.units; unit++) {                                                           \
                output[unit] = unit_function(&p, unit, input, hidden + state, cell + state + unit);                    \
            }                                                                                                          \
            memcpy(hidden + state, output, (size_t)p.units * sizeof *output);                                          \
        }                                                                                                              \
    }

#endif
