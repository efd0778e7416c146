// Columns of convolution windows: the int8 inputs of several output pixels side by side, expanded to int16.
//
// A column holds the inputs of `lanes` pixels: for inputs 0 and 2 of every four the pair of each pixel in turn, then
// for inputs 1 and 3.
#ifndef FIRMBENCH_KERNELS_IM2COL_S8_H
#define FIRMBENCH_KERNELS_IM2COL_S8_H

#include <stdbool.h>
#include <stdint.h>

#include "conv_2d_s8.h"
#include "dsp.h"
#include "requantize.h"

// Expands `count` inputs of one pixel, or up to three more; returns where the next ones belong.
static inline uint32_t *expand(uint32_t *column, const int8_t *from, int32_t count, int32_t lanes) {
    for (; count > 4; count -= 8, from += 8, column += 4 * lanes) {
        uint32_t first = read_word(from), second = read_word(from + 4);
        column[0] = even_bytes(first);
        column[lanes] = odd_bytes(first);
        column[2 * lanes] = even_bytes(second);
        column[3 * lanes] = odd_bytes(second);
    }
    if (count > 0) {
        uint32_t word = read_word(from);
        column[0] = even_bytes(word);
        column[lanes] = odd_bytes(word);
        column += 2 * lanes;
    }
    return column;
}

// In words: up to three bytes too many, which what is put behind them or zero weights make good.
static inline int8_t *put_bytes(int8_t *to, const int8_t *from, int32_t count) {
    for (int32_t i = 0; i < count; i += 4) {
        write_word(to + i, read_word(from + i));
    }
    return to + count;
}

static inline int8_t *put_padding(int8_t *to, int32_t zero_point, int32_t count) {
    const uint32_t word = 0x01010101u * (uint8_t)zero_point;
    for (int32_t i = 0; i < count; i += 4) {
        write_word(to + i, word);
    }
    return to + count;
}

// Collects the inputs of one row of a window whose taps are neighbours; the first is in column x of the row.
static inline int8_t *stage_row(const Conv2dS8 *layer, const int8_t *row, int32_t x, int8_t *stage) {
    const int32_t channels = layer->group_channels, zero_point = layer->input_zero_point;
    const int32_t before = x < 0 ? -x : 0, end = x + layer->filter_w;
    const int32_t after = end > layer->input_w ? end - layer->input_w : 0;
    const int32_t inside = layer->filter_w - before - after;
    if (inside <= 0) {
        return put_padding(stage, zero_point, layer->filter_w * channels);
    }
    stage = put_padding(stage, zero_point, before * channels);
    stage = put_bytes(stage, row + (x + before) * channels, inside * channels);
    return put_padding(stage, zero_point, after * channels);
}

// Collects the inputs of the window whose first tap is at row y and column x of `image`.
__attribute__((noinline, unused)) static void stage_window(const Conv2dS8 *layer, const int8_t *image, int32_t y,
                                                           int32_t x, int8_t *stage) {
    const int32_t width = layer->input_w, channels = layer->group_channels, zero_point = layer->input_zero_point;
    const int32_t right = x + layer->filter_w * layer->dilation_w;
    for (int32_t row = 0; row < layer->filter_h; row++, y += layer->dilation_h) {
        if (y < 0 || y >= layer->input_h) {
            stage = put_padding(stage, zero_point, layer->filter_w * channels);
        } else if (layer->row_bytes > 0 && layer->filter_w > 1) {
            stage = stage_row(layer, image + y * width * channels, x, stage);
        } else {
            for (int32_t at = x; at < right; at += layer->dilation_w) {
                stage = at >= 0 && at < width
                            ? put_bytes(stage, image + (y * width + at) * layer->input_channels, channels)
                            : put_padding(stage, zero_point, channels);
            }
        }
    }
}

// The same for a window without padding, the taps of whose rows are one piece of memory.
static inline void stage_rows(const int8_t *from, int32_t rows, int32_t row_bytes, int32_t step, int8_t *stage) {
    if (row_bytes > 8 && row_bytes <= 12) { // such as three pixels of three channels
        for (; rows > 0; rows--, from += step, stage += row_bytes) {
            uint32_t first = read_word(from), second = read_word(from + 4), third = read_word(from + 8);
            write_word(stage, first);
            write_word(stage + 4, second);
            write_word(stage + 8, third);
        }
        return;
    }
    for (; rows > 0; rows--, from += step) {
        stage = put_bytes(stage, from, row_bytes);
    }
}

// An output pixel: its input image and its place.
typedef struct {
    const int8_t *image;
    int32_t y, x;
} Position;

// Column x of the same output row, or the next row's first where the row ends.
static inline Position moved_to(const Conv2dS8 *layer, Position at, int32_t x) {
    at.x = x;
    if (x == layer->output_w) {
        at.x = 0;
        if (++at.y == layer->output_h) {
            at.y = 0;
            at.image += layer->input_h * layer->input_w * layer->input_channels;
        }
    }
    return at;
}

static inline void clamp_outputs(int8_t *output, int32_t count, int32_t low, int32_t high) {
    for (int32_t i = 0; i < count; i++) {
        output[i] = clamp_s8(output[i], low, high);
    }
}

#endif
