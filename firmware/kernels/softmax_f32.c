#include "softmax_f32.h"

#include <math.h>

void softmax_f32(const SoftmaxF32 *layer, const float *input, float *output) {
    const int32_t depth = layer->depth;
    for (int32_t row = 0; row < layer->rows; row++, input += depth, output += depth) {
        float highest = input[0], sum = 0.0f;
        for (int32_t i = 1; i < depth; i++) {
            highest = input[i] > highest ? input[i] : highest;
        }
        for (int32_t i = 0; i < depth; i++) {
            output[i] = expf((input[i] - highest) * layer->beta);
            sum += output[i];
        }
        for (int32_t i = 0; i < depth; i++) {
            output[i] /= sum;
        }
    }
}
