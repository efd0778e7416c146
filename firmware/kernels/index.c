#include "index.h"

#include <string.h>

#define ARGUMENT(name, type, better)                                                                                   \
    void name(const Argument *layer, const type *input, int32_t *output) {                                             \
        const Argument p = *layer;                                                                                     \
        for (int32_t outer = 0; outer < p.outer; outer++, input += p.size * p.inner) {                                 \
            for (int32_t inner = 0; inner < p.inner; inner++) {                                                        \
                int32_t best = 0;                                                                                      \
                for (int32_t i = 1; i < p.size; i++) {                                                                 \
                    if (input[i * p.inner + inner] better input[best * p.inner + inner]) {                             \
                        best = i;                                                                                      \
                    }                                                                                                  \
                }                                                                                                      \
                *output++ = best;                                                                                      \
            }                                                                                                          \
        }                                                                                                              \
    }

ARGUMENT(arg_max_s8, int8_t, >)
ARGUMENT(arg_max_f32, float, >)
ARGUMENT(arg_min_s8, int8_t, <)
ARGUMENT(arg_min_f32, float, <)

void gather(const Gather *layer, const void *input, const int32_t *indices, void *output) {
    const Gather p = *layer;
    const uint8_t *from = input;
    uint8_t *to = output;
    for (int32_t batch = 0; batch < p.batches; batch++, indices += p.count) {
        for (int32_t outer = 0; outer < p.outer; outer++, from += p.size * p.inner_bytes) {
            for (int32_t i = 0; i < p.count; i++, to += p.inner_bytes) {
                int32_t index = indices[i] < 0 ? 0 : indices[i] >= p.size ? p.size - 1 : indices[i];
                memcpy(to, from + index * p.inner_bytes, (size_t)p.inner_bytes);
            }
        }
    }
}
