// Double for tests; see README.md of this library.
#pragma once

#include <cstdint>

namespace tflite {

// A table of a flatbuffer, or nothing.
class Table {
  public:
    explicit Table(const uint8_t *bytes) : bytes_(bytes) {}

    // Where a field's value is; null where the field is absent.
    const uint8_t *Field(unsigned int number) const;
    int32_t Int32(unsigned int number, int32_t absent) const;
    uint32_t UInt32(unsigned int number) const;
    int8_t Int8(unsigned int number) const;
    Table Child(unsigned int number) const;

    // Of a field that is a vector: its elements' beginning and their count.
    const uint8_t *Vector(unsigned int number, uint32_t *count) const;
    Table Element(unsigned int number, uint32_t index) const;

  private:
    const uint8_t *bytes_;
};

class Model {
  public:
    uint32_t version() const;
    Table table() const;
};

const Model *GetModel(const void *buffer);

} // namespace tflite
