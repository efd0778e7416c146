#include "pool_2d.h"

#include <stdbool.h>

#include "dsp.h"
#include "requantize.h"
#include "tap_sums_s8.h"
#include "window.h"

#define MOST_EXACT_TAPS 4000 // for 256 taps < 2^32 / taps

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

// `rounded_quotient` by multiplication with a reciprocal, as a division's time would depend on the sum. `bias` makes
// sums positive and rounds them, `tie` is what negative ones get in addition: -1 where there are ties.
typedef struct {
    int32_t bias, tie;
    uint32_t reciprocal; // 2^(32 + shift) / taps, rounded up; 0 for one tap
    int32_t shift;
} Division;

// Quotients are exact for dividends below 2^(32 + shift) / taps.
static inline Division division_by(int32_t taps) {
    const uint32_t divisor = (uint32_t)taps;
    Division division = {-INT8_MIN * taps + taps / 2, taps % 2 - 1, 0, 0};
    if (taps > MOST_EXACT_TAPS) {
        division.shift = 31 - __builtin_clz(divisor - 1);
        uint32_t rest = 1u << division.shift, quotient = 0;
        for (int32_t bit = 0; bit < 32; bit++) { // less code than a division of 64 bits
            rest *= 2;
            const uint32_t fits = rest >= divisor;
            rest -= fits * divisor;
            quotient = 2 * quotient + fits;
        }
        division.reciprocal = quotient + (rest > 0);
    } else if (taps > 1) {
        division.reciprocal = UINT32_MAX / divisor + 1;
    }
    return division;
}

static inline int32_t average(int32_t sum, Division by) {
    const uint32_t dividend = (uint32_t)(sum + by.bias + ((sum >> 31) & by.tie));
    return (int32_t)((uint32_t)(((uint64_t)dividend * by.reciprocal) >> 32) >> by.shift) + INT8_MIN;
}

static inline void store(const Pool2d *p, int8_t *output, const int32_t *sums, Division by, int32_t count) {
    const int32_t low = p->activation_min, high = p->activation_max;
    for (int32_t i = 0; i < count; i++) {
        output[i] = clamp_s8(by.reciprocal == 0 ? sums[i] : average(sums[i], by), low, high);
    }
}

// What averages of blocks of four channels over neighbouring taps need; `least` and `most` in each of four bytes.
typedef struct {
    int32_t taps, step; // bytes from a tap to the next
    int32_t bias, tie;
    uint32_t reciprocal;
    uint32_t least, most;
} PoolAverages;

// The averages of `blocks` times four channels over 3 to MOST_HALVES taps.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
void pool_2d_averages(const int8_t *from, int8_t *output, int32_t blocks, const PoolAverages *p);
#else
static void pool_2d_averages(const int8_t *from, int8_t *output, int32_t blocks, const PoolAverages *p) {
    const Division by = {p->bias, p->tie, p->reciprocal, 0};
    for (; blocks > 0; blocks--, from += 4) {
        int32_t sums[4];
        sum_taps(from, 1, 0, p->taps, p->step, sums);
        for (int32_t i = 0; i < 4; i++) {
            *output++ = clamp_s8(average(sums[i], by), (int8_t)p->least, (int8_t)p->most);
        }
    }
}
#endif

// An output pixel.
static void average_taps(const Pool2d *p, const int8_t *from, int32_t rows, int32_t columns, int8_t *output) {
    const int32_t taps = rows * columns, channels = p->channels, row_step = p->input_w * channels;
    const bool joined = columns == p->input_w || rows == 1; // rows lie behind each other
    const Division by = division_by(taps);
    int32_t channel = 0;
    if (joined && taps > 2 && taps <= MOST_HALVES && channels >= 4) {
        const uint32_t least = 0x01010101u * (uint8_t)p->activation_min,
                       most = 0x01010101u * (uint8_t)p->activation_max;
        const PoolAverages averages = {taps, channels, by.bias, by.tie, by.reciprocal, least, most};
        pool_2d_averages(from, output, channels / 4, &averages);
        channel = channels & ~3;
    }
    if (joined) {
        rows = 1;
        columns = taps;
    }
    for (; channel < channels; channel += 4) {
        const int32_t left = channels - channel;
        int32_t sums[4];
        sum_taps(from + channel, rows, row_step, columns, channels, sums);
        store(p, output + channel, sums, by, left < 4 ? left : 4);
    }
}

void average_pool_2d_s8(const Pool2d *layer, const int8_t *input, int8_t *output) {
    const Pool2d p = *layer;
    for (int32_t batch = 0; batch < p.batches; batch++) {
        for (int32_t y = 0; y < p.output_h; y++) {
            for (int32_t x = 0; x < p.output_w; x++, output += p.channels) {
                const Inside window = inside(&p, batch, y, x);
                average_taps(&p, input + window.first, window.rows, window.columns, output);
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
