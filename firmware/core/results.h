// What an `m-results` line says of a model's outputs.
#ifndef FIRMBENCH_RESULTS_H
#define FIRMBENCH_RESULTS_H

#include "tensor.h"

// Print each number, `first` before the first and a comma before the others: what it stands for, to three decimals;
// integers that stand for themselves as they are.
void results_values(const Tensor *tensor, const void *data, const char *first);

// The same with what follows the third decimal cut off, as the reference firmware for keyword spotting prints.
void results_truncated(const Tensor *tensor, const void *data, const char *first);

// Mean over i of (tensor[i] - x[i])^2, summed in index order; at least one element.
float mean_squared_error(const Tensor *tensor, const void *data, const float *x);

#endif
