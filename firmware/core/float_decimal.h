// Exact decimal text of a float32.
#ifndef FIRMBENCH_FLOAT_DECIMAL_H
#define FIRMBENCH_FLOAT_DECIMAL_H

#include <stdbool.h>
#include <stddef.h>

#define FLOAT_DECIMAL_MAX_PRECISION 9u
#define FLOAT_DECIMAL_SIZE (39u + 1u + FLOAT_DECIMAL_MAX_PRECISION) // FLT_MAX has 39 digits before the point

// Write |value| with `precision` decimals (at most FLOAT_DECIMAL_MAX_PRECISION, more count as that), or "inf", or
// "nan", without a terminator; returns the length. Halves of the exact value round to even.
size_t float_decimal(float value, unsigned precision, char text[FLOAT_DECIMAL_SIZE]);

// Neither infinite nor NaN.
bool float_finite(float value);

#endif
