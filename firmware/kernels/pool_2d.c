#include "pool_2d.h"

#include "dsp.h"
#include "window.h"

#define MOST_HALVES 255 // int8 that a sum of 16 bits can hold

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

static inline void store(const Pool2d *p, int8_t *output, const int32_t *sums, int32_t taps, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        output[i] = (int8_t)clamp(p, rounded_quotient(sums[i], taps));
    }
}

// Four channels: their sums over the window.
static void sum_block(const Pool2d *p, const int8_t *input, Inside window, int32_t sums[4]) {
    uint32_t even = 0, odd = 0;
    int32_t held = 0;
    sums[0] = sums[1] = sums[2] = sums[3] = 0;
    for (int32_t row = 0; row < window.rows; row++) {
        const int8_t *at = input + row * p->input_w * p->channels;
        for (int32_t left = window.columns; left > 0;) {
            int32_t count = left < MOST_HALVES - held ? left : MOST_HALVES - held;
            for (int32_t i = 0; i < count; i++, at += p->channels) {
                uint32_t word = read_word(at);
                even = add_halves(even, even_bytes(word));
                odd = add_halves(odd, odd_bytes(word));
            }
            held += count;
            left -= count;
            if (held == MOST_HALVES || (row == window.rows - 1 && left == 0)) {
                sums[0] += low_half(even), sums[1] += low_half(odd);
                sums[2] += high_half(even), sums[3] += high_half(odd);
                even = odd = 0;
                held = 0;
            }
        }
    }
}

void average_pool_2d_s8(const Pool2d *layer, const int8_t *input, int8_t *output) {
    const Pool2d p = *layer;
    for (int32_t batch = 0; batch < p.batches; batch++) {
        for (int32_t y = 0; y < p.output_h; y++) {
            for (int32_t x = 0; x < p.output_w; x++, output += p.channels) {
                Inside window = inside(&p, batch, y, x);
                const int32_t taps = window.rows * window.columns;
                for (int32_t channel = 0; channel < p.channels; channel += 4) {
                    int32_t sums[4], left = p.channels - channel;
                    sum_block(&p, input + window.first + channel, window, sums);
                    store(&p, output + channel, sums, taps, left < 4 ? left : 4);
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
