#include "conv_2d_s16.h"

#include "window.h"

#define SHORT 256 // products that a 32-bit sum holds: each is at most 2^22

// Not inlined, so that its loops have the registers.
__attribute__((noinline)) static int64_t dot(const int16_t *in, const int8_t *weights, int32_t count) {
    int64_t sum = 0;
    while (count > 0) {
        int32_t part = 0;
        const int16_t *end = in + (count < SHORT ? count : SHORT);
        for (count -= SHORT; in != end; in++, weights++) {
            part += *in * *weights;
        }
        sum += part;
    }
    return sum;
}

// One output channel of the window whose first tap is at row y and column x.
static int64_t sum_window(const Conv2dS16 *layer, const int16_t *image, const int8_t *weights, int32_t y, int32_t x) {
    const int32_t channels = layer->group_channels, filter_w = layer->filter_w, pixel = layer->input_channels;
    const Taps rows = taps_on_elements(y, layer->filter_h, layer->dilation_h, layer->spread_h, layer->input_h);
    const Taps columns = taps_on_elements(x, filter_w, layer->dilation_w, layer->spread_w, layer->input_w);
    int32_t line = rows.input * layer->input_w + columns.input;
    int64_t sum = 0;
    for (int32_t row = rows.begin; row < rows.end; row += rows.step) {
        int32_t at = line;
        for (int32_t column = columns.begin; column < columns.end; column += columns.step) {
            sum += dot(image + at * pixel, weights + (row * filter_w + column) * channels, channels);
            at += columns.input_step;
        }
        line += rows.input_step * layer->input_w;
    }
    return sum;
}

static int16_t *convolve_pixel(const Conv2dS16 *layer, const int16_t *image, int32_t y, int32_t x, int16_t *output) {
    const int8_t *weights = layer->weights;
    const int64_t *bias = layer->bias;
    const Rescale *rescale = layer->rescale;
    const int32_t filters = layer->output_channels / layer->groups;
    const int32_t depth = layer->filter_h * layer->filter_w * layer->group_channels;
    for (int32_t group = 0; group < layer->groups; group++, image += layer->group_channels) {
        for (int32_t filter = 0; filter < filters; filter++, weights += depth, rescale++) {
            const int64_t sum = sum_window(layer, image, weights, y, x) + *bias++;
            const int32_t value = layer->wide ? requantize_s64(sum, *rescale) : requantize((int32_t)sum, *rescale);
            *output++ = clamp_s16(value, layer->activation_min, layer->activation_max);
        }
    }
    return output;
}

void conv_2d_s16(const Conv2dS16 *layer, const int16_t *input, int16_t *output) {
    const int32_t image = layer->input_h * layer->input_w * layer->input_channels;
    for (int32_t batch = 0; batch < layer->batches; batch++, input += image) {
        for (int32_t y = 0; y < layer->output_h; y++) {
            for (int32_t x = 0; x < layer->output_w; x++) {
                output = convolve_pixel(layer, input, y * layer->stride_h - layer->pad_top,
                                        x * layer->stride_w - layer->pad_left, output);
            }
        }
    }
}
