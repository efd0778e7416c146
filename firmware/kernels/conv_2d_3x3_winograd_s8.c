#include "conv_2d_3x3_winograd_s8.h"

#include <stdbool.h>
#include <string.h>

#include "dsp.h"
#include "requantize.h"
#include "sum_s8.h"

#define TILES CONV_2D_WINOGRAD_TILES
#define RECORD CONV_2D_WINOGRAD_RECORD
#define FILTERS 2
#define KINDS 6 // of weights along an axis
#define OUT 4

// Where the outputs of a tile go; steps in bytes.
typedef struct {
    int8_t *to;
    int32_t row_step, pixel_step;
} Target;

// `quads` times four channels of a tile, whose inputs are `row_step` and `pixel_step` bytes apart, to its place in v:
// [side rows][pairs][side columns][TILES] words.
typedef void TransformInputs(const int8_t *from, int32_t row_step, int32_t pixel_step, uint32_t *v, int32_t quads,
                             int32_t pairs);
// sums: [TILES][FILTERS][side][side]
typedef void Multiply(const int32_t *weights, const uint32_t *v, int32_t *sums, int32_t pairs);
// A block of filters of the tiles up to `end`, whose targets move on by as many bytes. Some add what lies there before.
typedef void TransformOutputs(const int32_t *sums, const int32_t *records, Target *target, const Target *end,
                              const int32_t *sum);

// What depends on the stride, and on whether the outputs are added to what is in their place. `outputs_floor`: for
// outputs that are clamped at their zero point, where the rounding of negative numbers does not matter.
typedef struct {
    int32_t side; // of the inputs of a tile, and of its sums
    bool adds;
    TransformInputs *inputs;
    Multiply *multiply;
    TransformOutputs *outputs, *outputs_floor;
} Filtering;

#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)
// conv_2d_3x3_winograd_s8_m4.S
TransformInputs conv_2d_winograd_inputs, conv_2d_winograd_inputs_stride2;
Multiply conv_2d_winograd_multiply, conv_2d_winograd_multiply_stride2;
TransformOutputs conv_2d_winograd_outputs, conv_2d_winograd_outputs_floor, conv_2d_winograd_outputs_sum;
TransformOutputs conv_2d_winograd_outputs_stride2, conv_2d_winograd_outputs_stride2_floor;
#else
#define SIDE 6
#define SIDE_STRIDE2 9
#define MOST_SIDE SIDE_STRIDE2

static void transform_six(const uint32_t *d, int32_t step, uint32_t *t) {
    const uint32_t d0 = d[0], d1 = d[step], d2 = d[2 * step], d3 = d[3 * step], d4 = d[4 * step], d5 = d[5 * step];
    t[0] = d4 - d2 + 4 * (d0 - d2);
    t[1] = d4 - 4 * d2 + (d3 - 4 * d1);
    t[2] = d4 - 4 * d2 - (d3 - 4 * d1);
    t[3] = d4 - d2 + 2 * (d3 - d1);
    t[4] = d4 - d2 - 2 * (d3 - d1);
    t[5] = d5 - d3 - 4 * (d3 - d1);
}

static void transform_nine(const uint32_t *d, int32_t step, uint32_t *t) {
    const uint32_t d0 = d[0], d2 = d[2 * step], d4 = d[4 * step], d6 = d[6 * step], d8 = d[8 * step];
    t[0] = d6 - d2 + 2 * (d0 - d4);
    t[1] = d6 - d4 - 2 * d2;
    t[2] = d6 - d4 + 2 * (d2 - d4);
    t[3] = d6 - d2;
    t[4] = d8 - d4 - 2 * (d6 - d2);
    for (int32_t i = 0; i < OUT; i++) {
        t[5 + i] = d[(1 + 2 * i) * step];
    }
}

// B^T d for the `side` d which are `step` apart.
static void transform_inputs_of(int32_t side, const uint32_t *d, int32_t step, uint32_t *t) {
    if (side == SIDE) {
        transform_six(d, step, t);
    } else {
        transform_nine(d, step, t);
    }
}

static void inputs_of(int32_t side, const int8_t *from, int32_t row_step, int32_t pixel_step, uint32_t *v,
                      int32_t quads, int32_t pairs) {
    static const uint32_t lifts[] = {0, 0, 0, 0, 1, 1}, lifts_stride2[] = {0, 1, 0, 1, 0, 1, 1, 1, 3};
    const uint32_t *const lift = side == SIDE ? lifts : lifts_stride2;
    for (; quads > 0; quads--, from += 4, v += 2 * side * TILES) {
        for (int32_t odd = 0; odd < 2; odd++) {
            uint32_t columns[MOST_SIDE][MOST_SIDE], d[MOST_SIDE], t[MOST_SIDE];
            for (int32_t x = 0; x < side; x++) {
                for (int32_t y = 0; y < side; y++) {
                    const uint32_t word = read_word(from + y * row_step + x * pixel_step);
                    const uint32_t base = 0x10001u * (128 + CONV_2D_WINOGRAD_LIFT * lift[y] * lift[x]);
                    d[y] = add_halves(base, odd ? odd_bytes(word) : even_bytes(word));
                }
                transform_inputs_of(side, d, 1, columns[x]);
            }
            for (int32_t y = 0; y < side; y++) {
                transform_inputs_of(side, &columns[0][y], MOST_SIDE, t);
                for (int32_t x = 0; x < side; x++) {
                    v[((y * pairs + odd) * side + x) * TILES] = t[x];
                }
            }
        }
    }
}

// Positions from KINDS - 1 on along an axis have the same weights.
static int32_t kind_of(int32_t position) {
    return position < KINDS ? position : KINDS - 1;
}

static void multiply_of(int32_t side, const int32_t *weights, const uint32_t *v, int32_t *sums, int32_t pairs) {
    for (int32_t position = 0; position < side * side; position++, sums++) {
        const int32_t row = position / side, column = position % side;
        const int32_t *from = weights + (kind_of(row) * KINDS + kind_of(column)) * FILTERS * pairs;
        const uint32_t *x = v + (row * pairs * side + column) * TILES;
        for (int32_t i = 0; i < TILES * FILTERS; i++) {
            int32_t sum = 0;
            for (int32_t pair = 0; pair < pairs; pair++) {
                const uint32_t w = (uint32_t)from[FILTERS * pair + i % FILTERS];
                sum = dual_multiply_add(w, x[pair * side * TILES + i / FILTERS], sum);
            }
            sums[i * side * side] = sum;
        }
    }
}

// A^T m for the six m which are `step` apart.
static void transform_four(const int32_t *m, int32_t step, uint32_t o[OUT]) {
    const uint32_t m1 = (uint32_t)m[step], m2 = (uint32_t)m[2 * step];
    const uint32_t m3 = (uint32_t)m[3 * step], m4 = (uint32_t)m[4 * step];
    const uint32_t s = m1 + m2, u = m1 - m2, t = m3 + m4, w = m3 - m4;
    o[0] = t + 4 * s + 2 * (uint32_t)m[0];
    o[1] = 2 * (w + 2 * u);
    o[2] = 4 * (s + t);
    o[3] = 4 * (u + 2 * w + 2 * (uint32_t)m[5 * step]);
}

static void transform_four_stride2(const int32_t *m, int32_t step, uint32_t o[OUT]) {
    const uint32_t m1 = (uint32_t)m[step], m2 = (uint32_t)m[2 * step], m3 = (uint32_t)m[3 * step];
    const uint32_t s = m1 + m2, u = m1 - m2;
    o[0] = (uint32_t)m[0] + s + m3;
    o[1] = u + 2 * m3;
    o[2] = s + 4 * m3;
    o[3] = u + 8 * m3 + (uint32_t)m[4 * step];
    for (int32_t i = 0; i < OUT; i++) {
        o[i] += (uint32_t)m[(5 + i) * step];
    }
}

static void transform_outputs_of(int32_t side, const int32_t *m, int32_t step, uint32_t o[OUT]) {
    if (side == SIDE) {
        transform_four(m, step, o);
    } else {
        transform_four_stride2(m, step, o);
    }
}

// `sum`: NULL where nothing is added.
static void outputs_of_tiles(int32_t side, const int32_t *sums, const int32_t *records, Target *target,
                             const Target *end, const int32_t *sum) {
    for (; target != end; target++) {
        for (int32_t i = 0; i < FILTERS; i++, sums += side * side, target->to++) {
            const int32_t *const record = records + i * RECORD, *bias = record + 4;
            uint32_t o[OUT];
            int32_t rows[OUT][MOST_SIDE];
            for (int32_t x = 0; x < side; x++) {
                transform_outputs_of(side, sums + x, side, o);
                for (int32_t y = 0; y < OUT; y++) {
                    rows[y][x] = (int32_t)o[y];
                }
            }
            for (int32_t y = 0; y < OUT; y++) {
                int8_t *to = target->to + y * target->row_step;
                transform_outputs_of(side, rows[y], 1, o);
                for (int32_t x = 0; x < OUT; x++) {
                    const int32_t scaled = (int32_t)(o[x] * (uint32_t)record[0] + (uint32_t)*bias++);
                    int32_t value = requantize_fixed_signed(scaled, record[1], record[2], record[3]);
                    int8_t *const there = to + x * target->pixel_step;
                    if (sum != NULL) {
                        value = saturate_s8((value * sum[0] + *there * sum[1] + sum[2]) >> SUM_S8_SHIFT);
                    }
                    *there = (int8_t)value;
                }
            }
        }
    }
}

static void conv_2d_winograd_inputs(const int8_t *from, int32_t row_step, int32_t pixel_step, uint32_t *v,
                                    int32_t quads, int32_t pairs) {
    inputs_of(SIDE, from, row_step, pixel_step, v, quads, pairs);
}

static void conv_2d_winograd_inputs_stride2(const int8_t *from, int32_t row_step, int32_t pixel_step, uint32_t *v,
                                            int32_t quads, int32_t pairs) {
    inputs_of(SIDE_STRIDE2, from, row_step, pixel_step, v, quads, pairs);
}

static void conv_2d_winograd_multiply(const int32_t *weights, const uint32_t *v, int32_t *sums, int32_t pairs) {
    multiply_of(SIDE, weights, v, sums, pairs);
}

static void conv_2d_winograd_multiply_stride2(const int32_t *weights, const uint32_t *v, int32_t *sums, int32_t pairs) {
    multiply_of(SIDE_STRIDE2, weights, v, sums, pairs);
}

static void conv_2d_winograd_outputs(const int32_t *sums, const int32_t *records, Target *target, const Target *end,
                                     const int32_t *sum) {
    (void)sum;
    outputs_of_tiles(SIDE, sums, records, target, end, NULL);
}

static void conv_2d_winograd_outputs_sum(const int32_t *sums, const int32_t *records, Target *target, const Target *end,
                                         const int32_t *sum) {
    outputs_of_tiles(SIDE, sums, records, target, end, sum);
}

static void conv_2d_winograd_outputs_stride2(const int32_t *sums, const int32_t *records, Target *target,
                                             const Target *end, const int32_t *sum) {
    (void)sum;
    outputs_of_tiles(SIDE_STRIDE2, sums, records, target, end, NULL);
}
#define conv_2d_winograd_outputs_floor conv_2d_winograd_outputs
#define conv_2d_winograd_outputs_stride2_floor conv_2d_winograd_outputs_stride2
#endif

static const Filtering stride1 = {6,
                                  false,
                                  conv_2d_winograd_inputs,
                                  conv_2d_winograd_multiply,
                                  conv_2d_winograd_outputs,
                                  conv_2d_winograd_outputs_floor};
static const Filtering stride2 = {9,
                                  false,
                                  conv_2d_winograd_inputs_stride2,
                                  conv_2d_winograd_multiply_stride2,
                                  conv_2d_winograd_outputs_stride2,
                                  conv_2d_winograd_outputs_stride2_floor};
static const Filtering stride1_sum = {6,
                                      true,
                                      conv_2d_winograd_inputs,
                                      conv_2d_winograd_multiply,
                                      conv_2d_winograd_outputs_sum,
                                      conv_2d_winograd_outputs_sum};

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

// The side x side inputs at row y and column x of `image`, which lie in the padding in part.
static void stage_inputs(const Conv2dWinogradS8 *layer, int32_t side, const int8_t *image, int32_t y, int32_t x,
                         int8_t *stage) {
    const int32_t width = layer->input_w, channels = layer->input_channels, zero_point = layer->input_zero_point;
    const int32_t left = clamp(-x, side), right = clamp(x + side - width, side - left);
    for (int32_t end = y + side; y < end; y++) {
        if (y < 0 || y >= layer->input_h) {
            stage = put_padding(stage, zero_point, side * channels);
        } else {
            stage = put_padding(stage, zero_point, left * channels);
            stage = put(stage, image + (y * width + x + left) * channels, (side - left - right) * channels);
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

static void transform_inputs(const Conv2dWinogradS8 *layer, const Filtering *filtering, const Place *at, uint32_t *v,
                             int8_t *stage) {
    const int32_t channels = layer->input_channels, width = layer->input_w, side = filtering->side;
    const int32_t step = OUT * layer->stride, y = at->y * step - layer->pad_top, x = at->x * step - layer->pad_left;
    const int8_t *from = stage;
    int32_t row_step = side * channels;
    if (y >= 0 && y + side <= layer->input_h && x >= 0 && x + side <= width) {
        from = at->input + (y * width + x) * channels;
        row_step = width * channels;
    } else {
        stage_inputs(layer, side, at->input, y, x, stage);
    }
    filtering->inputs(from, row_step, channels, v, (channels + 3) / 4, layer->pairs);
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

// Copies the outputs to their place, or what is there from it.
static void copy_outputs(Apart apart, const Outputs *outputs, int32_t filter, int32_t row_step, int32_t pixel_step,
                         bool from_place) {
    for (int32_t y = 0; y < outputs->rows; y++) {
        int8_t *place = outputs->to + filter + y * row_step;
        for (int32_t x = 0; x < outputs->columns; x++, place += pixel_step) {
            int8_t *const to = from_place ? apart[y][x] : place, *const from = from_place ? place : apart[y][x];
            to[0] = from[0];
            to[1] = from[1];
        }
    }
}

// All filters of some tiles.
static void compute_outputs(const Conv2dWinogradS8 *layer, const Filtering *filtering, const uint32_t *v,
                            const Outputs *outputs, int32_t count, int32_t *sums) {
    const int32_t channels = layer->output_channels, row_bytes = layer->output_w * channels;
    const int32_t low = layer->activation_min, high = layer->activation_max;
    TransformOutputs *const finish = low >= layer->output_zero_point ? filtering->outputs_floor : filtering->outputs;
    const int32_t *weights = layer->weights, *records = layer->records;
    Apart apart[TILES];
    Target targets[TILES];
    bool whole = true;
    for (int32_t i = 0; i < count; i++) {
        targets[i] = (Target){outputs[i].to, row_bytes, channels};
        whole = whole && !cut_off(&outputs[i]);
    }
    if (!whole && filtering->adds) { // outputs beyond the image's are sums, too
        memset(apart, 0, sizeof apart);
    }
    for (int32_t next = 0; next < channels; next += FILTERS) {
        const int32_t shared = next + FILTERS - channels > 0;
        if (shared || !whole) {
            for (int32_t i = 0; i < count; i++) {
                if (cut_off(&outputs[i])) {
                    targets[i] = (Target){apart[i][0][0], OUT * FILTERS, FILTERS};
                    if (filtering->adds) {
                        copy_outputs(apart[i], &outputs[i], next - shared, row_bytes, channels, true);
                    }
                } else {
                    targets[i].to -= shared;
                }
            }
        }
        filtering->multiply(weights, v, sums, layer->pairs);
        finish(sums, records, targets, targets + count, layer->sum);
        for (int32_t i = 0; !whole && i < count; i++) {
            if (cut_off(&outputs[i])) {
                copy_outputs(apart[i], &outputs[i], next - shared, row_bytes, channels, false);
            }
        }
        weights = next + FILTERS == layer->filters_before ? layer->more_weights
                                                          : weights + FILTERS * KINDS * KINDS * layer->pairs;
        records += FILTERS * RECORD;
    }
    for (int32_t i = 0; i < count && (low > INT8_MIN || high < INT8_MAX); i++) {
        for (int32_t y = 0; y < outputs[i].rows; y++) {
            clamp_outputs(outputs[i].to + y * row_bytes, outputs[i].columns * channels, low, high);
        }
    }
}

static void compute(const Conv2dWinogradS8 *layer, const Filtering *filtering, const int8_t *input, int8_t *output,
                    void *scratch) {
    const int32_t positions = filtering->side * filtering->side;
    const int32_t stage_words = (positions * layer->input_channels + 7) / 4, sums_words = TILES * FILTERS * positions;
    int8_t *const stage = scratch; // and later the sums
    uint32_t *const v = (uint32_t *)scratch + (stage_words > sums_words ? stage_words : sums_words);
    Place at = {input, output, 0, 0};
    for (int32_t left = layer->tiles; left > 0; left -= TILES) {
        const int32_t count = left < TILES ? left : TILES;
        Outputs outputs[TILES];
        for (int32_t i = 0; i < count; i++, next_place(layer, &at)) {
            transform_inputs(layer, filtering, &at, v + i, stage);
            outputs[i] = outputs_of(layer, &at);
        }
        compute_outputs(layer, filtering, v, outputs, count, scratch);
    }
}

void conv_2d_3x3_winograd_s8(const Conv2dWinogradS8 *layer, const int8_t *input, int8_t *output, void *scratch) {
    compute(layer, layer->stride == 1 ? &stride1 : &stride2, input, output, scratch);
}

void conv_2d_3x3_winograd_sum_s8(const Conv2dWinogradS8 *layer, const int8_t *input, int8_t *sum, void *scratch) {
    compute(layer, &stride1_sum, input, sum, scratch);
}
