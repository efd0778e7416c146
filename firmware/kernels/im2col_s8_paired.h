// Columns of `conv_2d_s8_paired`: the windows of two pixels side by side, expanded to int16.
#ifndef FIRMBENCH_KERNELS_IM2COL_S8_PAIRED_H
#define FIRMBENCH_KERNELS_IM2COL_S8_PAIRED_H

#include <stddef.h>
#include <stdint.h>

#include "conv_2d_s8_paired.h"
#include "dsp.h"
#include "im2col_s8.h"

#define LANES CONV_2D_PAIRED_LANES
#define STAGE_SLACK 4 // bytes behind a staged window, which is copied in words

// Pairs of pixels whose windows have their rows at even distances in memory. The code in assembly reads the fields in
// this order.
struct Conv2dS8Run {
    int32_t pairs;
    int32_t pixel_step, row_step; // bytes from a window to that of the next pixel, from a row to the next
    int32_t rows, row_bytes;      // of a window: of rows only their whole words
    int32_t row_gap;              // bytes of a column after those
    int32_t tails;                // bytes of each row after its whole words, whose inputs come after all of these
};

// Expands `count` inputs, or up to three more, of the two pixels of a column; returns where the next ones belong.
static inline uint32_t *expand_pair(uint32_t *column, const int8_t *a, const int8_t *b, int32_t count) {
    for (; count > 4; count -= 8, a += 8, b += 8, column += 8) {
        uint32_t a0 = read_word(a), a1 = read_word(a + 4), b0 = read_word(b), b1 = read_word(b + 4);
        column[0] = even_bytes(a0);
        column[1] = even_bytes(b0);
        column[2] = odd_bytes(a0);
        column[3] = odd_bytes(b0);
        column[4] = even_bytes(a1);
        column[5] = even_bytes(b1);
        column[6] = odd_bytes(a1);
        column[7] = odd_bytes(b1);
    }
    if (count > 0) {
        uint32_t a0 = read_word(a), b0 = read_word(b);
        column[0] = even_bytes(a0);
        column[1] = even_bytes(b0);
        column[2] = odd_bytes(a0);
        column[3] = odd_bytes(b0);
        column += 4;
    }
    return column;
}

// Bytes from where a column begins to input `place` of its first pixel; that of the second comes 4 bytes later.
static inline int32_t half_offset(int32_t place) {
    return place / 4 * 16 + (place & 1) * 8 + (place & 2);
}

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
Conv2dS8Gather im2col_s8_paired_rows; // without the tails
#else
static void im2col_s8_paired_rows(const Conv2dS8Run *run, const int8_t *from, uint32_t *column) {
    for (int32_t pair = 0; pair < run->pairs; pair++, from += LANES * run->pixel_step) {
        const int8_t *a = from;
        for (int32_t row = 0; row < run->rows; row++, a += run->row_step) {
            column = expand_pair(column, a, a + run->pixel_step, run->row_bytes);
        }
        column += run->row_gap / 4;
    }
}
#endif

static void expand_with_tails(const Conv2dS8Run *run, const int8_t *from, uint32_t *column) {
    const int32_t whole = run->rows * run->row_bytes; // and as many words of a column
    if (whole > 0) {
        im2col_s8_paired_rows(run, from, column);
    }
    for (int32_t pair = 0; pair < run->pairs; pair++, from += LANES * run->pixel_step) {
        const int8_t *row = from + run->row_bytes;
        int32_t place = 0;
        column += whole;
        for (int32_t left = run->rows; left > 0; left--, row += run->row_step) {
            for (int32_t i = 0; i < run->tails; i++, place++) {
                int8_t *to = (int8_t *)column + half_offset(place);
                write_half(to, row[i]);
                write_half(to + 4, row[i + run->pixel_step]);
            }
        }
        column += run->row_gap / 4;
    }
}

// Where a box of a picture begins: its first byte is byte x of row y; rows are `step` rows apart.
typedef struct {
    const int8_t *picture;
    int32_t height, row_bytes; // of the picture
    int32_t y, step, x;
} Corner;

// Copies `rows` rows of `bytes` bytes, with the zero point for what lies outside of the picture.
__attribute__((noinline)) static void copy_padded(const Corner *from, int32_t zero_point, int32_t rows, int32_t bytes,
                                                  int8_t *to) {
    const int32_t height = from->height, x = from->x, last = from->row_bytes - x; // bytes before the right edge
    const int32_t before = x >= 0 ? 0 : last > 0 && -x < bytes ? -x : bytes;
    const int32_t after = last < bytes ? (last > 0 ? bytes - last : bytes) : 0;
    const int32_t inside = before + after < bytes ? bytes - before - after : 0;
    const int32_t step = from->step * from->row_bytes;
    const int8_t *row = from->picture + (from->y * from->row_bytes + x + before);
    int32_t y = inside > 0 ? from->y : -rows * from->step;
    for (; rows > 0; rows--, y += from->step, row += step) {
        if (y < 0 || y >= height) {
            to = put_padding(to, zero_point, bytes);
        } else {
            to = put_padding(to, zero_point, before);
            to = put_bytes(to, row, inside);
            to = put_padding(to, zero_point, after);
        }
    }
}

// How a layer's windows are expanded, and which is next.
typedef struct {
    const Conv2dS8 *layer;
    Position at;
    Conv2dS8Run run;                        // of any pixels of a row
    Conv2dS8Gather *expand, *expand_apart;  // pixels that are neighbours; any two
    int32_t origin, y_step, x_step;         // of the windows of output pixels in their image
    int32_t begin_y, end_y, begin_x, end_x; // output pixels whose windows lie on the input as a whole, in rows
    int8_t *stage;                          // room for two windows
} Windows;

// Puts the zero point to `count` halfwords of a pixel in a column.
static inline void replace(const int16_t *outside, int32_t count, int32_t zero_point, uint32_t *column) {
    for (int32_t i = 0; i < count; i++) {
        write_half((int8_t *)column + outside[i], zero_point);
    }
}

// Begins with the first window of `input`. `stage`: word aligned.
static void start_windows(Windows *windows, const Conv2dS8 *layer, const int8_t *input, int8_t *stage) {
    const int32_t channels = layer->input_channels, row = layer->input_w * channels;
    const int32_t stride_h = layer->stride_h, stride_w = layer->stride_w, tails = layer->tails;
    const int32_t room_h = layer->input_h - layer->reach_h + layer->pad_top;
    const int32_t room_w = layer->input_w - layer->reach_w + layer->pad_left;
    const int32_t row_bytes = tails > 0 ? layer->row_bytes - tails : (layer->row_bytes + 3) & ~3;
    const int32_t end_x = room_w < 0 || layer->row_bytes == 0 ? 0 : room_w / stride_w + 1;
    windows->layer = layer;
    windows->at.image = input;
    windows->at.y = windows->at.x = 0;
    windows->run.rows = layer->filter_h;
    windows->run.row_bytes = row_bytes;
    windows->run.row_gap = 8 * layer->words - 4 * layer->filter_h * row_bytes;
    windows->run.tails = tails;
    windows->expand_apart = tails > 0 ? expand_with_tails : im2col_s8_paired_rows;
    windows->expand = layer->gather != NULL ? layer->gather : windows->expand_apart;
    windows->y_step = stride_h * row;
    windows->x_step = stride_w * channels;
    windows->origin = -(layer->pad_top * row + layer->pad_left * channels);
    windows->begin_y = (layer->pad_top + stride_h - 1) / stride_h;
    windows->end_y = room_h < 0 ? 0 : room_h / stride_h + 1;
    windows->begin_x = (layer->pad_left + stride_w - 1) / stride_w;
    windows->end_x = end_x < layer->output_w ? end_x : layer->output_w;
    windows->stage = stage;
}

// How many windows of the output row from `at` on lie on the input as a whole; below 1 for none.
static inline int32_t windows_inside(const Windows *windows, Position at) {
    const bool inside = at.y >= windows->begin_y && at.y < windows->end_y && at.x >= windows->begin_x;
    return inside ? windows->end_x - at.x : 0;
}

static inline const int8_t *window_at(const Windows *windows, Position at) {
    return at.image + (windows->origin + at.y * windows->y_step + at.x * windows->x_step);
}

// The row step of a run of neighbours on the input.
static inline int32_t row_step_of(const Conv2dS8 *layer) {
    return layer->dilation_h * layer->input_w * layer->input_channels;
}

// The first byte of the window of a pixel.
static inline Corner corner_of(const Conv2dS8 *layer, Position at) {
    const int32_t channels = layer->input_channels, x = at.x * layer->stride_w - layer->pad_left;
    const Corner corner = {
        at.image,          layer->input_h, layer->input_w * channels, at.y * layer->stride_h - layer->pad_top,
        layer->dilation_h, x * channels};
    return corner;
}

// Neighbours from `at` on, as many of `pixels` as there is room for, whose windows do not lie on the input as a whole:
// copied with their padding first. Returns how many pairs, or 0 where there is room for none.
static int32_t expand_staged(Windows *windows, int32_t pixels, uint32_t *column) {
    const Conv2dS8 *const layer = windows->layer;
    const int32_t step = windows->x_step, rows = layer->filter_h, bytes = layer->filter_w * layer->input_channels;
    const int32_t room = (2 * (2 * layer->words + STAGE_SLACK) - STAGE_SLACK) / rows & ~3; // for a row of all windows
    const int32_t most = (room - bytes) / step + 1;
    const int32_t pairs = (most < pixels ? most : pixels) / LANES;
    if (pairs > 0) {
        const Corner corner = corner_of(layer, windows->at);
        const int32_t together = ((pairs * LANES - 1) * step + bytes + 3) & ~3;
        copy_padded(&corner, layer->input_zero_point, rows, together, windows->stage);
        windows->run.pairs = pairs;
        windows->run.pixel_step = step;
        windows->run.row_step = together;
        windows->expand(&windows->run, windows->stage, column);
    }
    return pairs;
}

// Any two pixels, or one twice.
static void expand_two(Windows *windows, Position a, Position b, uint32_t *column) {
    const Conv2dS8 *const layer = windows->layer;
    int8_t *const other = windows->stage + 2 * layer->words + STAGE_SLACK;
    const int8_t *from = windows->stage;
    Conv2dS8Run run = windows->run;
    run.pairs = 1;
    run.pixel_step = 2 * layer->words + STAGE_SLACK;
    if (windows_inside(windows, a) > 0 && windows_inside(windows, b) > 0) {
        from = window_at(windows, a);
        run.pixel_step = (int32_t)(window_at(windows, b) - from);
        run.row_step = row_step_of(layer);
    } else if (layer->row_bytes > 0) {
        const Corner corner_a = corner_of(layer, a), corner_b = corner_of(layer, b);
        const int32_t bytes = layer->filter_w * layer->input_channels;
        run.row_step = bytes;
        copy_padded(&corner_a, layer->input_zero_point, layer->filter_h, bytes, windows->stage);
        copy_padded(&corner_b, layer->input_zero_point, layer->filter_h, bytes, other);
    } else {
        const Corner corner_a = corner_of(layer, a), corner_b = corner_of(layer, b);
        stage_window(layer, a.image, corner_a.y, corner_a.x / layer->input_channels, windows->stage);
        stage_window(layer, b.image, corner_b.y, corner_b.x / layer->input_channels, other);
        run.rows = 1;
        run.row_bytes = 2 * layer->words;
        run.row_gap = 0;
    }
    windows->expand_apart(&run, from, column);
}

// Expands the next `pixels` windows, two to a column.
static void gather_windows(Windows *windows, int32_t pixels, uint32_t *columns) {
    const Conv2dS8 *const layer = windows->layer;
    while (pixels > 0) {
        const Position at = windows->at;
        const bool replaced = at.y >= layer->replaced_begin && at.y < layer->replaced_end;
        const int32_t in_row = layer->output_w - at.x, left = in_row < pixels ? in_row : pixels;
        int32_t pairs = replaced ? left : windows_inside(windows, at);
        pairs = (pairs < left ? pairs : left) / LANES;
        if (pairs > 0) {
            windows->run.pairs = pairs;
            windows->run.pixel_step = windows->x_step;
            windows->run.row_step = row_step_of(layer);
            windows->expand(&windows->run, window_at(windows, at), columns);
            if (replaced && at.x == 0) {
                replace(layer->outside, layer->outside_left, layer->input_zero_point, columns);
            }
            if (replaced && pairs * LANES == in_row) {
                replace(layer->outside + layer->outside_left, layer->outside_right, layer->input_zero_point,
                        columns + LANES * (pairs - 1) * layer->words + 1);
            }
        } else if (left >= LANES && layer->row_bytes > 0) {
            pairs = expand_staged(windows, left, columns);
        }
        if (pairs > 0) {
            windows->at = moved_to(layer, at, at.x + pairs * LANES);
        } else {
            const Position next = moved_to(layer, at, at.x + 1);
            expand_two(windows, at, pixels > 1 ? next : at, columns);
            windows->at = moved_to(layer, next, next.x + 1);
            pairs = 1;
        }
        columns += pairs * LANES * layer->words;
        pixels -= pairs * LANES;
    }
}

// The input with the padding around it; `plane` is word aligned and a few bytes longer than the plane.
static const int8_t *padded_plane(const Conv2dS8 *layer, const int8_t *input, int8_t *plane) {
    const int32_t channels = layer->input_channels;
    const Corner corner = {
        input, layer->source_h, layer->source_w * channels, -layer->plane_top, 1, -layer->plane_left * channels};
    copy_padded(&corner, layer->input_zero_point, layer->input_h, layer->input_w * channels, plane);
    return plane;
}

#endif
