#include "conv_2d_s8.h"

#include <stddef.h>

#include "dsp.h"
#include "im2col_s8.h"
#include "requantize.h"

#define PIXELS CONV_2D_PIXELS

// Expands the windows of `pixels` pixels; returns the position after them.
__attribute__((noinline)) static Position gather(const Conv2dS8 *layer, Position at, int32_t group, int32_t pixels,
                                                 uint32_t *column) {
    const int32_t words = layer->words, row_bytes = layer->row_bytes, rows = layer->filter_h;
    const int32_t width = layer->input_w, channels = layer->input_channels, stride = layer->stride_w;
    const int32_t last_x = width - layer->reach_w, step = layer->dilation_h * width * channels;
    const bool staged = layer->staged;
    int8_t *const stage = (int8_t *)(column + layer->columns * words * PIXELS); // room for one window
    int32_t lane = 0;
    while (pixels > 0) { // those of one output row
        const int8_t *image = at.image + group * layer->group_channels;
        const int32_t y = at.y * layer->stride_h - layer->pad_top;
        const bool rows_inside = row_bytes > 0 && y >= 0 && y <= layer->input_h - layer->reach_h;
        const int32_t end = at.x + pixels < layer->output_w ? at.x + pixels : layer->output_w;
        int32_t x = at.x * stride - layer->pad_left;
        pixels -= end - at.x;
        for (int32_t left = end - at.x; left > 0; left--, x += stride) {
            const bool inside = rows_inside && x >= 0 && x <= last_x;
            const int8_t *from = inside ? image + (y * width + x) * channels : NULL;
            if (inside && !staged) {
                uint32_t *to = column;
                for (int32_t row = rows; row > 0; row--, from += step) {
                    to = expand(to, from, row_bytes, PIXELS);
                }
            } else {
                if (inside) {
                    stage_rows(from, rows, row_bytes, step, stage);
                } else {
                    stage_window(layer, image, y, x, stage);
                }
                expand(column, stage, 2 * words, PIXELS);
            }
            column++;
            if (++lane == PIXELS) {
                lane = 0;
                column += (words - 1) * PIXELS;
            }
        }
        at = moved_to(layer, at, end);
    }
    return at;
}

// Of the two filters of a block for each pixel; not arrays, so that they stay in registers.
typedef struct {
    int32_t first0, first1, first2, first3;
    int32_t second0, second1, second2, second3;
} Sums;

// 17 cycles for 16 products on a Cortex-M4: five loads in two runs, two expansions of weights. The 8 sums, two weights,
// two inputs and two pointers take all of its registers, so the order of the source is kept and the loops' ends stay in
// memory.
static inline void multiply_word(Sums *sums, const uint32_t *weights, const uint32_t *column) {
    uint32_t word = read_word_in_order(weights);
    uint32_t a = read_word_in_order(column), b = read_word_in_order(column + 1);
    uint32_t first = even_bytes(word), second = odd_bytes(word);
    dual_multiply_add_in_order(&sums->first0, first, a);
    dual_multiply_add_in_order(&sums->second0, second, a);
    dual_multiply_add_in_order(&sums->first1, first, b);
    dual_multiply_add_in_order(&sums->second1, second, b);
    a = read_word_in_order(column + 2), b = read_word_in_order(column + 3);
    dual_multiply_add_in_order(&sums->first2, first, a);
    dual_multiply_add_in_order(&sums->second2, second, a);
    dual_multiply_add_in_order(&sums->first3, first, b);
    dual_multiply_add_in_order(&sums->second3, second, b);
}

// Where the weights of a block end, and where its last whole run of eight words does. Volatile: in memory, not in
// registers that the loop needs.
typedef struct {
    const uint32_t *volatile runs, *volatile all;
} Ends;

static inline const uint32_t *weights_of(const int32_t *block) {
    return (const uint32_t *)block + CONV_2D_HEAD;
}

// A block's weights times a column, added to its biases; moves on to the next column.
__attribute__((always_inline)) static inline Sums multiply(const int32_t *block, const Ends *end,
                                                           const uint32_t **columns) {
    const int32_t a = block[0], b = block[1];
    Sums sums = {a, a, a, a, b, b, b, b};
    const uint32_t *weights = weights_of(block), *column = *columns;
    while (weights != end->runs) {
        multiply_word(&sums, weights, column);
        multiply_word(&sums, weights + 1, column + PIXELS);
        multiply_word(&sums, weights + 2, column + 2 * PIXELS);
        multiply_word(&sums, weights + 3, column + 3 * PIXELS);
        multiply_word(&sums, weights + 4, column + 4 * PIXELS);
        multiply_word(&sums, weights + 5, column + 5 * PIXELS);
        multiply_word(&sums, weights + 6, column + 6 * PIXELS);
        multiply_word(&sums, weights + 7, column + 7 * PIXELS);
        weights += 8, column += 8 * PIXELS;
    }
    while (weights != end->all) {
        multiply_word(&sums, weights, column);
        multiply_word(&sums, weights + 1, column + PIXELS);
        weights += 2, column += 2 * PIXELS;
    }
    *columns = column;
    return sums;
}

// The same for one pixel of a column.
static Sums multiply_pixel(const int32_t *block, const uint32_t *column, int32_t words) {
    int32_t first = block[0], second = block[1];
    const uint32_t *weights = weights_of(block);
    for (int32_t i = 0; i < words; i += 2, weights += 2, column += 2 * PIXELS) {
        uint32_t a = weights[0], b = weights[1], x = column[0], y = column[PIXELS];
        first = dual_multiply_add(even_bytes(a), x, first);
        second = dual_multiply_add(odd_bytes(a), x, second);
        first = dual_multiply_add(even_bytes(b), y, first);
        second = dual_multiply_add(odd_bytes(b), y, second);
    }
    return (Sums){.first0 = first, .second0 = second};
}

static inline void store(int8_t *to, int32_t sum, int32_t multiplier, int32_t offset, int32_t right) {
    *to = saturate_s8(requantize_by_offset(sum, multiplier, offset, right));
}

// All channels of a group for `count` whole columns, rescaled by offsets.
__attribute__((noinline)) static void compute_columns(const Conv2dS8 *layer, const int32_t *block,
                                                      const uint32_t *columns, int32_t count, int8_t *output) {
    const int32_t words = layer->words, channels = layer->output_channels, filters = layer->group_filters;
    const uint32_t *const columns_end = columns + count * words * PIXELS;
    for (int32_t filter = 0; filter < filters; filter += 2, block += CONV_2D_HEAD + words) {
        const Ends end = {weights_of(block) + (words & ~7), weights_of(block) + words};
        int8_t *to = output + (filter + 2 > filters ? filters - 2 : filter);
        const uint32_t *column = columns;
        do {
            Sums sums = multiply(block, &end, &column);
            int32_t multiplier = block[2], offset = block[3], right = block[4];
            store(to, sums.first0, multiplier, offset, right);
            store(to += channels, sums.first1, multiplier, offset, right);
            store(to += channels, sums.first2, multiplier, offset, right);
            store(to += channels, sums.first3, multiplier, offset, right);
            multiplier = block[5], offset = block[6], right = block[7];
            store(to + 1, sums.second3, multiplier, offset, right);
            store((to -= channels) + 1, sums.second2, multiplier, offset, right);
            store((to -= channels) + 1, sums.second1, multiplier, offset, right);
            store((to -= channels) + 1, sums.second0, multiplier, offset, right);
            to += PIXELS * channels;
        } while (column != columns_end);
    }
}

static int8_t rescaled(const Conv2dS8 *layer, int32_t sum, const int32_t *record) {
    if (layer->by_offset) {
        return saturate_s8(requantize_by_offset(sum, record[0], record[1], record[2]));
    }
    return saturate_s8(requantize(sum, (Rescale){record[0], (int8_t)record[1], (int8_t)record[2]}) +
                       layer->output_zero_point);
}

// All channels of a group for the first `pixels` of a column, rescaled in any way.
__attribute__((noinline)) static void compute_pixels(const Conv2dS8 *layer, const int32_t *block,
                                                     const uint32_t *column, int32_t pixels, int8_t *output) {
    const int32_t words = layer->words, channels = layer->output_channels, filters = layer->group_filters;
    for (int32_t filter = 0; filter < filters; filter += 2, block += CONV_2D_HEAD + words) {
        const Ends end = {weights_of(block) + (words & ~7), weights_of(block) + words};
        const uint32_t *columns = column;
        const Sums sums = pixels == 1 ? multiply_pixel(block, column, words) : multiply(block, &end, &columns);
        const int32_t first[PIXELS] = {sums.first0, sums.first1, sums.first2, sums.first3};
        const int32_t second[PIXELS] = {sums.second0, sums.second1, sums.second2, sums.second3};
        int8_t *to = output + (filter + 2 > filters && filters > 1 ? filters - 2 : filter);
        for (int32_t p = 0; p < pixels; p++, to += channels) {
            to[0] = rescaled(layer, first[p], block + 2);
            if (filters > 1) {
                to[1] = rescaled(layer, second[p], block + 5);
            }
        }
    }
}

static void compute(const Conv2dS8 *layer, const int32_t *block, const uint32_t *columns, int32_t pixels,
                    int8_t *output) {
    const int32_t column_words = layer->words * PIXELS, output_bytes = PIXELS * layer->output_channels;
    if (layer->by_offset && layer->group_filters > 1) {
        const int32_t quads = pixels / PIXELS;
        if (quads > 0) {
            compute_columns(layer, block, columns, quads, output);
        }
        pixels -= quads * PIXELS, columns += quads * column_words, output += quads * output_bytes;
    }
    for (; pixels > 0; pixels -= PIXELS, columns += column_words, output += output_bytes) {
        compute_pixels(layer, block, columns, pixels < PIXELS ? pixels : PIXELS, output);
    }
}

void conv_2d_s8(const Conv2dS8 *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t low = layer->activation_min, high = layer->activation_max;
    const int32_t most = layer->columns * PIXELS, channels = layer->output_channels;
    const int32_t blocks = (layer->group_filters + 1) / 2 * (CONV_2D_HEAD + layer->words);
    Position at = {input, 0, 0};
    for (int32_t left = layer->pixels; left > 0; left -= most) {
        const int32_t pixels = left < most ? left : most;
        Position next = at;
        for (int32_t group = 0; group < layer->groups; group++) {
            next = gather(layer, at, group, pixels, scratch);
            compute(layer, layer->blocks + group * blocks, scratch, pixels, output + group * layer->group_filters);
        }
        if (low > INT8_MIN || high < INT8_MAX) {
            clamp_outputs(output, pixels * channels, low, high);
        }
        at = next, output += pixels * channels;
    }
}
