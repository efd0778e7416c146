#include "copy.h"

#include <string.h>

// memmove with the sizes of single elements inlined.
static inline void copy_run(uint8_t *output, const uint8_t *input, int32_t bytes) {
    switch (bytes) {
    case 1:
        *output = *input;
        break;
    case 2:
        memmove(output, input, 2);
        break;
    case 4:
        memmove(output, input, 4);
        break;
    default:
        memmove(output, input, (size_t)bytes);
    }
}

void copy_runs(const Copy *layer, const void *input, void *output) {
    const Copy p = *layer;
    const int32_t input_step = p.input_stride[4], output_step = p.output_stride[4];
    for (int32_t i = 0; i < p.shape[0]; i++) {
        for (int32_t j = 0; j < p.shape[1]; j++) {
            for (int32_t k = 0; k < p.shape[2]; k++) {
                for (int32_t l = 0; l < p.shape[3]; l++) {
                    const uint8_t *from = (const uint8_t *)input + p.input_offset + i * p.input_stride[0] +
                                          j * p.input_stride[1] + k * p.input_stride[2] + l * p.input_stride[3];
                    uint8_t *to = (uint8_t *)output + p.output_offset + i * p.output_stride[0] +
                                  j * p.output_stride[1] + k * p.output_stride[2] + l * p.output_stride[3];
                    for (int32_t m = 0; m < p.shape[4]; m++, from += input_step, to += output_step) {
                        copy_run(to, from, p.run_bytes);
                    }
                }
            }
        }
    }
}

void fill(const Fill *layer, void *output) {
    const Fill p = *layer;
    if (p.element_bytes == 1) {
        memset(output, p.value[0], (size_t)p.count);
        return;
    }
    uint8_t *to = output;
    for (int32_t i = 0; i < p.count; i++, to += p.element_bytes) {
        memcpy(to, p.value, (size_t)p.element_bytes);
    }
}
