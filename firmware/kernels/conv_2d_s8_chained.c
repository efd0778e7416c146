#include "conv_2d_s8_chained.h"

#include "conv_2d_s8_paired.h"
#include "dsp.h"
#include "requantize.h"

#define LANES CONV_2D_PAIRED_LANES
#define SUMS CONV_2D_CHAINED_SUMS

// An output from 256 times a filter's dot product, with its bias, and the filter's constants.
typedef int8_t Rescaled(int32_t scaled, const int32_t *record);

static int8_t rescaled_fixed(int32_t scaled, const int32_t *record) {
    return requantize_fixed_fine(scaled, record[0]);
}

static int8_t rescaled(int32_t scaled, const int32_t *record) {
    return saturate_s8(requantize_doubled(scaled >> 7, record[0], record[1], record[2]));
}

typedef struct {
    Rescaled *rescaled;
    int32_t record_words;
} Rescaling;

static void finish(const int32_t sums[SUMS], const int32_t *biases, Rescaling rescaling, int8_t *output) {
    const int32_t *record = biases + CONV_2D_CHAINED_BIASES + SUMS * rescaling.record_words;
    const uint32_t last = (uint32_t)sums[2] - ((uint32_t)sums[1] << 8) + ((uint32_t)sums[0] << 16);
    uint32_t scaled = (uint32_t)biases[SUMS] + (last << 8);
    output[SUMS] = rescaling.rescaled((int32_t)scaled, record);
    for (int32_t filter = SUMS - 1; filter >= 0; filter--) {
        record -= rescaling.record_words;
        scaled = (uint32_t)sums[filter] - (uint32_t)((int32_t)scaled >> 8);
        output[filter] = rescaling.rescaled((int32_t)scaled, record);
    }
}

// Outputs of a pixel, whose inputs are every second word from `column` on.
static void compute_pixel(const int32_t *block, const uint32_t *column, int32_t steps, Rescaling rescaling,
                          int8_t *output) {
    const int32_t *const biases = block + SUMS * steps;
    int32_t sums[SUMS] = {biases[0], biases[1], biases[2]};
    for (int32_t i = 0; i < steps; i++, block += SUMS, column += LANES) {
        for (int32_t k = 0; k < SUMS; k++) {
            sums[k] = dual_multiply_add((uint32_t)block[k], *column, sums[k]);
        }
    }
    finish(sums, biases, rescaling, output);
}

void conv_2d_s8_chained(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end, int8_t *output,
                        int32_t step, int32_t words, int32_t line_bytes, int32_t skip, bool fixed_shift) {
    const Rescaling rescaling = fixed_shift ? (Rescaling){rescaled_fixed, 1} : (Rescaling){rescaled, 3};
    for (const uint32_t *line_end = columns; columns != columns_end; output += skip) {
        line_end += line_bytes / 4;
        for (; columns != line_end; columns += words) {
            for (int32_t lane = 0; lane < LANES; lane++, output += step) {
                compute_pixel(block, columns + lane, words / LANES, rescaling, output);
            }
        }
    }
}
