#include "fully_connected_s8_paired.h"

#include "dsp.h"
#include "im2col_s8.h"
#include "requantize.h"

#define EIGHT 8
#define FOUR 4
#define RECORD 3

// A function computes blocks one after another, up to `output_end`. `words`: of inputs.
typedef void FullyConnectedBlocks(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                  const int8_t *output_end, int32_t words, const int32_t *record);

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// fully_connected_s8_paired_m4.S. Only the last three use `record`.
FullyConnectedBlocks fully_connected_s8_paired_eights, fully_connected_s8_paired_fours,
    fully_connected_s8_paired_shared, fully_connected_s8_paired_clamped, fully_connected_s8_paired_signed;
#else
// An output from 256 times its sum; of even units' that is a whole number.
static int8_t rescaled(int32_t unit, int32_t sum256, const int32_t *record, int32_t rescaling) {
    if (rescaling == FULLY_CONNECTED_CLAMPED) {
        return unit & 1 ? requantize_fixed_fine(sum256, record[2])
                        : requantize_fixed_whole(sum256 >> 8, record[0], record[1]);
    }
    if (rescaling == FULLY_CONNECTED_SIGNED) {
        return requantize_fixed_signed(sum256, record[0], record[1], record[2]);
    }
    return saturate_s8(requantize_doubled(sum256 >> 7, record[0], record[1], record[2]));
}

static void blocks_of(int32_t units, int32_t rescaling, const int32_t *block, const uint32_t *inputs, int8_t *output,
                      const int8_t *output_end, int32_t words, const int32_t *record) {
    const int32_t pairs = units / 2, step = rescaling == FULLY_CONNECTED_APART ? RECORD : 0;
    for (; output != output_end; output += units) {
        const uint32_t *const weights = (const uint32_t *)block + units;
        const int32_t *const records = step ? block + units + words * pairs : record;
        for (int32_t i = 0; i < units; i++) {
            const int32_t pair = i / 2;
            int32_t high = block[2 * pair], low = block[2 * pair + 1];
            for (int32_t j = 0; j < words; j++) {
                high = dual_multiply_add(weights[j * pairs + pair], inputs[j], high);
                low = dual_multiply_add(even_bytes(weights[j * pairs + pair]), inputs[j], low);
            }
            const uint32_t sum256 = i & 1 ? (uint32_t)high - (uint32_t)low : (uint32_t)low << 8;
            output[i] = rescaled(i, (int32_t)sum256, records + step * i, rescaling);
        }
        block += units + words * pairs + step * units;
    }
}

static void fully_connected_s8_paired_eights(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                             const int8_t *output_end, int32_t words, const int32_t *record) {
    blocks_of(EIGHT, FULLY_CONNECTED_APART, block, inputs, output, output_end, words, record);
}

static void fully_connected_s8_paired_shared(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                             const int8_t *output_end, int32_t words, const int32_t *record) {
    blocks_of(EIGHT, FULLY_CONNECTED_SHARED, block, inputs, output, output_end, words, record);
}

static void fully_connected_s8_paired_clamped(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                              const int8_t *output_end, int32_t words, const int32_t *record) {
    blocks_of(EIGHT, FULLY_CONNECTED_CLAMPED, block, inputs, output, output_end, words, record);
}

static void fully_connected_s8_paired_signed(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                             const int8_t *output_end, int32_t words, const int32_t *record) {
    blocks_of(EIGHT, FULLY_CONNECTED_SIGNED, block, inputs, output, output_end, words, record);
}

static void fully_connected_s8_paired_fours(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                            const int8_t *output_end, int32_t words, const int32_t *record) {
    blocks_of(FOUR, FULLY_CONNECTED_APART, block, inputs, output, output_end, words, record);
}
#endif

static FullyConnectedBlocks *const eights_of_rescaling[] = {
    [FULLY_CONNECTED_APART] = fully_connected_s8_paired_eights,
    [FULLY_CONNECTED_SHARED] = fully_connected_s8_paired_shared,
    [FULLY_CONNECTED_CLAMPED] = fully_connected_s8_paired_clamped,
    [FULLY_CONNECTED_SIGNED] = fully_connected_s8_paired_signed,
};

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
    const int32_t record = layer->rescaling == FULLY_CONNECTED_APART ? RECORD : 0;
    const int32_t *block = layer->blocks;
    uint32_t *const inputs = scratch;
    expand_inputs(inputs, input, words);
    if (in_eights > 0) {
        eights_of_rescaling[layer->rescaling](block, inputs, output, output + in_eights, words, layer->record);
        block += in_eights / EIGHT * (EIGHT + words * EIGHT / 2 + record * EIGHT);
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
