// Double for tests; see README.md of this library.
#pragma once

#include <cstdint>

enum TfLiteStatus { kTfLiteOk = 0, kTfLiteError = 1 };

namespace tflite {

class MicroOpResolver {
  public:
    virtual bool Knows(int32_t builtin) const = 0;

  protected:
    ~MicroOpResolver() = default;
};

} // namespace tflite
