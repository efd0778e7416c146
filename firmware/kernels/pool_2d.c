#include "pool_2d.h"

#include <stdbool.h>

#include "dsp.h"
#include "requantize.h"
#include "window.h"

#define MOST_HALVES 255      // int8 that a sum of 16 bits can hold
#define MOST_EXACT_TAPS 5000 // for 128 taps + taps / 2 < 2^32 / taps

// The part of a window that lies on the input.
typedef struct {
    int32_t first, rows, columns; // `first`: element of the first tap's first channel
} Inside;

static inline Inside inside(const Pool2d *p, int32_t batch, int32_t y, int32_t x) {
    int32_t top = y * p->stride_h - p->pad_top, left = x * p->stride_w - p->pad_left;
    Range rows = taps_inside(top, p->filter_h, 1, p->input_h);
    Range columns = taps_inside(left, p->filter_w, 1, p->input_w);
    int32_t row = batch * p->input_h + top + rows.begin;
    return (Inside){
        (row * p->input_w + left + columns.begin) * p->channels,
        rows.end - rows.begin,
        columns.end - columns.begin,
    };
}

static inline int32_t clamp(const Pool2d *p, int32_t x) {
    return x < p->activation_min ? p->activation_min : x > p->activation_max ? p->activation_max : x;
}

static inline int32_t rounded_quotient(int32_t sum, int32_t count) {
    return (sum + (sum > 0 ? count / 2 : -(count / 2))) / count;
}

// As `rounded_quotient` with the reciprocal of the number of taps: a division's time would depend on the sum.
static inline int32_t average(int32_t sum, int32_t taps, uint32_t reciprocal) {
    const int32_t sign = sum >> 31;
    const uint32_t magnitude = (uint32_t)((sum ^ sign) - sign) + (uint32_t)taps / 2;
    return ((int32_t)(((uint64_t)magnitude * reciprocal) >> 32) ^ sign) - sign;
}

// 2^32 / taps rounded up, with which quotients are exact for magnitudes below 2^32 / taps; 0 where they may not be.
static inline uint32_t reciprocal_of(int32_t taps) {
    return taps > 1 && taps <= MOST_EXACT_TAPS ? UINT32_MAX / (uint32_t)taps + 1 : 0;
}

// Sums of the even and the odd channels of four.
typedef struct {
    uint32_t even, odd;
} Halves;

static inline Halves add_tap(Halves sums, uint32_t word) {
    return (Halves){add_even_bytes(sums.even, word), add_odd_bytes(sums.odd, word)};
}

static inline uint32_t tap(const int8_t *at) {
#if defined(__ARM_FEATURE_DSP)
    uint32_t word; // in the order of the source, where neighbouring loads overlap; any alignment
    __asm volatile("ldr.w %0, %1" : "=r"(word) : "m"(*(const int8_t(*)[4])at));
    return word;
#else
    return read_word(at);
#endif
}

// Not inline: its loop needs all registers.
__attribute__((noinline)) static void add_taps(Halves *sums, const int8_t *at, int32_t count, int32_t step) {
    Halves halves = *sums;
    const int32_t two = 2 * step, three = 3 * step, four = 4 * step;
    for (const int8_t *end = at + (count & ~3) * step; at != end; at += four) {
        uint32_t a = tap(at), b = tap(at + step), c = tap(at + two), d = tap(at + three);
        halves = add_tap(add_tap(add_tap(add_tap(halves, a), b), c), d);
    }
    for (count &= 3; count > 0; count--, at += step) {
        halves = add_tap(halves, tap(at));
    }
    *sums = halves;
}

// Four channels: their sums over the window.
static inline void sum_block(const Pool2d *p, const int8_t *input, Inside window, int32_t sums[4]) {
    const bool joined = window.columns == p->input_w; // rows lie behind each other
    const int32_t rows = joined ? 1 : window.rows, columns = joined ? window.rows * window.columns : window.columns;
    const int32_t step = p->channels;
    Halves halves = {0, 0};
    int32_t held = 0;
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    for (int32_t row = 0; row < rows; row++, input += p->input_w * step) {
        const int8_t *at = input;
        for (int32_t left = columns; left > 0;) {
            const int32_t count = left < MOST_HALVES - held ? left : MOST_HALVES - held;
            add_taps(&halves, at, count, step);
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

static inline void store(const Pool2d *p, int8_t *output, const int32_t *sums, int32_t taps, uint32_t reciprocal,
                         int32_t count) {
    const int32_t low = p->activation_min, high = p->activation_max;
    if (reciprocal == 0) {
        for (int32_t i = 0; i < count; i++) {
            output[i] = clamp_s8(rounded_quotient(sums[i], taps), low, high);
        }
        return;
    }
#pragma GCC unroll 4
    for (int32_t i = 0; i < count; i++) {
        output[i] = clamp_s8(average(sums[i], taps, reciprocal), low, high);
    }
}

void average_pool_2d_s8(const Pool2d *layer, const int8_t *input, int8_t *output) {
    const Pool2d p = *layer;
    for (int32_t batch = 0; batch < p.batches; batch++) {
        for (int32_t y = 0; y < p.output_h; y++) {
            for (int32_t x = 0; x < p.output_w; x++, output += p.channels) {
                Inside window = inside(&p, batch, y, x);
                const int32_t taps = window.rows * window.columns;
                const uint32_t reciprocal = reciprocal_of(taps);
                for (int32_t channel = 0; channel < p.channels; channel += 4) {
                    int32_t sums[4], left = p.channels - channel;
                    sum_block(&p, input + window.first + channel, window, sums);
                    if (left >= 4) {
                        store(&p, output + channel, sums, taps, reciprocal, 4);
                    } else {
                        store(&p, output + channel, sums, taps, reciprocal, left);
                    }
                }
            }
        }
    }
}

// A kernel that folds every channel of a window with `fold` of the value so far and the next, beginning with `begin`,
// and stores `result` of it and the number of taps.
#define KERNEL(name, type, wide, begin, fold, result)                                                                  \
    void name(const Pool2d *layer, const type *input, type *output) {                                                  \
        const Pool2d p = *layer;                                                                                       \
        for (int32_t batch = 0; batch < p.batches; batch++) {                                                          \
            for (int32_t y = 0; y < p.output_h; y++) {                                                                 \
                for (int32_t x = 0; x < p.output_w; x++) {                                                             \
                    Inside window = inside(&p, batch, y, x);                                                           \
                    const int32_t taps = window.rows * window.columns;                                                 \
                    (void)taps;                                                                                        \
                    for (int32_t channel = 0; channel < p.channels; channel++) {                                       \
                        wide so_far = begin;                                                                           \
                        for (int32_t row = 0; row < window.rows; row++) {                                              \
                            const type *at = input + window.first + row * p.input_w * p.channels + channel;            \
                            for (int32_t i = 0; i < window.columns; i++, at += p.channels) {                           \
                                const type next = *at;                                                                 \
                                so_far = fold;                                                                         \
                            }                                                                                          \
                        }                                                                                              \
                        *output++ = (type)(result);                                                                    \
                    }                                                                                                  \
                }                                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

static inline float clamp_f32(const Pool2d *p, float x) {
    return x < p->low_f32 ? p->low_f32 : x > p->high_f32 ? p->high_f32 : x;
}

KERNEL(average_pool_2d_s16, int16_t, int32_t, 0, so_far + next, clamp(&p, rounded_quotient(so_far, taps)))
KERNEL(average_pool_2d_f32, float, float, 0.0f, so_far + next, clamp_f32(&p, so_far / (float)taps))
KERNEL(max_pool_2d_s8, int8_t, int32_t, INT8_MIN, next > so_far ? next : so_far, clamp(&p, so_far))
KERNEL(max_pool_2d_s16, int16_t, int32_t, INT16_MIN, next > so_far ? next : so_far, clamp(&p, so_far))
KERNEL(max_pool_2d_f32, float, float, p.low_f32, next > so_far ? next : so_far, clamp_f32(&p, so_far))
