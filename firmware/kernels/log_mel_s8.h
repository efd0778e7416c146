// Mel bands of a power spectrum in decibels, quantised.
#ifndef FIRMBENCH_KERNELS_LOG_MEL_S8_H
#define FIRMBENCH_KERNELS_LOG_MEL_S8_H

#include <stdint.h>

typedef struct {
    int32_t bands;
    const int16_t *first; // bin of each band
    const int16_t *bins;  // of each band
    const float *weights; // of the bins of all bands, one after another
    float floor;          // least energy
    float offset, factor; // (dB + offset) * factor, clipped to 0 .. 1
    float scale;          // of the output
    int32_t zero_point;   // of the output; cut off towards zero, without saturation, as the reference firmware does
} LogMelS8;

void log_mel_s8(const LogMelS8 *layer, const float *power, int8_t *output);

#endif
