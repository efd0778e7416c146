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

// Taps begin, begin + step, ... below end; the first is on element `input`, each next one `input_step` further.
typedef struct {
    int32_t begin, end, step;
    int32_t input, input_step;
} Taps;

// The same taps on an input whose elements lie `spread` apart with nothing between them; dilation or spread is 1.
static inline Taps taps_on_elements(int32_t first, int32_t count, int32_t dilation, int32_t spread, int32_t size) {
    if (spread == 1) {
        const Range taps = taps_inside(first, count, dilation, size);
        return (Taps){taps.begin, taps.end, 1, first + taps.begin * dilation, dilation};
    }
    const int32_t input = first > 0 ? (first + spread - 1) / spread : 0;
    const int32_t end = (size - 1) * spread + 1 - first;
    return (Taps){input * spread - first, end < count ? end : count, spread, input, 1};
}

#endif
