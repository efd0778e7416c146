#include "fully_connected_s8_chained.h"

#include "dsp.h"
#include "im2col_s8.h"
#include "requantize.h"

#define UNITS 8 // of a block
#define CHAIN 4 // units for every SUMS sums
#define SUMS 3
#define BLOCK_SUMS (UNITS / CHAIN * SUMS)
#define RECORD 3

#if !(defined(__ARM_FEATURE_DSP) && defined(__ARM_FP))
// An output from 256 times a unit's sum.
static int8_t rescaled(int32_t scaled, int32_t rescaling, const int32_t *record) {
    switch (rescaling) {
    case FULLY_CONNECTED_CLAMPED:
        return requantize_fixed_fine(scaled, record[0]);
    case FULLY_CONNECTED_SIGNED:
        return requantize_fixed_signed(scaled, record[0], record[1], record[2]);
    default:
        return saturate_s8(requantize_doubled(scaled >> 7, record[0], record[1], record[2]));
    }
}

// The outputs of four units. `step`: from one unit's record to the next one's.
static void finish(const int32_t *sums, int32_t rescaling, const int32_t *record, int32_t step, int8_t *output) {
    const uint32_t last = (uint32_t)sums[2] - ((uint32_t)sums[1] << 8) + ((uint32_t)sums[0] << 16);
    uint32_t scaled = (last << 8) + (rescaling == FULLY_CONNECTED_CLAMPED ? (uint32_t)record[1] : 0);
    output[SUMS] = rescaled((int32_t)scaled, rescaling, record + SUMS * step);
    for (int32_t unit = SUMS - 1; unit >= 0; unit--) {
        scaled = (uint32_t)sums[unit] - (uint32_t)((int32_t)scaled >> 8);
        output[unit] = rescaled((int32_t)scaled, rescaling, record + unit * step);
    }
}

// The outputs of a block; returns the next one.
static const int32_t *compute_block(const FullyConnectedChained *layer, const int32_t *block, const uint32_t *inputs,
                                    int8_t *output) {
    int32_t sums[BLOCK_SUMS];
    memcpy(sums, block, sizeof sums);
    block += BLOCK_SUMS;
    for (int32_t i = 0; i < layer->words; i++, block += BLOCK_SUMS) {
        for (int32_t k = 0; k < BLOCK_SUMS; k++) {
            sums[k] = dual_multiply_add((uint32_t)block[k], inputs[i], sums[k]);
        }
    }
    const int32_t apart = layer->rescaling == FULLY_CONNECTED_APART, step = apart ? RECORD : 0;
    const int32_t *const record = apart ? block : layer->record;
    finish(sums, layer->rescaling, record, step, output);
    finish(sums + SUMS, layer->rescaling, record + CHAIN * step, step, output + CHAIN);
    return block + UNITS * step;
}

static void compute_units(const FullyConnectedChained *layer, const int8_t *input, int8_t *output, int8_t *last) {
    uint32_t inputs[FULLY_CONNECTED_SMALL_WORDS];
    const int32_t *block = layer->blocks;
    expand(inputs, input, 2 * layer->words, 1);
    for (; output < last; output += UNITS) {
        block = compute_block(layer, block, inputs, output);
    }
    compute_block(layer, block, inputs, last);
}
#endif

void fully_connected_s8_chained(const FullyConnectedChained *layer, const int8_t *input, int8_t *output) {
    const int32_t units = layer->units, low = layer->activation_min, high = layer->activation_max;
    int8_t *const last = output + units - UNITS;
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
    layer->code(layer->blocks, input, output, last, layer->record);
#else
    compute_units(layer, input, output, last);
#endif
    if (low > INT8_MIN || high < INT8_MAX) {
        clamp_outputs(output, units, low, high);
    }
}
