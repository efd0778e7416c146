// Numbers in memory and what they stand for: the wire's, the model's inputs and outputs.
//
// All arithmetic is float32, one rounding per operation, so that a host can repeat it bit for bit; build with
// -ffp-contract=off, or GCC fuses multiply and add into VFMA.
#ifndef FIRMBENCH_TENSOR_H
#define FIRMBENCH_TENSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum { TENSOR_BOOL, TENSOR_FLOAT32, TENSOR_INT16, TENSOR_INT32, TENSOR_INT8, TENSOR_UINT8 } TensorType;

// An integer q stands for (q - zero_point) * scale, or for itself where scale is 0.
typedef struct {
    TensorType type;
    uint32_t elements;
    float scale;
    int32_t zero_point;
} Tensor;

size_t tensor_bytes(const Tensor *tensor);

// The number at `index` as it is stored; no float32.
int32_t tensor_integer(const Tensor *tensor, const void *data, size_t index);

// What the number at `index` stands for. `data` need not be aligned.
float tensor_real(const Tensor *tensor, const void *data, size_t index);

// Copy `to->elements` numbers. Equal types: the bytes. int8 and uint8: the other's range, offset by 128, as images are
// stored. Otherwise what they stand for, to float32 or quantised to 8 or 16 bits as quantize_f32() does.
void tensor_convert(const Tensor *from, const void *source, const Tensor *to, void *destination);

#endif
