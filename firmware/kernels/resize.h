// RESIZE_NEAREST_NEIGHBOR and RESIZE_BILINEAR.
#ifndef FIRMBENCH_KERNELS_RESIZE_H
#define FIRMBENCH_KERNELS_RESIZE_H

#include <stdint.h>

typedef struct {
    int32_t batches, input_h, input_w, output_h, output_w;
    int32_t channels;       // in bytes
    const int32_t *rows;    // [output_h] that each comes from
    const int32_t *columns; // [output_w]
} ResizeNearest;

void resize_nearest(const ResizeNearest *layer, const void *input, void *output);

typedef struct {
    int32_t batches, input_h, input_w, output_h, output_w, channels;
    const int32_t *rows;    // [output_h][3]: lower, upper, fraction of the upper in 1/1024
    const int32_t *columns; // [output_w][3]
} ResizeBilinear;

void resize_bilinear_s8(const ResizeBilinear *layer, const int8_t *input, int8_t *output);

typedef struct {
    int32_t batches, input_h, input_w, output_h, output_w, channels;
    const int32_t *rows;                           // [output_h][2]: lower, upper
    const int32_t *columns;                        // [output_w][2]
    const float *row_fractions, *column_fractions; // of the upper
} ResizeBilinearF32;

void resize_bilinear_f32(const ResizeBilinearF32 *layer, const float *input, float *output);

#endif
