#include "conv_2d_3x3_winograd_s8.h"

#include <stdbool.h>

#include "dsp.h"
#include "requantize.h"

#define TILES CONV_2D_WINOGRAD_TILES
#define POSITIONS CONV_2D_WINOGRAD_POSITIONS
#define RECORD CONV_2D_WINOGRAD_RECORD
#define FILTERS 2
#define IN 6 // side of the inputs of a tile
#define OUT 4

// Where the outputs of a tile go; steps in bytes.
typedef struct {
    int8_t *to;
    int32_t row_step, pixel_step;
} Target;

// `quads` times four channels of a tile, whose inputs are `row_step` and `pixel_step` bytes apart, to its place in v:
// [6 rows][pairs][6 columns][TILES] words.
typedef void TransformInputs(const int8_t *from, int32_t row_step, int32_t pixel_step, uint32_t *v, int32_t quads,
                             int32_t pairs);
// sums: [TILES][FILTERS][POSITIONS]
typedef void Multiply(const int32_t *weights, const uint32_t *v, int32_t *sums, int32_t pairs);
// A block of filters of the tiles up to `end`, whose targets move on by as many bytes.
typedef void TransformOutputs(const int32_t *sums, const int32_t *records, Target *target, const Target *end);

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// conv_2d_3x3_winograd_s8_m4.S. The last for outputs that are clamped at their zero point: there the rounding of
// negative numbers does not matter.
TransformInputs conv_2d_winograd_inputs;
Multiply conv_2d_winograd_multiply;
TransformOutputs conv_2d_winograd_outputs, conv_2d_winograd_outputs_floor;
#else
// B^T d for the six d which are `step` apart.
static void transform_six(const uint32_t *d, int32_t step, uint32_t t[IN]) {
    const uint32_t d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    t[0] = d4 - d2 + 4 * (d0 - d2);
    t[1] = d4 - 4 * d2 + (d3 - 4 * d1);
    t[2] = d4 - 4 * d2 - (d3 - 4 * d1);
    t[3] = d4 - d2 + 2 * (d3 - d1);
    t[4] = d4 - d2 - 2 * (d3 - d1);
    t[5] = d5 - d3 - 4 * (d3 - d1);
}

static void conv_2d_winograd_inputs(const int8_t *from, int32_t row_step, int32_t pixel_step, uint32_t *v,
                                    int32_t quads, int32_t pairs) {
    for (; quads > 0; quads--, from += 4, v += 2 * IN * TILES) {
        for (int32_t odd = 0; odd < 2; odd++) {
            uint32_t columns[IN][IN], d[IN], t[IN];
            for (int32_t x = 0; x < IN; x++) {
                for (int32_t y = 0; y < IN; y++) {
                    const uint32_t word = read_word(from + y * row_step + x * pixel_step);
                    const uint32_t base = 128 + (x >= 4 && y >= 4 ? CONV_2D_WINOGRAD_LIFT : 0);
                    d[y] =
                        add_halves(half_pair((int32_t)base, (int32_t)base), odd ? odd_bytes(word) : even_bytes(word));
                }
                transform_six(d, 1, columns[x]);
            }
            for (int32_t y = 0; y < IN; y++) {
                transform_six(&columns[0][y], IN, t);
                for (int32_t x = 0; x < IN; x++) {
                    v[((y * pairs + odd) * IN + x) * TILES] = t[x];
                }
            }
        }
    }
}

static void conv_2d_winograd_multiply(const int32_t *weights, const uint32_t *v, int32_t *sums, int32_t pairs) {
    for (int32_t position = 0; position < POSITIONS; position++, sums++) {
        const uint32_t *x = v + (position / IN * pairs * IN + position % IN) * TILES;
        for (int32_t i = 0; i < TILES * FILTERS; i++) {
            int32_t sum = 0;
            for (int32_t pair = 0; pair < pairs; pair++) {
                const uint32_t w = (uint32_t)weights[FILTERS * pair + i % FILTERS];
                sum = dual_multiply_add(w, x[pair * IN * TILES + i / FILTERS], sum);
            }
            sums[i * POSITIONS] = sum;
        }
        weights += FILTERS * pairs;
    }
}

// A^T m for the six m which are `step` apart, without factors in common: 1, 2, 4 and 4.
static void transform_four(const int32_t *m, int32_t step, uint32_t o[OUT]) {
    const uint32_t m1 = (uint32_t)m[step], m2 = (uint32_t)m[2 * step];
    const uint32_t m3 = (uint32_t)m[3 * step], m4 = (uint32_t)m[4 * step];
    const uint32_t s = m1 + m2, u = m1 - m2, t = m3 + m4, w = m3 - m4;
    o[0] = t + 4 * s + 2 * (uint32_t)m[0];
    o[1] = w + 2 * u;
    o[2] = s + t;
    o[3] = u + 2 * w + 2 * (uint32_t)m[5 * step];
}

static void conv_2d_winograd_outputs(const int32_t *sums, const int32_t *records, Target *target, const Target *end) {
    static const int32_t shifts[OUT] = {6, 5, 4, 4};
    for (; target != end; target++) {
        for (int32_t i = 0; i < FILTERS; i++, sums += POSITIONS, target->to++) {
            const int32_t *row = records + i * RECORD, *last = row + OUT * (1 + OUT);
            uint32_t o[OUT];
            int32_t columns[OUT][IN];
            for (int32_t x = 0; x < IN; x++) {
                transform_four(sums + x, IN, o);
                for (int32_t y = 0; y < OUT; y++) {
                    columns[y][x] = (int32_t)o[y];
                }
            }
            for (int32_t y = 0; y < OUT; y++, row += 1 + OUT) {
                int8_t *to = target->to + y * target->row_step;
                transform_four(columns[y], 1, o);
                for (int32_t x = 0; x < OUT; x++) {
                    int32_t sum = (int32_t)(o[x] * (uint32_t)row[0] + (uint32_t)row[1 + x]) >> shifts[x];
                    to[x * target->pixel_step] = saturate_s8(requantize_by_offset(sum, last[0], last[1], last[2]));
                }
            }
        }
    }
}
#define conv_2d_winograd_outputs_floor conv_2d_winograd_outputs
#endif

// `count` bytes, or up to three more; the same of padding. Both return where the next ones belong.
static int8_t *put(int8_t *to, const int8_t *from, int32_t count) {
    int8_t *const end = to + count;
    for (; end - to > 12; to += 16, from += 16) {
        const uint32_t a = read_word(from), b = read_word(from + 4), c = read_word(from + 8), d = read_word(from + 12);
        write_word(to, a);
        write_word(to + 4, b);
        write_word(to + 8, c);
        write_word(to + 12, d);
    }
    for (; to < end; to += 4, from += 4) {
        write_word(to, read_word(from));
    }
    return end;
}

static int8_t *put_padding(int8_t *to, int32_t zero_point, int32_t count) {
    const uint32_t word = 0x01010101u * (uint8_t)zero_point;
    int8_t *const end = to + count;
    for (; to < end; to += 4) {
        write_word(to, word);
    }
    return end;
}

static void clamp_outputs(int8_t *output, int32_t count, int32_t low, int32_t high) {
    for (int32_t i = 0; i < count; i++) {
        output[i] = clamp_s8(output[i], low, high);
    }
}

static int32_t clamp(int32_t value, int32_t most) {
    return value < 0 ? 0 : value > most ? most : value;
}

// The 6x6 inputs at row y and column x of `image`, which lie in the padding in part.
static void stage_inputs(const Conv2dWinogradS8 *layer, const int8_t *image, int32_t y, int32_t x, int8_t *stage) {
    const int32_t width = layer->input_w, channels = layer->input_channels, zero_point = layer->input_zero_point;
    const int32_t left = clamp(-x, IN), right = clamp(x + IN - width, IN - left);
    for (int32_t end = y + IN; y < end; y++) {
        if (y < 0 || y >= layer->input_h) {
            stage = put_padding(stage, zero_point, IN * channels);
        } else {
            stage = put_padding(stage, zero_point, left * channels);
            stage = put(stage, image + (y * width + x + left) * channels, (IN - left - right) * channels);
            stage = put_padding(stage, zero_point, right * channels);
        }
    }
}

// A tile: the first pixels of its images, and its place in tiles.
typedef struct {
    const int8_t *input;
    int8_t *output;
    int32_t y, x;
} Place;

static void next_place(const Conv2dWinogradS8 *layer, Place *at) {
    if (++at->x == layer->tiles_w) {
        at->x = 0;
        if (++at->y == layer->tiles_h) {
            at->y = 0;
            at->input += layer->input_h * layer->input_w * layer->input_channels;
            at->output += layer->output_h * layer->output_w * layer->output_channels;
        }
    }
}

static void transform_inputs(const Conv2dWinogradS8 *layer, const Place *at, uint32_t *v, int8_t *stage) {
    const int32_t channels = layer->input_channels, width = layer->input_w;
    const int32_t y = at->y * OUT - layer->pad_top, x = at->x * OUT - layer->pad_left;
    const int8_t *from = stage;
    int32_t row_step = IN * channels;
    if (y >= 0 && y + IN <= layer->input_h && x >= 0 && x + IN <= width) {
        from = at->input + (y * width + x) * channels;
        row_step = width * channels;
    } else {
        stage_inputs(layer, at->input, y, x, stage);
    }
    conv_2d_winograd_inputs(from, row_step, channels, v, (channels + 3) / 4, layer->pairs);
}

// The outputs of a tile, some of which may lie beyond the image's.
typedef struct {
    int8_t *to;
    int32_t rows, columns;
} Outputs;

static Outputs outputs_of(const Conv2dWinogradS8 *layer, const Place *at) {
    const int32_t y = at->y * OUT, x = at->x * OUT;
    return (Outputs){
        at->output + (y * layer->output_w + x) * layer->output_channels,
        clamp(layer->output_h - y, OUT),
        clamp(layer->output_w - x, OUT),
    };
}

static bool cut_off(const Outputs *outputs) {
    return outputs->rows < OUT || outputs->columns < OUT;
}

typedef int8_t Apart[OUT][OUT][FILTERS]; // a block of filters of a tile that is cut off

static void copy_outputs(const Apart apart, const Outputs *outputs, int32_t filter, int32_t row_step,
                         int32_t pixel_step) {
    for (int32_t y = 0; y < outputs->rows; y++) {
        int8_t *to = outputs->to + filter + y * row_step;
        for (int32_t x = 0; x < outputs->columns; x++, to += pixel_step) {
            to[0] = apart[y][x][0];
            to[1] = apart[y][x][1];
        }
    }
}

// All filters of some tiles.
static void compute_outputs(const Conv2dWinogradS8 *layer, const uint32_t *v, const Outputs *outputs, int32_t count,
                            int32_t *sums) {
    const int32_t channels = layer->output_channels, row_bytes = layer->output_w * channels;
    const int32_t low = layer->activation_min, high = layer->activation_max;
    TransformOutputs *const finish =
        low >= layer->output_zero_point ? conv_2d_winograd_outputs_floor : conv_2d_winograd_outputs;
    const int32_t *weights = layer->weights, *records = layer->records;
    Apart apart[TILES];
    Target targets[TILES];
    bool whole = true;
    for (int32_t i = 0; i < count; i++) {
        targets[i] = (Target){outputs[i].to, row_bytes, channels};
        whole = whole && !cut_off(&outputs[i]);
    }
    for (int32_t next = 0; next < channels; next += FILTERS) {
        const int32_t shared = next + FILTERS - channels > 0;
        if (shared || !whole) {
            for (int32_t i = 0; i < count; i++) {
                if (cut_off(&outputs[i])) {
                    targets[i] = (Target){apart[i][0][0], OUT * FILTERS, FILTERS};
                } else {
                    targets[i].to -= shared;
                }
            }
        }
        conv_2d_winograd_multiply(weights, v, sums, layer->pairs);
        finish(sums, records, targets, targets + count);
        for (int32_t i = 0; !whole && i < count; i++) {
            if (cut_off(&outputs[i])) {
                copy_outputs(apart[i], &outputs[i], next - shared, row_bytes, channels);
            }
        }
        weights += FILTERS * POSITIONS * layer->pairs;
        records += FILTERS * RECORD;
    }
    for (int32_t i = 0; i < count && (low > INT8_MIN || high < INT8_MAX); i++) {
        for (int32_t y = 0; y < outputs[i].rows; y++) {
            clamp_outputs(outputs[i].to + y * row_bytes, outputs[i].columns * channels, low, high);
        }
    }
}

void conv_2d_3x3_winograd_s8(const Conv2dWinogradS8 *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t stage_words = POSITIONS / 4 * layer->input_channels + 1, sums_words = TILES * FILTERS * POSITIONS;
    int8_t *const stage = scratch; // and later the sums
    uint32_t *const v = (uint32_t *)scratch + (stage_words > sums_words ? stage_words : sums_words);
    Place at = {input, output, 0, 0};
    for (int32_t left = layer->tiles; left > 0; left -= TILES) {
        const int32_t count = left < TILES ? left : TILES;
        Outputs outputs[TILES];
        for (int32_t i = 0; i < count; i++, next_place(layer, &at)) {
            transform_inputs(layer, &at, v + i, stage);
            outputs[i] = outputs_of(layer, &at);
        }
        compute_outputs(layer, v, outputs, count, scratch);
    }
}
