#include "depthwise_conv_2d_s8.h"

#include "dsp.h"
#include "requantize.h"

// Of the four channels of a block.
typedef struct {
    int32_t channel0, channel1, channel2, channel3;
} Sums;

static inline void add_tap(Sums *sums, uint32_t inputs, const int32_t *weights) {
    uint32_t even = even_bytes(inputs), odd = odd_bytes(inputs);
    uint32_t even_weights = (uint32_t)weights[0], odd_weights = (uint32_t)weights[1];
    sums->channel0 = multiply_add_low(even, even_weights, sums->channel0);
    sums->channel2 = multiply_add_high(even, even_weights, sums->channel2);
    sums->channel1 = multiply_add_low(odd, odd_weights, sums->channel1);
    sums->channel3 = multiply_add_high(odd, odd_weights, sums->channel3);
}

// A window that lies on the input as a whole; its first tap is at `input`.
static inline void add_inside(const DepthwiseConv2dS8 *layer, Sums *sums, const int8_t *input, const int32_t *weights) {
    const int32_t column = layer->dilation_w * layer->channels,
                  row = layer->dilation_h * layer->input_w * layer->channels;
    if (layer->filter_w == 3) {
        for (int32_t y = 0; y < layer->filter_h; y++, input += row, weights += 6) {
            add_tap(sums, read_word(input), weights);
            add_tap(sums, read_word(input + column), weights + 2);
            add_tap(sums, read_word(input + 2 * column), weights + 4);
        }
        return;
    }
    for (int32_t y = 0; y < layer->filter_h; y++, input += row) {
        const int8_t *at = input;
        for (int32_t x = 0; x < layer->filter_w; x++, at += column, weights += 2) {
            add_tap(sums, read_word(at), weights);
        }
    }
}

// Any window; its first tap is in the given row and column, perhaps outside, of the plane at `input`.
static void add_edge(const DepthwiseConv2dS8 *layer, Sums *sums, const int8_t *input, const int32_t *weights,
                     int32_t top, int32_t left) {
    const uint32_t padding = 0x01010101u * (uint8_t)layer->input_zero_point;
    for (int32_t y = 0; y < layer->filter_h; y++) {
        int32_t row = top + y * layer->dilation_h;
        for (int32_t x = 0; x < layer->filter_w; x++, weights += 2) {
            int32_t column = left + x * layer->dilation_w;
            int32_t inside = row >= 0 && row < layer->input_h && column >= 0 && column < layer->input_w;
            const int8_t *at = input + (row * layer->input_w + column) * layer->channels;
            add_tap(sums, inside ? read_word(at) : padding, weights);
        }
    }
}

static inline int32_t rescaled(const DepthwiseConv2dS8 *layer, const int32_t *records, int32_t channel, int32_t sum) {
    int32_t multiplier = records[4 + channel], third = records[8 + channel], fourth = records[12 + channel];
    if (layer->by_offset) {
        return requantize_by_offset(sum, multiplier, third, fourth);
    }
    return requantize(sum, (Rescale){multiplier, (int8_t)third, (int8_t)fourth}) + layer->output_zero_point;
}

static inline void store(const DepthwiseConv2dS8 *layer, const int32_t *records, Sums sums, int8_t *output,
                         int32_t count) {
    const int32_t low = layer->activation_min, high = layer->activation_max;
    int8_t values[DEPTHWISE_CHANNELS] = {
        clamp_s8(rescaled(layer, records, 0, sums.channel0), low, high),
        clamp_s8(rescaled(layer, records, 1, sums.channel1), low, high),
        clamp_s8(rescaled(layer, records, 2, sums.channel2), low, high),
        clamp_s8(rescaled(layer, records, 3, sums.channel3), low, high),
    };
    if (count >= DEPTHWISE_CHANNELS) {
        memcpy(output, values, DEPTHWISE_CHANNELS);
    } else {
        for (int32_t i = 0; i < count; i++) {
            output[i] = values[i];
        }
    }
}

// One block of channels for one output row, both beginning with channel `channel`.
static void row_of_block(const DepthwiseConv2dS8 *layer, const int32_t *block, const int8_t *input, int8_t *output,
                         int32_t top, int32_t channel) {
    const DepthwiseConv2dS8 p = *layer;
    const int32_t *weights = block + DEPTHWISE_RECORDS;
    const int32_t rows_inside = top >= 0 && top + (p.filter_h - 1) * p.dilation_h < p.input_h;
    const int32_t begin = rows_inside ? p.inside_begin : p.output_w, end = rows_inside ? p.inside_end : p.output_w;
    for (int32_t x = 0; x < p.output_w; x++, output += p.channels) {
        Sums sums = {block[0], block[1], block[2], block[3]};
        int32_t left = x * p.stride_w - p.pad_left;
        if (x >= begin && x < end) {
            add_inside(&p, &sums, input + (top * p.input_w + left) * p.channels, weights);
        } else {
            add_edge(&p, &sums, input, weights, top, left);
        }
        store(&p, block, sums, output, p.channels - channel);
    }
}

static inline int8_t rescaled_by_offset(const int32_t *record, int32_t sum, int32_t low, int32_t high) {
    return clamp_s8(requantize_by_offset(sum, record[4], record[8], record[12]), low, high);
}

// All channels of one output of a filter of one column, whose window at `input` lies on the input as a whole.
static void pixel_of_column(const DepthwiseConv2dS8 *layer, const int8_t *input, int8_t *output) {
    const int32_t channels = layer->channels, taps = layer->filter_h,
                  row = layer->dilation_h * layer->input_w * channels;
    const int32_t by_offset = layer->by_offset, low = layer->activation_min, high = layer->activation_max;
    const int32_t *block = layer->blocks;
    for (int32_t channel = 0; channel < channels; channel += DEPTHWISE_CHANNELS) {
        Sums sums = {block[0], block[1], block[2], block[3]};
        const int32_t *weights = block + DEPTHWISE_RECORDS;
        const int8_t *at = input + channel;
        for (int32_t y = 0; y < taps; y++, at += row, weights += 2) {
            add_tap(&sums, read_word(at), weights);
        }
        if (by_offset && channels - channel >= DEPTHWISE_CHANNELS) {
            output[channel] = rescaled_by_offset(block, sums.channel0, low, high);
            output[channel + 1] = rescaled_by_offset(block + 1, sums.channel1, low, high);
            output[channel + 2] = rescaled_by_offset(block + 2, sums.channel2, low, high);
            output[channel + 3] = rescaled_by_offset(block + 3, sums.channel3, low, high);
        } else {
            store(layer, block, sums, output + channel, channels - channel);
        }
        block = weights;
    }
}

void depthwise_conv_2d_s8(const DepthwiseConv2dS8 *layer, const int8_t *input, int8_t *output) {
    const int32_t channels = layer->channels;
    const int32_t words = DEPTHWISE_RECORDS + 2 * layer->filter_h * layer->filter_w;
    for (int32_t batch = 0; batch < layer->batches; batch++, input += layer->input_h * layer->input_w * channels) {
        for (int32_t y = 0; y < layer->output_h; y++, output += layer->output_w * channels) {
            const int32_t *block = layer->blocks;
            int32_t top = y * layer->stride_h - layer->pad_top;
            int32_t rows_inside = top >= 0 && top + (layer->filter_h - 1) * layer->dilation_h < layer->input_h;
            if (layer->filter_w == 1 && rows_inside) {
                for (int32_t x = 0; x < layer->output_w; x++) {
                    const int32_t pixel = top * layer->input_w + x * layer->stride_w;
                    pixel_of_column(layer, input + pixel * channels, output + x * channels);
                }
                continue;
            }
            for (int32_t channel = 0; channel < channels; channel += DEPTHWISE_CHANNELS, block += words) {
                row_of_block(layer, block, input + channel, output + channel, top, channel);
            }
        }
    }
}
