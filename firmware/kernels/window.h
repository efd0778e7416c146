// Where a sliding window lies on its input.
#ifndef FIRMBENCH_KERNELS_WINDOW_H
#define FIRMBENCH_KERNELS_WINDOW_H

#include <stdint.h>

typedef struct {
    int32_t begin, end;
} Range;

// The taps of a filter of `count`, `dilation` apart, the first at `first`, that lie on an input of `size`.
static inline Range taps_inside(int32_t first, int32_t count, int32_t dilation, int32_t size) {
    Range taps = {first < 0 ? (dilation - 1 - first) / dilation : 0, count};
    if (first + (count - 1) * dilation >= size) {
        taps.end = first < size ? (size - 1 - first) / dilation + 1 : 0;
    }
    return taps;
}

#endif
