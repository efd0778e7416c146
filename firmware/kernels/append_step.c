#include "append_step.h"

#include <stddef.h>
#include <string.h>

// Both are 4-byte aligned. Downwards in words where the step allows it: the C library's memmove goes by bytes.
static void move_down(uint8_t *history, size_t step, size_t kept) {
    size_t i = 0;
    if (step % 4u == 0) {
        for (; i + 16u <= kept; i += 16u) {
            uint32_t words[4];
            memcpy(words, history + step + i, sizeof words);
            memcpy(history + i, words, sizeof words);
        }
    }
    for (; i < kept; i++)
        history[i] = history[step + i];
}

void append_step(const AppendStep *layer, const void *step, void *history) {
    move_down(history, (size_t)layer->step_bytes, (size_t)layer->kept_bytes);
    memcpy((uint8_t *)history + layer->kept_bytes, step, (size_t)layer->step_bytes);
}
