#include "conv_2d_s8_paired.h"

#include "dsp.h"
#include "im2col_s8.h"
#include "requantize.h"

#include <stddef.h>
#include <string.h>

#define LANES CONV_2D_PAIRED_LANES
#define FILTERS CONV_2D_PAIRED_FILTERS
#define STAGE_SLACK 4 // bytes behind a staged window, which is copied in words

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// conv_2d_s8_paired_m4.S: for any number of inputs, a multiple of 16, 16 and 8.
Conv2dS8Block conv_2d_s8_paired_block, conv_2d_s8_paired_block_whole, conv_2d_s8_paired_block_one,
    conv_2d_s8_paired_block_half;
Conv2dS8Block conv_2d_s8_paired_fixed, conv_2d_s8_paired_fixed_whole, conv_2d_s8_paired_fixed_one,
    conv_2d_s8_paired_fixed_half;

static Conv2dS8Block *block_of(int32_t inputs, bool fixed_shift) {
    if (inputs == 8) {
        return fixed_shift ? conv_2d_s8_paired_fixed_half : conv_2d_s8_paired_block_half;
    }
    if (inputs == 16) {
        return fixed_shift ? conv_2d_s8_paired_fixed_one : conv_2d_s8_paired_block_one;
    }
    if (inputs % 16 == 0) {
        return fixed_shift ? conv_2d_s8_paired_fixed_whole : conv_2d_s8_paired_block_whole;
    }
    return fixed_shift ? conv_2d_s8_paired_fixed : conv_2d_s8_paired_block;
}
#else
typedef struct {
    int32_t high[2], low[2]; // of the two pairs of filters: 256 times the odd one's plus the even one's, the even one's
} Sums;

static Sums sums_of(const int32_t *block, const uint32_t *column, int32_t words) {
    const uint32_t *const weights = (const uint32_t *)block;
    const int32_t *const biases = block + words;
    Sums sums = {{biases[0], biases[2]}, {biases[1], biases[3]}};
    for (int32_t i = 0; i < words; i++) {
        uint32_t pair = weights[i], x = column[i & ~1];
        sums.high[i & 1] = dual_multiply_add(pair, x, sums.high[i & 1]);
        sums.low[i & 1] = dual_multiply_add(even_bytes(pair), x, sums.low[i & 1]);
    }
    return sums;
}

// 256 times the sum of a filter.
static int32_t scaled_sum(const Sums *sums, int32_t filter) {
    const uint32_t low = (uint32_t)sums->low[filter / 2];
    return (int32_t)(filter & 1 ? (uint32_t)sums->high[filter / 2] - low : low << 8);
}

typedef void Finish(const Sums *sums, const int32_t *records, int8_t *output);

static void finish_by_offset(const Sums *sums, const int32_t *records, int8_t *output) {
    for (int32_t i = 0; i < FILTERS; i++, records += 3) {
        const int32_t sum = scaled_sum(sums, i);
        output[i] = saturate_s8(i & 1 ? requantize_doubled(sum >> 7, records[0], records[1], records[2])
                                      : requantize_by_offset(sum >> 8, records[0], records[1], records[2]));
    }
}

static void finish_fixed(const Sums *sums, const int32_t *records, int8_t *output) {
    for (int32_t i = 0; i < FILTERS / 2; i++, records += 3) {
        output[2 * i] = requantize_fixed_whole(sums->low[i], records[0], records[1]);
        output[2 * i + 1] = requantize_fixed_fine(scaled_sum(sums, 2 * i + 1), records[2]);
    }
}

static void compute_block(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end, int8_t *output,
                          int32_t step, int32_t words, int32_t line_bytes, int32_t skip, Finish *finish) {
    while (columns != columns_end) {
        const uint32_t *const line_end = columns + line_bytes / 4;
        for (; columns != line_end; columns += words) {
            for (int32_t lane = 0; lane < LANES; lane++, output += step) {
                const Sums sums = sums_of(block, columns + lane, words);
                finish(&sums, block + words + CONV_2D_PAIRED_BIASES, output);
            }
        }
        output += skip;
    }
}

static void conv_2d_s8_paired_block(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end,
                                    int8_t *output, int32_t step, int32_t words, int32_t line_bytes, int32_t skip) {
    compute_block(block, columns, columns_end, output, step, words, line_bytes, skip, finish_by_offset);
}

static void conv_2d_s8_paired_fixed(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end,
                                    int8_t *output, int32_t step, int32_t words, int32_t line_bytes, int32_t skip) {
    compute_block(block, columns, columns_end, output, step, words, line_bytes, skip, finish_fixed);
}

static Conv2dS8Block *block_of(int32_t inputs, bool fixed_shift) {
    (void)inputs;
    return fixed_shift ? conv_2d_s8_paired_fixed : conv_2d_s8_paired_block;
}
#endif

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

// Expands pairs of pixels that lie one after another and are their own windows.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
void conv_2d_s8_paired_gather(const int8_t *from, int32_t channels, int32_t pairs, uint32_t *columns);
#else
static void conv_2d_s8_paired_gather(const int8_t *from, int32_t channels, int32_t pairs, uint32_t *columns) {
    for (; pairs > 0; pairs--, from += LANES * channels) {
        columns = expand_pair(columns, from, from + channels, channels);
    }
}
#endif

static void gather_pixels(const int8_t *from, int32_t channels, int32_t pixels, uint32_t *columns, int32_t words) {
    const int32_t pairs = pixels / LANES;
    if (pairs > 0) {
        conv_2d_s8_paired_gather(from, channels, pairs, columns);
    }
    if (pixels % LANES != 0) {
        const int8_t *last = from + (pixels - 1) * channels;
        expand_pair(columns + pairs * words, last, last, channels);
    }
}

// Pairs of pixels of one output row whose windows lie on the input as a whole. Distances in bytes of the input.
typedef struct {
    int32_t pairs, pixel_step;
    int32_t rows, row_bytes, row_step; // of a window
    int32_t words;                     // of a pixel in a column
} Run;

// Windows whose rows are whole words.
__attribute__((noinline)) static void expand_run(Run run, const int8_t *from, uint32_t *column) {
    for (; run.pairs > 0; run.pairs--, from += LANES * run.pixel_step) {
        const int8_t *a = from;
        for (int32_t row = run.rows; row > 0; row--, a += run.row_step) {
            column = expand_pair(column, a, a + run.pixel_step, run.row_bytes);
        }
    }
}

// Other windows: their rows are put one after another first.
__attribute__((noinline)) static void expand_staged_run(Run run, const int8_t *from, uint32_t *column, int8_t *stage) {
    int8_t *const other = stage + 2 * run.words + STAGE_SLACK;
    for (; run.pairs > 0; run.pairs--, from += LANES * run.pixel_step) {
        stage_rows(from, run.rows, run.row_bytes, run.row_step, stage);
        stage_rows(from + run.pixel_step, run.rows, run.row_bytes, run.row_step, other);
        column = expand_pair(column, stage, other, 2 * run.words);
    }
}

static inline uint32_t *expand_tails(uint32_t *column, const int8_t *a, const int8_t *b, int32_t row_step) {
    column[0] = half_pair(a[0], a[2 * row_step]);
    column[1] = half_pair(b[0], b[2 * row_step]);
    column[2] = half_pair(a[row_step], 0);
    column[3] = half_pair(b[row_step], 0);
    return column + 4;
}

// Windows of three rows of `whole` bytes and a last one: the three last ones come last.
static inline void expand_tailed(Run run, int32_t whole, const int8_t *from, uint32_t *column) {
    const int32_t row_step = run.row_step;
    for (; run.pairs > 0; run.pairs--, from += LANES * run.pixel_step) {
        const int8_t *const a = from, *const b = from + run.pixel_step;
        column = expand_pair(column, a, b, whole);
        column = expand_pair(column, a + row_step, b + row_step, whole);
        column = expand_pair(column, a + 2 * row_step, b + 2 * row_step, whole);
        column = expand_tails(column, a + whole, b + whole, row_step);
    }
}

__attribute__((noinline)) static void expand_run_with_tails(Run run, const int8_t *from, uint32_t *column) {
    if (run.row_bytes == 9) { // three pixels of three channels
        expand_tailed(run, 8, from, column);
    } else {
        expand_tailed(run, run.row_bytes - 1, from, column);
    }
}

// A pair, or one pixel, whose windows lie anywhere.
__attribute__((noinline)) static Position gather_pair(const Conv2dS8 *layer, Position at, int32_t pixels,
                                                      uint32_t *column, int8_t *stage) {
    int8_t *const other = stage + 2 * layer->words + STAGE_SLACK;
    for (int32_t i = 0; i < pixels; i++) {
        const int32_t y = at.y * layer->stride_h - layer->pad_top, x = at.x * layer->stride_w - layer->pad_left;
        stage_window(layer, at.image, y, x, i == 0 ? stage : other);
        at = moved_to(layer, at, at.x + 1);
    }
    if (layer->tails) {
        const Run run = {1, (int32_t)(other - stage), 3, layer->row_bytes, layer->row_bytes, layer->words};
        expand_run_with_tails(run, stage, column);
    } else {
        expand_pair(column, stage, other, 2 * layer->words);
    }
    return at;
}

// How many pairs from `at` on are a `Run`.
static inline int32_t pairs_inside(const Conv2dS8 *layer, int32_t y, int32_t x, int32_t pixels) {
    if (layer->row_bytes == 0 || y < 0 || y > layer->input_h - layer->reach_h || x < 0) {
        return 0;
    }
    const int32_t room = layer->input_w - layer->reach_w - x; // for the last window
    const int32_t inside = room < 0 ? 0 : room / layer->stride_w + 1;
    return (inside < pixels ? inside : pixels) / LANES;
}

static Position gather_windows(const Conv2dS8 *layer, Position at, int32_t pixels, uint32_t *columns) {
    int8_t *const stage = (int8_t *)(columns + layer->columns * layer->words * LANES);
    const int32_t row_step = layer->dilation_h * layer->input_w * layer->input_channels;
    Run run = {0, layer->stride_w * layer->input_channels, layer->filter_h, layer->row_bytes, row_step, layer->words};
    while (pixels > 0) {
        const int32_t y = at.y * layer->stride_h - layer->pad_top, x = at.x * layer->stride_w - layer->pad_left;
        const int32_t left_in_row = layer->output_w - at.x;
        int32_t count = pixels < LANES ? pixels : LANES;
        run.pairs = pairs_inside(layer, y, x, pixels < left_in_row ? pixels : left_in_row);
        if (run.pairs > 0) {
            const int8_t *from = at.image + (y * layer->input_w + x) * layer->input_channels;
            if (layer->tails) {
                expand_run_with_tails(run, from, columns);
            } else if (layer->staged) {
                expand_staged_run(run, from, columns, stage);
            } else {
                expand_run(run, from, columns);
            }
            count = run.pairs * LANES;
            at = moved_to(layer, at, at.x + count);
        } else {
            at = gather_pair(layer, at, count, columns, stage);
        }
        columns += count * layer->words;
        pixels -= count;
    }
    return at;
}

// The input with the padding around it; `plane` is word aligned and a few bytes longer than the plane.
static const int8_t *padded_plane(const Conv2dS8 *layer, const int8_t *input, int8_t *plane) {
    const int32_t row = layer->source_w * layer->input_channels, pitch = layer->input_w * layer->input_channels;
    int8_t *to = plane + layer->plane_top * pitch + layer->plane_left * layer->input_channels;
    put_padding(plane, layer->input_zero_point, layer->plane_bytes);
    for (int32_t y = 0; y < layer->source_h; y++, input += row, to += pitch) {
        memcpy(to, input, (size_t)row);
    }
    return plane;
}

void conv_2d_s8_paired(const Conv2dS8 *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t low = layer->activation_min, high = layer->activation_max;
    uint32_t *const first = (uint32_t *)scratch + FILTERS / 4;
    const int32_t most = layer->columns * LANES, channels = layer->output_channels, words = LANES * layer->words;
    Conv2dS8Block *const compute = layer->block != NULL ? layer->block : block_of(words, layer->fixed_shift);
    int8_t *const nowhere = scratch;
    if (layer->plane_bytes > 0) { // behind the columns and the staged windows
        int8_t *const stages_end = (int8_t *)(first + layer->columns * words) + 2 * (words + STAGE_SLACK);
        input = padded_plane(layer, input, stages_end);
    }
    Position at = {input, 0, 0};
    for (int32_t left = layer->pixels; left > 0; left -= most) {
        const int32_t pixels = left < most ? left : most;
        const uint32_t *const pairs_end = first + pixels / LANES * words;
        if (layer->pointwise) {
            gather_pixels(input, layer->row_bytes, pixels, first, words);
            input += pixels * layer->row_bytes;
        } else {
            at = gather_windows(layer, at, pixels, first);
        }
        const int32_t *block = layer->blocks;
        for (int32_t filter = 0; filter < channels; filter += FILTERS) {
            int8_t *to = output + (filter + FILTERS > channels ? channels - FILTERS : filter);
            if (first != pairs_end) {
                compute(block, first, pairs_end, to, channels, words, 4 * (int32_t)(pairs_end - first), 0);
            }
            if (pixels % LANES != 0) { // the other pixel of the last pair goes nowhere
                int8_t *last = to + (pixels - 1) * channels;
                compute(block, pairs_end, pairs_end + words, last, (int32_t)(nowhere - last), words, 4 * words, 0);
            }
            block += layer->block_words;
        }
        if (low > INT8_MIN || high < INT8_MAX) {
            clamp_outputs(output, pixels * channels, low, high);
        }
        output += pixels * channels;
    }
}

// Expands pairs of pixels `along` bytes apart, whose blocks of four channels lie `block` bytes apart.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
void conv_2d_s8_paired_gather_planes(const int8_t *from, int32_t along, int32_t block, uint32_t *columns,
                                     int32_t blocks, int32_t pairs);
#else
static void conv_2d_s8_paired_gather_planes(const int8_t *from, int32_t along, int32_t block, uint32_t *columns,
                                            int32_t blocks, int32_t pairs) {
    for (; pairs > 0; pairs--, from += LANES * along) {
        for (int32_t i = 0; i < blocks; i++) {
            columns = expand_pair(columns, from + i * block, from + along + i * block, 4);
        }
    }
}
#endif

// Pixels of `lines` lines; `along` and `across`: bytes between those of a line and between lines.
typedef struct {
    int32_t length, lines;
    int32_t from_along, from_across;
    int32_t to_along, to_across;
} Sweep;

// The pairs of each line; the last pixel of an odd number in a line is left out.
static void compute_pairs(const Conv2dS8Planes *layer, Sweep sweep, const int8_t *from, int8_t *to, uint32_t *columns) {
    const int32_t words = LANES * layer->words, pairs = sweep.length / LANES;
    Conv2dS8Block *const compute = layer->block != NULL ? layer->block : block_of(words, layer->fixed_shift);
    if (pairs == 0) {
        return;
    }
    const int32_t most = layer->columns / pairs, skip = sweep.to_across - LANES * pairs * sweep.to_along;
    for (int32_t left = sweep.lines; left > 0; left -= most) {
        const int32_t lines = left < most ? left : most;
        uint32_t *end = columns;
        for (int32_t i = 0; i < lines; i++, from += sweep.from_across, end += pairs * words) {
            conv_2d_s8_paired_gather_planes(from, sweep.from_along, layer->input_block, end, layer->input_blocks,
                                            pairs);
        }
        const int32_t *block = layer->blocks;
        for (int32_t i = 0; i < layer->output_blocks; i++, block += layer->block_words) {
            const int32_t place = i == layer->output_blocks - 1 ? layer->last_block : i * layer->output_block;
            compute(block, columns, end, to + place, sweep.to_along, words, 4 * pairs * words, skip);
        }
        to += lines * sweep.to_across;
    }
}

void conv_2d_s8_paired_planes(const Conv2dS8Planes *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t interleaved = layer->interleaved;
    for (int32_t part = 0; part <= interleaved; part++) {
        const int8_t *from = input + layer->input_first + part * layer->input_across;
        int8_t *to = output + (part ? layer->output_second : layer->output_first);
        Sweep sweep = {layer->length,       (layer->lines + interleaved - part) >> interleaved,
                       layer->input_along,  layer->input_across << interleaved,
                       layer->output_along, layer->output_across};
        compute_pairs(layer, sweep, from, to, scratch);
        if (sweep.length % LANES != 0) { // across the lines, of their last pixels
            from += (sweep.length - 1) * sweep.from_along;
            to += (sweep.length - 1) * sweep.to_along;
            sweep = (Sweep){sweep.lines, 1, sweep.from_across, 0, sweep.to_across, 0};
            compute_pairs(layer, sweep, from, to, scratch);
            if (sweep.length % LANES != 0) { // one pixel twice
                from += (sweep.length - 1) * sweep.from_along;
                to += (sweep.length - 1) * sweep.to_along;
                sweep = (Sweep){LANES, 1, 0, 0, 0, 0};
                compute_pairs(layer, sweep, from, to, scratch);
            }
        }
    }
}
