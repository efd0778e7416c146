#include "fully_connected_s8_paired.h"

#include "dsp.h"
#include "im2col_s8.h"
#include "requantize.h"

#include <stddef.h>

#define EIGHT 8
#define FOUR 4
#define RECORD 3

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// fully_connected_s8_paired_m4.S. Only the last three use `record`.
FullyConnectedBlocks fully_connected_s8_paired_eights, fully_connected_s8_paired_fours,
    fully_connected_s8_paired_shared, fully_connected_s8_paired_fixed, fully_connected_s8_paired_signed;
#else
static void blocks_of(int32_t units, const int32_t *block, const uint32_t *inputs, int8_t *output,
                      const int8_t *output_end, int32_t words, const int32_t *shared, bool fixed_shift) {
    const int32_t pairs = units / 2;
    for (; output != output_end; output += units) {
        const uint32_t *const weights = (const uint32_t *)block + units;
        const int32_t *const records = block + units + words * pairs;
        for (int32_t i = 0; i < units; i++) {
            const int32_t pair = i / 2, *const record = shared ? shared : records + RECORD * i;
            int32_t high = block[2 * pair], low = block[2 * pair + 1];
            for (int32_t j = 0; j < words; j++) {
                high = dual_multiply_add(weights[j * pairs + pair], inputs[j], high);
                low = dual_multiply_add(even_bytes(weights[j * pairs + pair]), inputs[j], low);
            }
            const int32_t sum = (int32_t)(i & 1 ? (uint32_t)high - (uint32_t)low : (uint32_t)low << 8); // 256 times it
            if (!fixed_shift) {
                output[i] = saturate_s8(requantize_doubled(sum >> 7, record[0], record[1], record[2]));
            } else if (record[2] == 0) {
                output[i] = requantize_fixed(sum, record[0], record[1]);
            } else {
                output[i] = requantize_fixed_signed(sum, record[0], record[1], record[2]);
            }
        }
        block = records + (shared ? 0 : RECORD * units);
    }
}

static void fully_connected_s8_paired_eights(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                             const int8_t *output_end, int32_t words, const int32_t *record) {
    (void)record;
    blocks_of(EIGHT, block, inputs, output, output_end, words, NULL, false);
}

static void fully_connected_s8_paired_shared(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                             const int8_t *output_end, int32_t words, const int32_t *record) {
    blocks_of(EIGHT, block, inputs, output, output_end, words, record, false);
}

static void fully_connected_s8_paired_fixed(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                            const int8_t *output_end, int32_t words, const int32_t *record) {
    blocks_of(EIGHT, block, inputs, output, output_end, words, record, true);
}

#define fully_connected_s8_paired_signed fully_connected_s8_paired_fixed

static void fully_connected_s8_paired_fours(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                            const int8_t *output_end, int32_t words, const int32_t *record) {
    (void)record;
    blocks_of(FOUR, block, inputs, output, output_end, words, NULL, false);
}
#endif

static FullyConnectedBlocks *eights_of(const FullyConnectedPaired *layer) {
    if (layer->eights != NULL) {
        return layer->eights;
    }
    if (!layer->shared) {
        return fully_connected_s8_paired_eights;
    }
    if (!layer->fixed_shift) {
        return fully_connected_s8_paired_shared;
    }
    return layer->record[2] == 0 ? fully_connected_s8_paired_fixed : fully_connected_s8_paired_signed;
}

static void expand_inputs(uint32_t *to, const int8_t *from, int32_t words) {
    for (; words >= 8; words -= 8, from += 16, to += 8) {
        const uint32_t a = read_word(from), b = read_word(from + 4), c = read_word(from + 8), d = read_word(from + 12);
        to[0] = even_bytes(a);
        to[1] = odd_bytes(a);
        to[2] = even_bytes(b);
        to[3] = odd_bytes(b);
        to[4] = even_bytes(c);
        to[5] = odd_bytes(c);
        to[6] = even_bytes(d);
        to[7] = odd_bytes(d);
    }
    expand(to, from, 2 * words, 1);
}

void fully_connected_s8_paired(const FullyConnectedPaired *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t words = layer->words, units = layer->units, in_eights = units / EIGHT * EIGHT;
    const int32_t low = layer->activation_min, high = layer->activation_max;
    const bool shared = layer->shared;
    const int32_t *block = layer->blocks;
    uint32_t *const inputs = scratch;
    expand_inputs(inputs, input, words);
    if (in_eights > 0) {
        eights_of(layer)(block, inputs, output, output + in_eights, words, layer->record);
        block += in_eights / EIGHT * (EIGHT + words * EIGHT / 2 + (shared ? 0 : RECORD * EIGHT));
    }
    for (int32_t unit = in_eights; unit < units; unit += FOUR) {
        int8_t *to = output + (unit + FOUR > units ? units - FOUR : unit);
        fully_connected_s8_paired_fours(block, inputs, to, to + FOUR, words, layer->record);
        block += FOUR + words * FOUR / 2 + RECORD * FOUR;
    }
    if (low > INT8_MIN || high < INT8_MAX) {
        clamp_outputs(output, units, low, high);
    }
}

void fully_connected_s8_paired_small(const FullyConnectedPaired *layer, const int8_t *input, int8_t *output) {
    uint32_t inputs[FULLY_CONNECTED_SMALL_WORDS];
    fully_connected_s8_paired(layer, input, output, inputs);
}
