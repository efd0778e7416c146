#include "fully_connected_s8_paired.h"

#include "dsp.h"
#include "im2col_s8.h"
#include "requantize.h"

#define EIGHT 8
#define FOUR 4
#define RECORD 3

// Blocks one after another, up to `output_end`. `words`: of inputs.
typedef void Blocks(const int32_t *block, const uint32_t *inputs, int8_t *output, const int8_t *output_end,
                    int32_t words, const int32_t *record);

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// fully_connected_s8_paired_m4.S. Only the shared ones use `record`; the last is for outputs that are clamped at their
// zero point: there the rounding of negative numbers does not matter.
Blocks fully_connected_s8_paired_eights, fully_connected_s8_paired_fours, fully_connected_s8_paired_shared,
    fully_connected_s8_paired_shared_floor;
#else
static void blocks_of(int32_t units, const int32_t *block, const uint32_t *inputs, int8_t *output,
                      const int8_t *output_end, int32_t words, const int32_t *shared) {
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
            int32_t sum = i & 1 ? (int32_t)((uint32_t)high - (uint32_t)low) >> 8 : low;
            output[i] = saturate_s8(requantize_doubled(2 * sum, record[0], record[1], record[2]));
        }
        block = records + (shared ? 0 : RECORD * units);
    }
}

static void fully_connected_s8_paired_eights(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                             const int8_t *output_end, int32_t words, const int32_t *record) {
    (void)record;
    blocks_of(EIGHT, block, inputs, output, output_end, words, NULL);
}

static void fully_connected_s8_paired_shared(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                             const int8_t *output_end, int32_t words, const int32_t *record) {
    blocks_of(EIGHT, block, inputs, output, output_end, words, record);
}

static void fully_connected_s8_paired_fours(const int32_t *block, const uint32_t *inputs, int8_t *output,
                                            const int8_t *output_end, int32_t words, const int32_t *record) {
    (void)record;
    blocks_of(FOUR, block, inputs, output, output_end, words, NULL);
}
#define fully_connected_s8_paired_shared_floor fully_connected_s8_paired_shared
#endif

void fully_connected_s8_paired(const FullyConnectedPaired *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t words = layer->words, units = layer->units, in_eights = units / EIGHT * EIGHT;
    const int32_t low = layer->activation_min, high = layer->activation_max;
    const bool shared = layer->shared;
    const int32_t *block = layer->blocks;
    uint32_t *const inputs = scratch;
    expand(inputs, input, 2 * words, 1);
    if (in_eights > 0) {
        Blocks *const with_shared =
            low >= layer->output_zero_point ? fully_connected_s8_paired_shared_floor : fully_connected_s8_paired_shared;
        Blocks *const compute = shared ? with_shared : fully_connected_s8_paired_eights;
        compute(block, inputs, output, output + in_eights, words, layer->record);
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
