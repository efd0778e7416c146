// Scoring a reconstruction after an inference.
//
// All arithmetic is float32, one rounding per operation, in index order, so that a host can repeat it bit for bit;
// build with -ffp-contract=off, or GCC fuses multiply and add into VFMA.
#ifndef FIRMBENCH_RECONSTRUCTION_ERROR_H
#define FIRMBENCH_RECONSTRUCTION_ERROR_H

#include <stddef.h>
#include <stdint.h>

// Mean over i of (y[i] - x[i])^2; n > 0.
float mean_squared_error_f32(const float *y, const float *x, size_t n);

// Mean over i of ((q[i] - zero_point) * scale - x[i])^2; zero_point is that of an int8 tensor, n > 0.
float mean_squared_error_s8(const int8_t *q, const float *x, size_t n, float scale, int32_t zero_point);

#endif
