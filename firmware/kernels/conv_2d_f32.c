#include "conv_2d_f32.h"

#include "window.h"

// One output channel of the window whose first tap is at row y and column x; in the reference's order of additions.
static float sum_window(const Conv2dF32 *layer, const float *image, const float *weights, int32_t y, int32_t x) {
    const int32_t channels = layer->group_channels, filter_w = layer->filter_w, pixel = layer->input_channels;
    const Taps rows = taps_on_elements(y, layer->filter_h, layer->dilation_h, layer->spread_h, layer->input_h);
    const Taps columns = taps_on_elements(x, filter_w, layer->dilation_w, layer->spread_w, layer->input_w);
    int32_t line = rows.input * layer->input_w + columns.input;
    float sum = 0;
    for (int32_t row = rows.begin; row < rows.end; row += rows.step) {
        int32_t at = line;
        for (int32_t column = columns.begin; column < columns.end; column += columns.step) {
            const float *in = image + at * pixel, *weight = weights + (row * filter_w + column) * channels;
            for (int32_t channel = 0; channel < channels; channel++) {
                sum += in[channel] * weight[channel];
            }
            at += columns.input_step;
        }
        line += rows.input_step * layer->input_w;
    }
    return sum;
}

static float *convolve_pixel(const Conv2dF32 *layer, const float *image, int32_t y, int32_t x, float *output) {
    const float *weights = layer->weights, *bias = layer->bias;
    const int32_t filters = layer->output_channels / layer->groups;
    const int32_t depth = layer->filter_h * layer->filter_w * layer->group_channels;
    for (int32_t group = 0; group < layer->groups; group++, image += layer->group_channels) {
        for (int32_t filter = 0; filter < filters; filter++, weights += depth) {
            float value = sum_window(layer, image, weights, y, x) + *bias++;
            value = value < layer->activation_min ? layer->activation_min : value;
            *output++ = value > layer->activation_max ? layer->activation_max : value;
        }
    }
    return output;
}

void conv_2d_f32(const Conv2dF32 *layer, const float *input, float *output) {
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
