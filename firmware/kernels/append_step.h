// The history of a signal: the newest step joins it, the oldest leaves.
#ifndef FIRMBENCH_KERNELS_APPEND_STEP_H
#define FIRMBENCH_KERNELS_APPEND_STEP_H

#include <stdint.h>

typedef struct {
    int32_t step_bytes;
    int32_t kept_bytes; // of the history before, its end
} AppendStep;

void append_step(const AppendStep *layer, const void *step, void *history);

#endif
