#include "lookup.h"

void lookup_s8(const Lookup *layer, const int8_t *input, int8_t *output) {
    const int8_t *table = layer->table;
    for (const int8_t *end = input + layer->count; input != end; input++) {
        *output++ = table[(uint8_t)*input];
    }
}
