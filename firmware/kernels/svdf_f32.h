// SVDF, float32, in the reference's order of additions; one kernel for each kind of fused activation.
#ifndef FIRMBENCH_KERNELS_SVDF_F32_H
#define FIRMBENCH_KERNELS_SVDF_F32_H

#include <stdint.h>

typedef struct {
    int32_t batches, depth, units, rank, memory;
    float activation_min, activation_max; // of svdf_clamp_f32
} SvdfF32;

// Tensors as in svdf.h, and bias: [units].
void svdf_f32(const SvdfF32 *layer, const float *input, const float *feature_weights, const float *time_weights,
              const float *bias, float *state, float *output);
void svdf_relu_f32(const SvdfF32 *layer, const float *input, const float *feature_weights, const float *time_weights,
                   const float *bias, float *state, float *output);
void svdf_clamp_f32(const SvdfF32 *layer, const float *input, const float *feature_weights, const float *time_weights,
                    const float *bias, float *state, float *output);
void svdf_tanh_f32(const SvdfF32 *layer, const float *input, const float *feature_weights, const float *time_weights,
                   const float *bias, float *state, float *output);
void svdf_sign_bit_f32(const SvdfF32 *layer, const float *input, const float *feature_weights,
                       const float *time_weights, const float *bias, float *state, float *output);

#endif
