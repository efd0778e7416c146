#include "append_step.h"

#include <stddef.h>
#include <string.h>

#include "dsp.h"

// Both are 4-byte aligned. Downwards in words where the step allows it: the C library's memmove goes by bytes.
static void move_down(uint8_t *history, size_t step, size_t kept) {
    size_t i = 0;
    if (step % 4u == 0) {
        for (; i + 16u <= kept; i += 16u) {
            const uint8_t *from = history + step + i;
            uint32_t first = read_word(from), second = read_word(from + 4), third = read_word(from + 8),
                     fourth = read_word(from + 12);
            write_word(history + i, first);
            write_word(history + i + 4, second);
            write_word(history + i + 8, third);
            write_word(history + i + 12, fourth);
        }
    }
    for (; i < kept; i++)
        history[i] = history[step + i];
}

void append_step(const AppendStep *layer, const void *step, void *history) {
    move_down(history, (size_t)layer->step_bytes, (size_t)layer->kept_bytes);
    memcpy((uint8_t *)history + layer->kept_bytes, step, (size_t)layer->step_bytes);
}
