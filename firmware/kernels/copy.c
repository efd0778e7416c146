#include "copy.h"

#include <string.h>

void copy_tensor(const Copy *layer, const void *input, void *output) {
    memmove(output, input, (size_t)layer->bytes);
}
