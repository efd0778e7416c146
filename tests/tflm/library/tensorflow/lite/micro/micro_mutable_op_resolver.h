// Double for tests; see README.md of this library.
#pragma once

#include "tensorflow/lite/micro/micro_op_resolver.h"

namespace tflite {

template <unsigned int tOpCount> class MicroMutableOpResolver : public MicroOpResolver {
  public:
    MicroMutableOpResolver() {}

    TfLiteStatus AddConv2D() {
        return Add(3);
    }

    TfLiteStatus AddFullyConnected() {
        return Add(9);
    }

    TfLiteStatus AddSoftmax() {
        return Add(25);
    }

    bool Knows(int32_t builtin) const override {
        for (unsigned int i = 0; i < count_; i++)
            if (builtins_[i] == builtin)
                return true;
        return false;
    }

  private:
    TfLiteStatus Add(int32_t builtin) {
        if (count_ == tOpCount || Knows(builtin))
            return kTfLiteError;
        builtins_[count_++] = builtin;
        return kTfLiteOk;
    }

    int32_t builtins_[tOpCount];
    unsigned int count_ = 0;
};

} // namespace tflite
