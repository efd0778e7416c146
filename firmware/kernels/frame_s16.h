// A frame of a sampled signal: the last samples, pre-emphasised and windowed.
#ifndef FIRMBENCH_KERNELS_FRAME_S16_H
#define FIRMBENCH_KERNELS_FRAME_S16_H

#include <stdint.h>

// Pre-emphasis is y[n] = 32 x[n] - 31 x[n-1], an integer: 32 times x[n] - 0.96875 x[n-1].
typedef struct {
    int32_t hop;         // new samples of a frame, even
    int32_t length;      // samples of a frame, at most twice the hop, even
    const float *window; // length factors
} FrameS16;

// `history`: the length - hop + 1 samples before `samples`; afterwards the last ones of them all.
void frame_s16(const FrameS16 *layer, const int16_t *samples, int16_t *history, float *frame);

#endif
