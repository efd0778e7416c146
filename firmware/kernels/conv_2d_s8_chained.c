#include "conv_2d_s8_chained.h"

#include "conv_2d_s8_paired.h"
#include "dsp.h"
#include "requantize.h"

#define LANES CONV_2D_PAIRED_LANES
#define SUMS CONV_2D_CHAINED_SUMS

static void finish(const int32_t sums[SUMS], const int32_t *records, int8_t *output) {
    const int32_t *const multipliers = records + CONV_2D_CHAINED_BIASES;
    const uint32_t last = (uint32_t)sums[2] - ((uint32_t)sums[1] << 8) + ((uint32_t)sums[0] << 16);
    uint32_t scaled = (uint32_t)records[SUMS] + (last << 8);
    output[SUMS] = requantize_fixed_fine((int32_t)scaled, multipliers[SUMS]);
    for (int32_t filter = SUMS - 1; filter >= 0; filter--) {
        scaled = (uint32_t)sums[filter] - (uint32_t)((int32_t)scaled >> 8);
        output[filter] = requantize_fixed_fine((int32_t)scaled, multipliers[filter]);
    }
}

// Outputs of a pixel, whose inputs are every second word from `column` on.
static void compute_pixel(const int32_t *block, const uint32_t *column, int32_t steps, int8_t *output) {
    const int32_t *const records = block + SUMS * steps;
    int32_t sums[SUMS] = {records[0], records[1], records[2]};
    for (int32_t i = 0; i < steps; i++, block += SUMS, column += LANES) {
        for (int32_t k = 0; k < SUMS; k++) {
            sums[k] = dual_multiply_add((uint32_t)block[k], *column, sums[k]);
        }
    }
    finish(sums, records, output);
}

void conv_2d_s8_chained(const int32_t *block, const uint32_t *columns, const uint32_t *columns_end, int8_t *output,
                        int32_t step, int32_t words, int32_t line_bytes, int32_t skip) {
    for (const uint32_t *line_end = columns; columns != columns_end; output += skip) {
        line_end += line_bytes / 4;
        for (; columns != line_end; columns += words) {
            for (int32_t lane = 0; lane < LANES; lane++, output += step) {
                compute_pixel(block, columns + lane, words / LANES, output);
            }
        }
    }
}
