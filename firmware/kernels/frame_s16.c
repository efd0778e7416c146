#include "frame_s16.h"

#include <string.h>

static inline float emphasised(int32_t sample, int32_t before, float factor) {
    return (float)(32 * sample - 31 * before) * factor;
}

// `before` is the sample in front of samples[0]; returns the last one.
static int32_t part(const int16_t *samples, int32_t count, int32_t before, const float *window, float *frame) {
    for (int32_t i = 0; i < count; i += 2) {
        int32_t first = samples[i], second = samples[i + 1];
        frame[i] = emphasised(first, before, window[i]);
        frame[i + 1] = emphasised(second, first, window[i + 1]);
        before = second;
    }
    return before;
}

void frame_s16(const FrameS16 *layer, const int16_t *samples, int16_t *history, float *frame) {
    const FrameS16 p = *layer;
    const int32_t kept = p.length - p.hop;
    int32_t before = part(history + 1, kept, history[0], p.window, frame);
    part(samples, p.hop, before, p.window + kept, frame + kept);
    if (p.hop > kept) {
        memcpy(history, samples + p.hop - kept - 1, ((size_t)kept + 1u) * sizeof *history);
    } else { // as many: only the last of the old ones stays
        history[0] = history[kept];
        memcpy(history + 1, samples, (size_t)kept * sizeof *history);
    }
}
