#include "depthwise_conv_2d_s8_3x3.h"

#include "dsp.h"
#include "requantize.h"

#include <stdbool.h>
#include <stddef.h>

#define CHANNELS DEPTHWISE_3X3_CHANNELS
#define RECORD DEPTHWISE_3X3_RECORD
#define TAPS 3

// Lines in the input that go to the scratch memory.
typedef struct {
    int32_t along, skip; // bytes from a place to the next, and from the end of a line to the next
    int32_t pad, inside, behind;
    uint32_t padding;
    int32_t turn; // exclusive or of the bytes to the next line from the end of an even and of an odd one
} Source;

// Lines of outputs from there.
typedef struct {
    int32_t along, skip, count;
    int32_t advance; // bytes in the scratch memory from the end of a line to the next
} Target;

typedef DepthwiseConv2dS83x3Run Run;
// At least one line; `advance`: bytes to the next line from the end of the first. Returns where the next line begins.
typedef uint32_t *Take(const Source *source, uint32_t *to, const int8_t *from, int32_t lines, int32_t advance);
typedef void Give(const Target *target, int8_t *to, const uint32_t *from, int32_t lines);

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// depthwise_conv_2d_s8_3x3_m4.S
Run depthwise_3x3_stride1, depthwise_3x3_stride1_fixed, depthwise_3x3_stride2, depthwise_3x3_stride2_fixed;
Take depthwise_3x3_take1, depthwise_3x3_take2;
Give depthwise_3x3_give1, depthwise_3x3_give4;
#else
static int8_t finished(int32_t sum, const int32_t *record, bool fixed_shift) {
    if (fixed_shift) {
        return requantize_fixed_fine(sum, record[5]);
    }
    int32_t scaled = add_high_multiply_rounded(0, sum, record[5]);
    return saturate_s8((int32_t)((uint32_t)scaled + (uint32_t)(scaled >> 31) + (uint32_t)record[6]) >>
                       low_half((uint32_t)record[4]));
}

static int32_t add_column(int32_t sum, uint32_t pair, int32_t third, int32_t x0, int32_t x1, int32_t x2) {
    return (int32_t)((uint32_t)dual_multiply_add(pair, half_pair(x0, x1), sum) + (uint32_t)(third * x2));
}

// Rows 1 and 2 of a window lie `row1` and `row2` bytes behind row 0, its columns and the next window as given.
static void run_windows(int8_t *plane, const int32_t *records, int32_t row1, int32_t row2, int32_t column, int32_t next,
                        int32_t run, int32_t channels, bool fixed_shift) {
    for (int32_t channel = 0; channel < channels; channel++, records += RECORD) {
        const uint32_t *const weights = (const uint32_t *)records;
        const int32_t third[3] = {low_half(weights[3]), high_half(weights[3]), high_half(weights[4])};
        int8_t *at = plane + channel;
        for (int32_t i = 0; i < run; i++, at += next) {
            int32_t sum = records[fixed_shift ? 6 : 7];
            for (int32_t x = 0; x < 3; x++) {
                const int8_t *from = at + x * column;
                sum = add_column(sum, weights[x], third[x], from[0], from[row1], from[row2]);
            }
            *at = finished(sum, records, fixed_shift);
        }
    }
}

static void depthwise_3x3_stride1(int8_t *plane, const int32_t *records, int32_t line, int32_t run, int32_t channels) {
    run_windows(plane, records, line, 2 * line, CHANNELS, CHANNELS, run, channels, false);
}

static void depthwise_3x3_stride1_fixed(int8_t *plane, const int32_t *records, int32_t line, int32_t run,
                                        int32_t channels) {
    run_windows(plane, records, line, 2 * line, CHANNELS, CHANNELS, run, channels, true);
}

static void depthwise_3x3_stride2(int8_t *plane, const int32_t *records, int32_t line, int32_t run, int32_t channels) {
    run_windows(plane, records, CHANNELS, line, 2 * CHANNELS, 4 * CHANNELS, run, channels, false);
}

static void depthwise_3x3_stride2_fixed(int8_t *plane, const int32_t *records, int32_t line, int32_t run,
                                        int32_t channels) {
    run_windows(plane, records, CHANNELS, line, 2 * CHANNELS, 4 * CHANNELS, run, channels, true);
}

static uint32_t *put_padding(uint32_t *to, int32_t places, int32_t count, uint32_t padding) {
    for (; count > 0; count--, to += places) {
        *to = padding;
    }
    return to;
}

static uint32_t *take(const Source *source, uint32_t *to, const int8_t *from, int32_t lines, int32_t advance,
                      int32_t places) {
    for (; lines > 0; lines--, from += source->skip, to += advance / 4, advance ^= source->turn) {
        to = put_padding(to, places, source->pad, source->padding);
        for (int32_t i = 0; i < source->inside; i++, to += places, from += source->along) {
            *to = read_word(from);
        }
        to = put_padding(to, places, source->behind, source->padding);
    }
    return to;
}

static void give(const Target *target, int8_t *to, const uint32_t *from, int32_t lines, int32_t places) {
    for (; lines > 0; lines--, to += target->skip, from += target->advance / 4) {
        for (int32_t i = 0; i < target->count; i++, to += target->along, from += places) {
            write_word(to, *from);
        }
    }
}

static uint32_t *depthwise_3x3_take1(const Source *source, uint32_t *to, const int8_t *from, int32_t lines,
                                     int32_t advance) {
    return take(source, to, from, lines, advance, 1);
}

static uint32_t *depthwise_3x3_take2(const Source *source, uint32_t *to, const int8_t *from, int32_t lines,
                                     int32_t advance) {
    return take(source, to, from, lines, advance, 2);
}

static void depthwise_3x3_give1(const Target *target, int8_t *to, const uint32_t *from, int32_t lines) {
    give(target, to, from, lines, 1);
}

static void depthwise_3x3_give4(const Target *target, int8_t *to, const uint32_t *from, int32_t lines) {
    give(target, to, from, lines, 4);
}
#endif

// What is the same for all blocks of a layer.
typedef struct {
    Source inside, outside, kept; // lines of the input, of padding, and those that a band shares with the one before
    Target outputs;
    int32_t advance_even, advance_odd;
    Run *run, *run_band; // of any number of lines, of a whole band
    Take *take;
    Give *give;
} Work;

static Work work_of(const DepthwiseConv2dS83x3 *layer) {
    const DepthwiseConv2dS83x3 p = *layer;
    const uint32_t padding = 0x01010101u * (uint8_t)p.input_zero_point;
    Work work = {
        .inside = {p.input_along, p.input_across - p.inside * p.input_along, p.pad, p.inside,
                   p.length - p.pad - p.inside, padding, 0},
        .outside = {0, 0, 0, 0, p.length, padding, 0},
        .kept = {4, 0, 0, 2 * p.length, 0, 0, 0},
        .outputs = {p.output_along, p.output_across - p.outputs * p.output_along, p.outputs,
                    4 * p.stride * (p.length - p.stride * p.outputs)},
        .run = p.fixed_shift ? depthwise_3x3_stride1_fixed : depthwise_3x3_stride1,
        .take = depthwise_3x3_take1,
        .give = depthwise_3x3_give1,
    };
    if (p.stride == 2) {
        work.advance_even = 4 - 8 * p.length;
        work.advance_odd = -4;
        work.inside.turn = work.outside.turn = work.advance_even ^ work.advance_odd;
        work.run = p.fixed_shift ? depthwise_3x3_stride2_fixed : depthwise_3x3_stride2;
        work.take = depthwise_3x3_take2;
        work.give = depthwise_3x3_give4;
    }
    work.run_band = p.run != NULL ? p.run : work.run;
    return work;
}

// Behind so many lines, or pairs of lines the last of which has only a first one.
static void pad_behind(const DepthwiseConv2dS83x3 *layer, uint32_t *scratch, int32_t lines, uint32_t padding) {
    uint32_t *behind = scratch + lines * layer->length * layer->stride;
    if (layer->stride == 2) {
        behind[1] = padding;
        behind += 2 * layer->length;
    }
    for (int32_t i = 0; i < layer->tail; i++) {
        behind[i] = padding;
    }
}

// The lines from `line` to before `end` of a band.
static void gather(const DepthwiseConv2dS83x3 *layer, const Work *work, const int8_t *input, uint32_t *scratch,
                   int32_t band, int32_t line, int32_t end) {
    const int32_t from[4] = {line, layer->lines_pad, layer->lines_pad + layer->lines_inside, end};
    const int32_t pairs = layer->stride - 1; // 1 if lines are interleaved
    uint32_t *to = scratch + ((line - band) >> pairs) * layer->length * layer->stride + ((line - band) & pairs);
    for (int32_t part = 0; part < 3; part++) {
        const int32_t until = from[part + 1] < end ? from[part + 1] : end;
        if (line < until) {
            const int32_t advance = (line - band) & 1 ? work->advance_odd : work->advance_even;
            to = work->take(part == 1 ? &work->inside : &work->outside, to,
                            input + (line - layer->lines_pad) * layer->input_across, until - line, advance);
            line = until;
        }
    }
    pad_behind(layer, scratch, (end - band) >> pairs, work->inside.padding);
}

// Less than four channels.
static void scatter_bytes(const DepthwiseConv2dS83x3 *layer, int8_t *output, const uint32_t *scratch, int32_t lines,
                          int32_t channels) {
    const DepthwiseConv2dS83x3 p = *layer;
    const int32_t places = p.stride * p.stride;
    for (; lines > 0; lines--, output += p.output_across, scratch += p.stride * p.length) {
        const uint32_t *from = scratch;
        int8_t *to = output;
        for (int32_t i = p.outputs; i > 0; i--, from += places, to += p.output_along) {
            uint32_t word = *from;
            to[0] = (int8_t)word;
            if (channels > 1) {
                to[1] = (int8_t)(word >> 8);
            }
            if (channels > 2) {
                to[2] = (int8_t)(word >> 16);
            }
        }
    }
}

static void clamp_outputs(int8_t *output, int32_t count, int32_t low, int32_t high) {
    for (int32_t i = 0; i < count; i++) {
        output[i] = clamp_s8(output[i], low, high);
    }
}

// Of so many lines of outputs, from the first to the last; an even number with stride 1.
static int32_t windows_of(const DepthwiseConv2dS83x3 *layer, int32_t lines) {
    const int32_t windows = (lines - 1) * (layer->length / layer->stride) + layer->outputs;
    return layer->stride == 1 ? windows + (windows & 1) : windows;
}

// One block of channels, whose inputs, outputs and records are given.
static void compute_block(const DepthwiseConv2dS83x3 *layer, const Work *work, const int8_t *input, int8_t *output,
                          uint32_t *scratch, const int32_t *records, int32_t channels) {
    const int32_t stride = layer->stride, length = layer->length;
    for (int32_t first = 0; first < layer->output_lines; first += layer->band) {
        const int32_t left = layer->output_lines - first, lines = left < layer->band ? left : layer->band;
        int32_t known = 0;
        if (first > 0) {
            const uint32_t *kept = scratch + layer->band * stride * length;
            (void)depthwise_3x3_take1(&work->kept, scratch, (const int8_t *)kept, 1, 0);
            known = TAPS - stride;
        }
        const int32_t line = first * stride;
        gather(layer, work, input, scratch, line, line + known, line + (lines - 1) * stride + TAPS);
        Run *const run = lines == layer->band ? work->run_band : work->run;
        run((int8_t *)scratch, records, 4 * stride * length, windows_of(layer, lines), channels);
        int8_t *to = output + first * layer->output_across;
        if (channels == CHANNELS) {
            work->give(&work->outputs, to, scratch, lines);
        } else {
            scatter_bytes(layer, to, scratch, lines, channels);
        }
    }
}

void depthwise_conv_2d_s8_3x3(const DepthwiseConv2dS83x3 *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t low = layer->activation_min, high = layer->activation_max;
    const Work work = work_of(layer);
    for (int32_t batch = 0; batch < layer->batches; batch++) {
        const int32_t *records = layer->records;
        for (int32_t channel = 0; channel < layer->channels; channel += CHANNELS, records += CHANNELS * RECORD) {
            const int32_t left = layer->channels - channel, channels = left < CHANNELS ? left : CHANNELS;
            compute_block(layer, &work, input + channel, output + channel, scratch, records, channels);
        }
        if (low > INT8_MIN || high < INT8_MAX) {
            clamp_outputs(output, layer->output_plane, low, high);
        }
        input += layer->input_plane;
        output += layer->output_plane;
    }
}

static inline void fill(uint32_t *to, int32_t count, uint32_t padding) {
    for (; count >= 4; count -= 4, to += 4) {
        to[0] = to[1] = to[2] = to[3] = padding;
    }
    for (; count > 0; count--, to++) {
        *to = padding;
    }
}

// `gap` words before every line but the first of so many, `length` words apart; returns the end of the last gap.
static inline uint32_t *fill_gaps(uint32_t *to, int32_t lines, int32_t length, int32_t gap, uint32_t padding) {
    if (gap == 1) {
        for (; lines > 1; lines--, to += length) {
            *to = padding;
        }
        return to;
    }
    for (; lines > 1; lines--, to += length) {
        fill(to, gap, padding);
    }
    return to;
}

// The padding of a plane whose lines lie one after another, and that before the inputs of the plane behind it.
static void pad_lines(const DepthwiseConv2dS83x3 *layer, uint32_t *plane, bool first, uint32_t padding) {
    const int32_t before = layer->lines_pad * layer->length + layer->pad, gap = layer->length - layer->inside;
    if (first) {
        fill(plane, before, padding);
    }
    uint32_t *const end = fill_gaps(plane + before + layer->inside, layer->lines_inside, layer->length, gap, padding);
    fill(end, layer->output_plane / 4 + before - (int32_t)(end - plane), padding);
}

// Places of an interleaved line.
static inline void fill_line(uint32_t *plane, int32_t line, int32_t first, int32_t end, uint32_t padding) {
    uint32_t *const to = plane + (line >> 1) * 2 * end + (line & 1);
    for (int32_t i = first; i < end; i++) {
        to[2 * i] = padding;
    }
}

// The padding of a plane whose lines are interleaved in pairs, with that of a pair's lines side by side.
static void pad_line_pairs(const DepthwiseConv2dS83x3 *layer, uint32_t *plane, uint32_t padding) {
    const int32_t length = layer->length, pairs = layer->output_lines, inside_end = layer->pad + layer->inside;
    const int32_t gap = 2 * (length - layer->inside), end = layer->lines_pad + layer->lines_inside;
    for (int32_t line = 0; line < layer->lines_pad; line++) {
        fill_line(plane, line, 0, length, padding);
    }
    for (int32_t line = end; line < 2 * pairs; line++) {
        fill_line(plane, line, 0, length, padding);
    }
    fill(plane, 2 * layer->pad, padding);
    (void)fill_gaps(plane + 2 * inside_end, pairs + 1, 2 * length, gap, padding);
    fill_line(plane + 2 * pairs * length, 0, end > 2 * pairs ? inside_end : 0, length, padding);
    pad_behind(layer, plane, pairs, padding);
}

void depthwise_conv_2d_s8_3x3_planes(const DepthwiseConv2dS83x3 *layer, const int8_t *input, int8_t *output) {
    const Work work = work_of(layer);
    const int32_t stride = layer->stride, lines = layer->output_lines, *records = layer->records;
    const int32_t windows = windows_of(layer, lines);
    const bool copied = input != output;
    for (int32_t channel = 0; channel < layer->channels; channel += CHANNELS, records += CHANNELS * RECORD) {
        const int32_t left = layer->channels - channel;
        uint32_t *const plane = (uint32_t *)output;
        if (copied) {
            gather(layer, &work, input + channel, plane, 0, 0, (lines - 1) * stride + TAPS);
        } else if (!layer->padding_is_read) {
            // as it is
        } else if (stride == 1) {
            pad_lines(layer, plane, channel == 0, work.inside.padding);
        } else {
            pad_line_pairs(layer, plane, work.inside.padding);
        }
        work.run_band(output, records, 4 * stride * layer->length, windows, left < CHANNELS ? left : CHANNELS);
        output += layer->output_plane;
    }
}
