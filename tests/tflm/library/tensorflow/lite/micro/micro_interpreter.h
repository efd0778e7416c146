// Double for tests; see README.md of this library.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tensorflow/lite/micro/micro_op_resolver.h"
#include "tensorflow/lite/schema/schema_generated.h"

#define TFLITE_SCHEMA_VERSION (3)

union TfLitePtrUnion {
    void *data;
    int8_t *int8;
};

struct TfLiteTensor {
    TfLitePtrUnion data;
    size_t bytes;
    float scale;
    int32_t zero_point;
    bool constant;
};

namespace tflite {

class MicroInterpreter {
  public:
    MicroInterpreter(const Model *model, const MicroOpResolver &op_resolver, uint8_t *tensor_arena,
                     size_t tensor_arena_size);

    TfLiteStatus AllocateTensors();
    TfLiteStatus Invoke();
    TfLiteStatus Reset();
    TfLiteTensor *input(size_t index);
    TfLiteTensor *output(size_t index);

    size_t arena_used_bytes() const {
        return used_;
    }

  private:
    void *Allocate(size_t bytes);
    TfLiteStatus AllocateTensor(uint32_t index);
    TfLiteStatus FullyConnected(const Table &node);
    TfLiteTensor *Listed(unsigned int field, size_t index);

    const Model *model_;
    const MicroOpResolver &resolver_;
    Table graph_;
    uint8_t *arena_;
    size_t size_, used_ = 0;
    TfLiteTensor *tensors_ = nullptr;
};

} // namespace tflite
