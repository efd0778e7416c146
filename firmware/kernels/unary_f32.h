// Elementwise functions of one float32 tensor.
#ifndef FIRMBENCH_KERNELS_UNARY_F32_H
#define FIRMBENCH_KERNELS_UNARY_F32_H

#include <stdint.h>

typedef struct {
    int32_t count;
    float alpha; // LEAKY_RELU's slope below 0
} UnaryF32;

void abs_f32(const UnaryF32 *layer, const float *input, float *output);
void ceil_f32(const UnaryF32 *layer, const float *input, float *output);
void cos_f32(const UnaryF32 *layer, const float *input, float *output);
void elu_f32(const UnaryF32 *layer, const float *input, float *output);
void exp_f32(const UnaryF32 *layer, const float *input, float *output);
void floor_f32(const UnaryF32 *layer, const float *input, float *output);
void hard_swish_f32(const UnaryF32 *layer, const float *input, float *output);
void leaky_relu_f32(const UnaryF32 *layer, const float *input, float *output);
void log_f32(const UnaryF32 *layer, const float *input, float *output);
void logistic_f32(const UnaryF32 *layer, const float *input, float *output);
void neg_f32(const UnaryF32 *layer, const float *input, float *output);
void relu_f32(const UnaryF32 *layer, const float *input, float *output);
void relu6_f32(const UnaryF32 *layer, const float *input, float *output);
void round_f32(const UnaryF32 *layer, const float *input, float *output);
void rsqrt_f32(const UnaryF32 *layer, const float *input, float *output);
void sin_f32(const UnaryF32 *layer, const float *input, float *output);
void sqrt_f32(const UnaryF32 *layer, const float *input, float *output);
void square_f32(const UnaryF32 *layer, const float *input, float *output);
void tanh_f32(const UnaryF32 *layer, const float *input, float *output);

#endif
