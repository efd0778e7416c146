#include "conv_2d_s8_paired.h"

#include "dsp.h"
#include "im2col_s8.h"
#include "requantize.h"

#define LANES CONV_2D_PAIRED_LANES
#define FILTERS CONV_2D_PAIRED_FILTERS

// All pixels of the columns for one block of filters; those of a pair are `step` bytes apart in the output. `words`: of
// weights in the block.
typedef void Block(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end, int8_t *output,
                   int32_t step, int32_t words);

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// conv_2d_s8_paired_m4.S. The second for outputs that are clamped at their zero point: there the rounding of negative
// numbers does not matter.
Block conv_2d_s8_paired_block, conv_2d_s8_paired_block_floor;
#else
static void conv_2d_s8_paired_block(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end,
                                    int8_t *output, int32_t step, int32_t words) {
    const uint32_t *const weights = (const uint32_t *)block + CONV_2D_PAIRED_BIASES;
    const int32_t *const records = block + CONV_2D_PAIRED_BIASES + words;
    while (columns != columns_end) {
        for (int32_t lane = 0; lane < LANES; lane++, output += step) {
            int32_t high[2] = {block[0], block[2]}, low[2] = {block[1], block[3]};
            for (int32_t i = 0; i < words; i++) {
                uint32_t pair = weights[i], x = columns[(i & ~1) + lane];
                high[i & 1] = dual_multiply_add(pair, x, high[i & 1]);
                low[i & 1] = dual_multiply_add(even_bytes(pair), x, low[i & 1]);
            }
            for (int32_t i = 0; i < FILTERS; i++) {
                int32_t difference = (int32_t)((uint32_t)high[i / 2] - (uint32_t)low[i / 2]);
                int32_t sum = i & 1 ? difference >> 8 : low[i / 2];
                const int32_t *record = records + 3 * i;
                output[i] = saturate_s8(requantize_by_offset(sum, record[0], record[1], record[2]));
            }
        }
        columns += words;
    }
}
#define conv_2d_s8_paired_block_floor conv_2d_s8_paired_block
#endif

__attribute__((noinline)) static Position gather_columns(const Conv2dS8 *layer, Position at, int32_t pixels,
                                                         uint32_t *columns) {
    int8_t *stage = (int8_t *)(columns + layer->columns * layer->words * LANES);
    return gather(layer, at, 0, pixels, columns, stage, LANES);
}

void conv_2d_s8_paired(const Conv2dS8 *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t low = layer->activation_min, high = layer->activation_max;
    uint32_t *const first = (uint32_t *)scratch + FILTERS / 4;
    const int32_t most = layer->columns * LANES, channels = layer->output_channels, words = LANES * layer->words;
    Block *const compute = low >= layer->output_zero_point ? conv_2d_s8_paired_block_floor : conv_2d_s8_paired_block;
    int8_t *const nowhere = scratch;
    Position at = {input, 0, 0};
    for (int32_t left = layer->pixels; left > 0; left -= most) {
        const int32_t pixels = left < most ? left : most;
        const uint32_t *const pairs_end = first + pixels / LANES * words;
        at = gather_columns(layer, at, pixels, first);
        const int32_t *block = layer->blocks;
        for (int32_t filter = 0; filter < channels; filter += FILTERS) {
            int8_t *to = output + (filter + FILTERS > channels ? channels - FILTERS : filter);
            if (first != pairs_end) {
                compute(block, first, pairs_end, to, channels, words);
            }
            if (pixels % LANES != 0) { // the other pixel of the last pair goes nowhere
                int8_t *last = to + (pixels - 1) * channels;
                compute(block, pairs_end, pairs_end + words, last, (int32_t)(nowhere - last), words);
            }
            block += CONV_2D_PAIRED_BIASES + words + CONV_2D_PAIRED_RECORDS;
        }
        if (low > INT8_MIN || high < INT8_MAX) {
            clamp_outputs(output, pixels * channels, low, high);
        }
        output += pixels * channels;
    }
}
