// Blocks of `conv_2d_s8_paired` with three multiplications for four filters.
#ifndef FIRMBENCH_KERNELS_CONV_2D_S8_CHAINED_H
#define FIRMBENCH_KERNELS_CONV_2D_S8_CHAINED_H

#include <stdbool.h>
#include <stdint.h>

// The weights a, b, c and d of four filters for one input make the halfwords 256 a + b, 256 b + c and 256 c + d, and
// inputs times these the sums s0 = 256 A + B, s1 = 256 B + C and s2 = 256 C + D of dot products A to D. In
// 2^16 s0 - 2^8 s1 + s2 = 2^24 A + D the other ones cancel: modulo 2^32, 256 times it is 256 D. Then s2 yields C, that
// and s1 yield B, and so on: four dot products for three multiplications.
//
// Biases are in 256ths: what is rescaled is 256 D + bias d, which must fit 32 bits, and so of the other ones. What of
// that is dropped when the next dot product is made is part of the next bias.
//
// A block, made by generator/ops/packing.py: for every four inputs the three words of inputs 0 and 2 and then those of
// inputs 1 and 3; the biases of s0, s1, s2 and of 256 D; for each filter, with a fixed shift the multiplier of
// `requantize_fixed_fine`, else {multiplier, offset, right shift} of `requantize_doubled`.
#define CONV_2D_CHAINED_SUMS 3
#define CONV_2D_CHAINED_BIASES 4

// What conv_2d_s8_chained_m4.inc has a `Conv2dS8Block` for each of some numbers of inputs for. `words`: of a pair of
// pixels in the columns.
void conv_2d_s8_chained(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end, int8_t *output,
                        int32_t step, int32_t words, int32_t line_bytes, int32_t skip, bool fixed_shift);

#endif
