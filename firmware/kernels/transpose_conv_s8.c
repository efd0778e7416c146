#include "transpose_conv_s8.h"

#include "dsp.h"
#include "requantize.h"

#define LANES 4 // words of a column for four inputs: of each of two pixels, inputs 0 and 2, then inputs 1 and 3

// Outputs phase, phase + spread, ... along one axis: how many taps they have, and the input under the first tap of the
// first output; that of each next output is one further.
typedef struct {
    int32_t begin, taps, input;
} Phase;

static Phase phase_of(int32_t phase, int32_t filter, int32_t spread, int32_t pad) {
    const int32_t remainder = (pad - phase) % spread, tap = remainder < 0 ? remainder + spread : remainder;
    return (Phase){phase, tap < filter ? (filter - tap + spread - 1) / spread : 0, (phase - pad + tap) / spread};
}

// The inputs of one pixel less the zero point, as halfwords; zeros for taps beside the input. Its first tap is at row y
// and column x of `image`.
static void expand(const TransposeConvS8 *layer, const int8_t *image, Phase rows, Phase columns, int32_t y, int32_t x,
                   uint32_t *column) {
    const int32_t width = layer->input_w, channels = layer->input_channels, end = x + columns.taps;
    const uint32_t offset = half_pair(-layer->input_zero_point, -layer->input_zero_point);
    for (int32_t row = y; row < y + rows.taps; row++) {
        for (int32_t at = x; at < end; at++) {
            const int32_t inside = row >= 0 && row < layer->input_h && at >= 0 && at < width;
            const int8_t *from = image + (inside ? (row * width + at) * channels : 0);
            for (int32_t channel = 0; channel < channels; channel += 4, column += LANES) {
                const uint32_t word = inside ? read_word(from + channel) : 0;
                column[0] = inside ? add_halves(even_bytes(word), offset) : 0;
                column[1] = inside ? add_halves(odd_bytes(word), offset) : 0;
            }
        }
    }
}

// Of two output channels for two pixels.
typedef struct {
    int32_t first0, first1, second0, second1;
} Sums;

static inline Sums multiply(const int32_t *weights, const uint32_t *column, int32_t words, int32_t first,
                            int32_t second) {
    Sums sums = {first, first, second, second};
    for (const uint32_t *end = column + words * LANES; column != end; weights += 2, column += LANES) {
        const uint32_t a = (uint32_t)weights[0], b = (uint32_t)weights[1];
        sums.first0 = dual_multiply_add(even_bytes(a), column[0], sums.first0);
        sums.first0 = dual_multiply_add(odd_bytes(a), column[1], sums.first0);
        sums.first1 = dual_multiply_add(even_bytes(a), column[2], sums.first1);
        sums.first1 = dual_multiply_add(odd_bytes(a), column[3], sums.first1);
        sums.second0 = dual_multiply_add(even_bytes(b), column[0], sums.second0);
        sums.second0 = dual_multiply_add(odd_bytes(b), column[1], sums.second0);
        sums.second1 = dual_multiply_add(even_bytes(b), column[2], sums.second1);
        sums.second1 = dual_multiply_add(odd_bytes(b), column[3], sums.second1);
    }
    return sums;
}

static inline int8_t rescaled(const TransposeConvS8 *layer, const int32_t *record, int32_t sum) {
    const int32_t value =
        layer->by_offset
            ? requantize_by_offset(sum, record[1], record[2], record[3])
            : requantize(sum, (Rescale){record[1], (int8_t)record[2], (int8_t)record[3]}) + layer->output_zero_point;
    return clamp_s8(value, layer->activation_min, layer->activation_max);
}

// All channels of the pixel at `output`, and of the one `next` elements further if there are two.
static void compute(const TransposeConvS8 *layer, const int32_t *weights, const uint32_t *column, int32_t words,
                    int8_t *output, int32_t pixels, int32_t next) {
    const int32_t *record = layer->records;
    for (int32_t left = layer->output_channels; left > 0; left -= 2, record += 8, weights += 2 * words, output += 2) {
        const int32_t both = left > 1;
        const Sums sums = multiply(weights, column, words, record[0], both ? record[4] : 0);
        output[0] = rescaled(layer, record, sums.first0);
        if (both) {
            output[1] = rescaled(layer, record + 4, sums.second0);
        }
        if (pixels > 1) {
            output[next] = rescaled(layer, record, sums.first1);
            if (both) {
                output[next + 1] = rescaled(layer, record + 4, sums.second1);
            }
        }
    }
}

static void compute_phase(const TransposeConvS8 *layer, Phase rows, Phase columns, const int32_t *weights,
                          int32_t words, const int8_t *input, int8_t *output, uint32_t *scratch) {
    const int32_t channels = layer->output_channels, step = layer->spread_w;
    for (int32_t y = rows.begin, in_y = rows.input; y < layer->output_h; y += layer->spread_h, in_y++) {
        int8_t *line = output + y * layer->output_w * channels;
        for (int32_t x = columns.begin, in_x = columns.input; x < layer->output_w; x += 2 * step, in_x += 2) {
            const int32_t pixels = x + step < layer->output_w ? 2 : 1;
            for (int32_t pixel = 0; pixel < pixels; pixel++) {
                expand(layer, input, rows, columns, in_y, in_x + pixel, scratch + LANES / 2 * pixel);
            }
            compute(layer, weights, scratch, words, line + x * channels, pixels, step * channels);
        }
    }
}

void transpose_conv_s8(const TransposeConvS8 *layer, const int8_t *input, int8_t *output, void *scratch) {
    const int32_t image = layer->input_h * layer->input_w * layer->input_channels;
    const int32_t output_image = layer->output_h * layer->output_w * layer->output_channels;
    for (int32_t batch = 0; batch < layer->batches; batch++, input += image, output += output_image) {
        const int32_t *weights = layer->weights;
        for (int32_t y = 0; y < layer->spread_h && y < layer->output_h; y++) {
            const Phase rows = phase_of(y, layer->filter_h, layer->spread_h, layer->pad_top);
            for (int32_t x = 0; x < layer->spread_w && x < layer->output_w; x++) {
                const Phase columns = phase_of(x, layer->filter_w, layer->spread_w, layer->pad_left);
                const int32_t words = rows.taps * columns.taps * ((layer->input_channels + 3) / 4);
                compute_phase(layer, rows, columns, weights, words, input, output, scratch);
                weights += (layer->output_channels + 1) / 2 * 2 * words;
            }
        }
    }
}
