#include "conv_2d_s8_paired.h"

#include "dsp.h"
#include "im2col_s8_paired.h"
#include "requantize.h"

#include <stddef.h>

#define FILTERS CONV_2D_PAIRED_FILTERS

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

// Columns of whole rows into planes; returns where the next row begins.
static int8_t *compute_rows(const Conv2dS8 *layer, Conv2dS8Block *compute, const uint32_t *columns,
                            const uint32_t *columns_end, int8_t *output) {
    const int32_t first = layer->places[0], row = layer->places[1], column = layer->places[2];
    const int32_t words = LANES * layer->words, row_words = layer->output_w / LANES * words;
    const int32_t *block = layer->blocks;
    int8_t *to = output + first;
    for (int32_t filter = 0; filter < layer->output_channels; filter += FILTERS, to += layer->places[3]) {
        compute(block, columns, columns_end, to, column, words, 4 * row_words, row - layer->output_w * column);
        block += layer->block_words;
    }
    return output + (int32_t)(columns_end - columns) / row_words * row;
}

void conv_2d_s8_paired(const Conv2dS8 *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t low = layer->activation_min, high = layer->activation_max;
    uint32_t *const first = (uint32_t *)scratch + FILTERS / 4;
    const int32_t most = layer->columns * LANES, channels = layer->output_channels, words = LANES * layer->words;
    Conv2dS8Block *const compute = layer->block != NULL ? layer->block : block_of(words, layer->fixed_shift);
    int8_t *const nowhere = scratch;
    int8_t *const stage = (int8_t *)(first + layer->columns * words);
    if (layer->plane_bytes > 0) { // behind the columns and the staged windows
        input = padded_plane(layer, input, stage + 2 * (words + STAGE_SLACK));
    }
    Windows windows;
    if (!layer->pointwise) {
        start_windows(&windows, layer, input, stage);
    }
    for (int32_t left = layer->pixels; left > 0; left -= most) {
        const int32_t pixels = left < most ? left : most;
        const uint32_t *const pairs_end = first + pixels / LANES * words;
        if (layer->pointwise) {
            gather_pixels(input, layer->row_bytes, pixels, first, words);
            input += pixels * layer->row_bytes;
        } else {
            gather_windows(&windows, pixels, first);
        }
        if (layer->places != NULL) {
            output = compute_rows(layer, compute, first, pairs_end, output);
            continue;
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
