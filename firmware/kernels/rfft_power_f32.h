// Power spectrum of 1024 real numbers.
#ifndef FIRMBENCH_KERNELS_RFFT_POWER_F32_H
#define FIRMBENCH_KERNELS_RFFT_POWER_F32_H

#include <stdint.h>

#define RFFT_LENGTH 1024
#define RFFT_BINS (RFFT_LENGTH / 2 + 1)

// With W(n) = exp(-2 pi i n / 512), complex numbers as pairs.
typedef struct {
    const float *rotations;   // W(n k) at [n][k - 1], 0 <= n < 64, 1 <= k < 8
    const float *half_angles; // W(k / 2) for 0 <= k <= 256
} RfftPower;

// power[k] = 4 |X[k]|^2 for the discrete Fourier transform X of `frame`, whose content is lost.
void rfft_power_f32(const RfftPower *layer, float *frame, float *power);

#endif
