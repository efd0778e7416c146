#include "resize.h"

#include <string.h>

void resize_nearest(const ResizeNearest *layer, const void *input, void *output) {
    const ResizeNearest p = *layer;
    const uint8_t *image = input;
    uint8_t *to = output;
    for (int32_t batch = 0; batch < p.batches; batch++, image += p.input_h * p.input_w * p.channels) {
        for (int32_t y = 0; y < p.output_h; y++) {
            const uint8_t *row = image + p.rows[y] * p.input_w * p.channels;
            for (int32_t x = 0; x < p.output_w; x++, to += p.channels) {
                memcpy(to, row + p.columns[x] * p.channels, (size_t)p.channels);
            }
        }
    }
}

#define ONE (1 << 10)

static int8_t rounded(int32_t sum) {
    return (int8_t)((sum + (sum > 0 ? ONE * ONE / 2 : -ONE * ONE / 2)) / (ONE * ONE));
}

void resize_bilinear_s8(const ResizeBilinear *layer, const int8_t *input, int8_t *output) {
    const ResizeBilinear p = *layer;
    for (int32_t batch = 0; batch < p.batches; batch++, input += p.input_h * p.input_w * p.channels) {
        for (int32_t y = 0; y < p.output_h; y++) {
            const int32_t *row = p.rows + 3 * y;
            const int8_t *lower = input + row[0] * p.input_w * p.channels;
            const int8_t *upper = input + row[1] * p.input_w * p.channels;
            for (int32_t x = 0; x < p.output_w; x++) {
                const int32_t *column = p.columns + 3 * x;
                const int32_t left = column[0] * p.channels, right = column[1] * p.channels;
                const int32_t down = row[2], across = column[2];
                for (int32_t c = 0; c < p.channels; c++) {
                    int32_t sum = lower[left + c] * (ONE - down) * (ONE - across);
                    sum += upper[left + c] * down * (ONE - across);
                    sum += lower[right + c] * (ONE - down) * across;
                    sum += upper[right + c] * down * across;
                    *output++ = rounded(sum);
                }
            }
        }
    }
}

void resize_bilinear_f32(const ResizeBilinearF32 *layer, const float *input, float *output) {
    const ResizeBilinearF32 p = *layer;
    for (int32_t batch = 0; batch < p.batches; batch++, input += p.input_h * p.input_w * p.channels) {
        for (int32_t y = 0; y < p.output_h; y++) {
            const float *lower = input + p.rows[2 * y] * p.input_w * p.channels;
            const float *upper = input + p.rows[2 * y + 1] * p.input_w * p.channels;
            const float down = p.row_fractions[y];
            for (int32_t x = 0; x < p.output_w; x++) {
                const int32_t left = p.columns[2 * x] * p.channels, right = p.columns[2 * x + 1] * p.channels;
                const float across = p.column_fractions[x];
                for (int32_t c = 0; c < p.channels; c++) {
                    *output++ = lower[left + c] * (1.0f - down) * (1.0f - across) +
                                upper[left + c] * down * (1.0f - across) + lower[right + c] * (1.0f - down) * across +
                                upper[right + c] * down * across;
                }
            }
        }
    }
}
