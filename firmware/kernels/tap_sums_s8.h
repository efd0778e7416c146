// Sums of four neighbouring int8 channels over the taps of a window, for AVERAGE_POOL_2D and MEAN.
#ifndef FIRMBENCH_KERNELS_TAP_SUMS_S8_H
#define FIRMBENCH_KERNELS_TAP_SUMS_S8_H

#include <stdint.h>

#include "dsp.h"

#define MOST_HALVES 255 // int8 that a sum of 16 bits can hold

// Sums of the even and the odd channels of four.
typedef struct {
    uint32_t even, odd;
} Halves;

static inline Halves add_tap(Halves sums, uint32_t word) {
    return (Halves){add_even_bytes(sums.even, word), add_odd_bytes(sums.odd, word)};
}

// Four taps, `step` bytes apart, three times that `three`, from `at` on, which moves on behind them.
static inline Halves add_four_taps(Halves sums, const int8_t **at, int32_t step, int32_t three) {
#if defined(__ARM_FEATURE_DSP)
    uint32_t a, b, c, d; // neighbouring loads overlap; any alignment
    __asm volatile("ldr.w %[a], [%[at]]\n"
                   "ldr.w %[b], [%[at], %[step]]\n"
                   "ldr.w %[c], [%[at], %[step], lsl #1]\n"
                   "ldr.w %[d], [%[at], %[three]]\n"
                   "add.w %[at], %[at], %[step], lsl #2\n"
                   : [a] "=&r"(a), [b] "=&r"(b), [c] "=&r"(c), [d] "=&r"(d), [at] "+r"(*at)
                   : [step] "r"(step), [three] "r"(three)
                   : "memory");
#else
    const uint32_t a = read_word(*at), b = read_word(*at + step);
    const uint32_t c = read_word(*at + 2 * step), d = read_word(*at + three);
    *at += 4 * step;
#endif
    return add_tap(add_tap(add_tap(add_tap(sums, a), b), c), d);
}

static inline Halves add_taps(Halves sums, const int8_t *at, int32_t count, int32_t step) {
    const int32_t three = 3 * step;
    for (; count >= 4; count -= 4) {
        sums = add_four_taps(sums, &at, step, three);
    }
    for (; count > 0; count--, at += step) {
        sums = add_tap(sums, read_word(at));
    }
    return sums;
}

// `rows` rows of `columns` taps, `row_step` and `step` bytes apart. Up to 3 bytes after the last tap's channel are read
// too and may hold anything.
static inline void sum_taps(const int8_t *input, int32_t rows, int32_t row_step, int32_t columns, int32_t step,
                            int32_t sums[4]) {
    Halves halves = {0, 0};
    int32_t held = 0;
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    for (int32_t row = 0; row < rows; row++, input += row_step) {
        const int8_t *at = input;
        for (int32_t left = columns; left > 0;) {
            const int32_t count = left < MOST_HALVES - held ? left : MOST_HALVES - held;
            halves = add_taps(halves, at, count, step);
            at += count * step;
            held += count;
            left -= count;
            if (held == MOST_HALVES || (row == rows - 1 && left == 0)) {
                sums[0] += low_half(halves.even), sums[1] += low_half(halves.odd);
                sums[2] += high_half(halves.even), sums[3] += high_half(halves.odd);
                halves = (Halves){0, 0};
                held = 0;
            }
        }
    }
}

#endif
