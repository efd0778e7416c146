#include "tensor.h"

#include <string.h>

#include "kernels/rounding.h"

static const uint8_t element_bytes[] = {
    [TENSOR_BOOL] = 1,  [TENSOR_FLOAT32] = 4, [TENSOR_INT16] = 2,
    [TENSOR_INT32] = 4, [TENSOR_INT8] = 1,    [TENSOR_UINT8] = 1,
};

size_t tensor_bytes(const Tensor *tensor) {
    return (size_t)tensor->elements * element_bytes[tensor->type];
}

int32_t tensor_integer(const Tensor *tensor, const void *data, size_t index) {
    const uint8_t *bytes = data;
    int16_t half;
    int32_t word;
    switch (tensor->type) {
    case TENSOR_INT8:
        return (int8_t)bytes[index];
    case TENSOR_INT16:
        memcpy(&half, bytes + index * sizeof half, sizeof half);
        return half;
    case TENSOR_INT32:
        memcpy(&word, bytes + index * sizeof word, sizeof word);
        return word;
    default:
        return bytes[index];
    }
}

float tensor_real(const Tensor *tensor, const void *data, size_t index) {
    if (tensor->type == TENSOR_FLOAT32) {
        float value;
        memcpy(&value, (const uint8_t *)data + index * sizeof value, sizeof value);
        return value;
    }
    float stored = (float)tensor_integer(tensor, data, index);
    return tensor->scale == 0.0f ? stored : (stored - (float)tensor->zero_point) * tensor->scale;
}

static int32_t quantized(const Tensor *tensor, float value) {
    switch (tensor->type) {
    case TENSOR_INT16:
        return quantize_f32(value, tensor->scale, tensor->zero_point, INT16_MIN, INT16_MAX);
    case TENSOR_INT8:
        return quantize_f32(value, tensor->scale, tensor->zero_point, INT8_MIN, INT8_MAX);
    default:
        return quantize_f32(value, tensor->scale, tensor->zero_point, 0, UINT8_MAX);
    }
}

static void store(const Tensor *tensor, void *data, size_t index, float value) {
    uint8_t *place = (uint8_t *)data + index * element_bytes[tensor->type];
    if (tensor->type == TENSOR_FLOAT32) {
        memcpy(place, &value, sizeof value);
        return;
    }
    // Little-endian: the low bytes of the int32_t are the narrower integer.
    int32_t integer = quantized(tensor, value);
    memcpy(place, &integer, element_bytes[tensor->type]);
}

static bool is_byte(const Tensor *tensor) {
    return tensor->type == TENSOR_INT8 || tensor->type == TENSOR_UINT8;
}

void tensor_convert(const Tensor *from, const void *source, const Tensor *to, void *destination) {
    if (from->type == to->type) {
        memcpy(destination, source, tensor_bytes(to));
    } else if (is_byte(from) && is_byte(to)) {
        for (size_t i = 0; i < to->elements; i++)
            ((uint8_t *)destination)[i] = ((const uint8_t *)source)[i] ^ 0x80u;
    } else {
        for (size_t i = 0; i < to->elements; i++)
            store(to, destination, i, tensor_real(from, source, i));
    }
}
