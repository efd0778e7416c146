#include "depthwise_conv_2d_s8_3x3.h"

#include "dsp.h"
#include "requantize.h"

#define CHANNELS DEPTHWISE_3X3_CHANNELS
#define RECORD DEPTHWISE_3X3_RECORD
#define TAPS 3

// `run` windows of each channel, the first at `plane`; `line`: bytes from a line, or pair of lines, to the next.
typedef void Run(int8_t *plane, const int32_t *records, int32_t line, int32_t run, int32_t channels);
// `count` words; `step`: bytes between those that are not in the scratch memory.
typedef void Take(uint32_t *to, const int8_t *from, int32_t step, int32_t count);
typedef void Give(int8_t *to, const uint32_t *from, int32_t step, int32_t count);

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// depthwise_conv_2d_s8_3x3_m4.S. `floor`: for outputs that are clamped at their zero point; there the rounding of
// negative numbers does not matter.
Run depthwise_3x3_stride1, depthwise_3x3_stride1_floor, depthwise_3x3_stride2, depthwise_3x3_stride2_floor;
Take depthwise_3x3_take1, depthwise_3x3_take2;
Give depthwise_3x3_give1, depthwise_3x3_give4;
#else
static int32_t finished(int32_t sum, const int32_t *record) {
    int32_t scaled = add_high_multiply_rounded(0, sum, record[5]);
    return saturate_s8((int32_t)((uint32_t)scaled + (uint32_t)(scaled >> 31) + (uint32_t)record[6]) >>
                       low_half((uint32_t)record[4]));
}

static int32_t add_column(int32_t sum, uint32_t pair, int32_t third, int32_t x0, int32_t x1, int32_t x2) {
    return (int32_t)((uint32_t)dual_multiply_add(pair, half_pair(x0, x1), sum) + (uint32_t)(third * x2));
}

// Rows 1 and 2 of a window lie `row1` and `row2` bytes behind row 0, its columns and the next window as given.
static void run_windows(int8_t *plane, const int32_t *records, int32_t row1, int32_t row2, int32_t column, int32_t next,
                        int32_t run, int32_t channels) {
    for (int32_t channel = 0; channel < channels; channel++, records += RECORD) {
        const uint32_t *const weights = (const uint32_t *)records;
        const int32_t third[3] = {low_half(weights[3]), high_half(weights[3]), high_half(weights[4])};
        int8_t *at = plane + channel;
        for (int32_t i = 0; i < run; i++, at += next) {
            int32_t sum = records[7];
            for (int32_t x = 0; x < 3; x++) {
                const int8_t *from = at + x * column;
                sum = add_column(sum, weights[x], third[x], from[0], from[row1], from[row2]);
            }
            *at = (int8_t)finished(sum, records);
        }
    }
}

static void depthwise_3x3_stride1(int8_t *plane, const int32_t *records, int32_t line, int32_t run, int32_t channels) {
    run_windows(plane, records, line, 2 * line, CHANNELS, CHANNELS, run, channels);
}

static void depthwise_3x3_stride2(int8_t *plane, const int32_t *records, int32_t line, int32_t run, int32_t channels) {
    run_windows(plane, records, CHANNELS, line, 2 * CHANNELS, 4 * CHANNELS, run, channels);
}

static void take(uint32_t *to, int32_t places, const int8_t *from, int32_t step, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        to[i * places] = read_word(from + i * step);
    }
}

static void give(int8_t *to, int32_t step, const uint32_t *from, int32_t places, int32_t count) {
    for (int32_t i = 0; i < count; i++) {
        write_word(to + i * step, from[i * places]);
    }
}

static void depthwise_3x3_take1(uint32_t *to, const int8_t *from, int32_t step, int32_t count) {
    take(to, 1, from, step, count);
}

static void depthwise_3x3_take2(uint32_t *to, const int8_t *from, int32_t step, int32_t count) {
    take(to, 2, from, step, count);
}

static void depthwise_3x3_give1(int8_t *to, const uint32_t *from, int32_t step, int32_t count) {
    give(to, step, from, 1, count);
}

static void depthwise_3x3_give4(int8_t *to, const uint32_t *from, int32_t step, int32_t count) {
    give(to, step, from, 4, count);
}
#define depthwise_3x3_stride1_floor depthwise_3x3_stride1
#define depthwise_3x3_stride2_floor depthwise_3x3_stride2
#endif

static inline uint32_t *put_padding(uint32_t *to, int32_t step, int32_t count, uint32_t padding) {
    for (; count > 0; count--, to += step) {
        *to = padding;
    }
    return to;
}

// The lines from `line` to before `end`, of a band that begins with line `first`.
static void gather(const DepthwiseConv2dS83x3 *layer, const int8_t *input, uint32_t *scratch, int32_t first,
                   int32_t line, int32_t end) {
    const DepthwiseConv2dS83x3 p = *layer;
    const uint32_t padding = 0x01010101u * (uint8_t)p.input_zero_point;
    Take *const take = p.stride == 1 ? depthwise_3x3_take1 : depthwise_3x3_take2;
    const int32_t pairs = p.stride - 1; // 1 if lines are interleaved
    uint32_t *to = scratch;
    for (; line < end; line++) {
        const int32_t place = line - first, from = line - p.lines_pad;
        to = scratch + ((place >> pairs) * p.length << pairs) + (place & pairs);
        int32_t behind = p.length;
        if (from >= 0 && from < p.lines_inside) {
            to = put_padding(to, p.stride, p.pad, padding);
            take(to, input + from * p.input_across, p.input_along, p.inside);
            to += p.inside << pairs;
            behind -= p.pad + p.inside;
        }
        to = put_padding(to, p.stride, behind, padding);
    }
    (void)put_padding(to, 1, p.tail, padding);
    if (pairs) { // behind the last line of those that are the second of a pair
        scratch[((end - first) >> pairs) * p.length * p.stride + 1] = padding;
    }
}

static void scatter(const DepthwiseConv2dS83x3 *layer, const uint32_t *scratch, int8_t *output, int32_t lines,
                    int32_t channels) {
    const DepthwiseConv2dS83x3 p = *layer;
    Give *const give = p.stride == 1 ? depthwise_3x3_give1 : depthwise_3x3_give4;
    const int32_t places = p.stride * p.stride;
    for (; lines > 0; lines--, output += p.output_across, scratch += p.stride * p.length) {
        if (channels >= CHANNELS) {
            give(output, scratch, p.output_along, p.outputs);
            continue;
        }
        int8_t *to = output;
        for (int32_t i = 0; i < p.outputs; i++, to += p.output_along) {
            uint32_t word = scratch[i * places];
            for (int32_t channel = 0; channel < channels; channel++, word >>= 8) {
                to[channel] = (int8_t)word;
            }
        }
    }
}

static void clamp_outputs(int8_t *output, int32_t count, int32_t low, int32_t high) {
    for (int32_t i = 0; i < count; i++) {
        output[i] = clamp_s8(output[i], low, high);
    }
}

// One block of channels, whose inputs, outputs and records are given.
static void compute_block(const DepthwiseConv2dS83x3 *layer, const int8_t *input, int8_t *output, uint32_t *scratch,
                          const int32_t *records, int32_t channels, Run *run) {
    const int32_t stride = layer->stride, length = layer->length, pair = stride * length;
    for (int32_t first = 0; first < layer->output_lines; first += layer->band) {
        const int32_t left = layer->output_lines - first, lines = left < layer->band ? left : layer->band;
        int32_t known = 0;
        if (first > 0) { // the lines that this band shares with the one before
            depthwise_3x3_take1(scratch, (const int8_t *)(scratch + layer->band * pair), 4, 2 * length);
            known = TAPS - stride;
        }
        const int32_t line = first * stride;
        gather(layer, input, scratch, line, line + known, line + (lines - 1) * stride + TAPS);
        int32_t windows = (lines - 1) * (stride == 1 ? length : length / 2) + layer->outputs;
        windows += stride == 1 ? windows & 1 : 0;
        run((int8_t *)scratch, records, 4 * pair, windows, channels);
        scatter(layer, scratch, output + first * layer->output_across, lines, channels);
    }
}

void depthwise_conv_2d_s8_3x3(const DepthwiseConv2dS83x3 *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t low = layer->activation_min, high = layer->activation_max;
    const int32_t floor = low >= layer->output_zero_point;
    Run *const run = layer->stride == 1 ? floor ? depthwise_3x3_stride1_floor : depthwise_3x3_stride1
                     : floor            ? depthwise_3x3_stride2_floor
                                        : depthwise_3x3_stride2;
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        const int32_t *records = layer->records;
        for (int32_t channel = 0; channel < layer->channels; channel += CHANNELS, records += CHANNELS * RECORD) {
            const int32_t left = layer->channels - channel, channels = left < CHANNELS ? left : CHANNELS;
            compute_block(layer, input + channel, output + channel, scratch, records, channels, run);
        }
        if (low > INT8_MIN || high < INT8_MAX) {
            clamp_outputs(output, layer->output_plane, low, high);
        }
        input += layer->input_plane;
        output += layer->output_plane;
    }
}
