// Double for tests; see README.md of this library.
#include "tensorflow/lite/micro/micro_interpreter.h"

#include <cmath>
#include <cstring>

namespace tflite {

namespace {

// Fields of the schema's tables, by their numbers.
enum { MODEL_VERSION = 0, MODEL_CODES = 1, MODEL_GRAPHS = 2, MODEL_BUFFERS = 4 };
enum { GRAPH_TENSORS = 0, GRAPH_INPUTS = 1, GRAPH_OUTPUTS = 2, GRAPH_OPERATORS = 3 };
enum { TENSOR_SHAPE = 0, TENSOR_TYPE = 1, TENSOR_BUFFER = 2, TENSOR_QUANTIZATION = 4 };
enum { QUANTIZATION_SCALE = 2, QUANTIZATION_ZERO_POINT = 3 };
enum { OPERATOR_CODE = 0, OPERATOR_INPUTS = 1, OPERATOR_OUTPUTS = 2, OPERATOR_OPTIONS = 4 };
enum { CODE_OLD_BUILTIN = 0, CODE_BUILTIN = 3 };
enum { TYPE_INT32 = 2, TYPE_INT8 = 9, FULLY_CONNECTED = 9, RELU = 1 };

constexpr size_t kAlignment = 16;
constexpr uint32_t kSignificandBits = 31;

// Proves that the firmware runs static constructors: zero without them.
struct Started {
    Started() : yes(volatile_one) {}
    static volatile int volatile_one;
    int yes;
};
volatile int Started::volatile_one = 1;
Started started;

template <class T> T Load(const uint8_t *bytes) {
    T value;
    memcpy(&value, bytes, sizeof value);
    return value;
}

template <class T> T At(const uint8_t *vector, uint32_t index) {
    return Load<T>(vector + index * sizeof(T));
}

// x * multiplier / 2^31 to the nearest, halves away from zero for positive and towards zero for negative ones.
int32_t DoubledHighProduct(int32_t x, int32_t multiplier) {
    int64_t product = static_cast<int64_t>(x) * multiplier;
    int64_t half = int64_t{1} << (kSignificandBits - 1);
    return static_cast<int32_t>((product + (product >= 0 ? half : 1 - half)) / (int64_t{1} << kSignificandBits));
}

// x / 2^shift to the nearest, halves away from zero.
int32_t RoundedShift(int32_t x, int shift) {
    if (shift == 0)
        return x;
    int64_t magnitude = x < 0 ? -static_cast<int64_t>(x) : x;
    int64_t rounded = (magnitude + (int64_t{1} << (shift - 1))) >> shift;
    return static_cast<int32_t>(x < 0 ? -rounded : rounded);
}

} // namespace

const uint8_t *Table::Field(unsigned int number) const {
    if (bytes_ == nullptr)
        return nullptr;
    const uint8_t *layout = bytes_ - Load<int32_t>(bytes_);
    unsigned int place = 4 + 2 * number;
    uint16_t offset = place < Load<uint16_t>(layout) ? Load<uint16_t>(layout + place) : uint16_t{0};
    return offset == 0 ? nullptr : bytes_ + offset;
}

int32_t Table::Int32(unsigned int number, int32_t absent) const {
    const uint8_t *field = Field(number);
    return field == nullptr ? absent : Load<int32_t>(field);
}

uint32_t Table::UInt32(unsigned int number) const {
    return static_cast<uint32_t>(Int32(number, 0));
}

int8_t Table::Int8(unsigned int number) const {
    const uint8_t *field = Field(number);
    return field == nullptr ? int8_t{0} : Load<int8_t>(field);
}

Table Table::Child(unsigned int number) const {
    const uint8_t *field = Field(number);
    return Table(field == nullptr ? nullptr : field + Load<uint32_t>(field));
}

const uint8_t *Table::Vector(unsigned int number, uint32_t *count) const {
    const uint8_t *field = Field(number);
    *count = 0;
    if (field == nullptr)
        return nullptr;
    const uint8_t *vector = field + Load<uint32_t>(field);
    *count = Load<uint32_t>(vector);
    return vector + 4;
}

Table Table::Element(unsigned int number, uint32_t index) const {
    uint32_t count;
    const uint8_t *place = Vector(number, &count) + 4 * index;
    return Table(place + Load<uint32_t>(place));
}

Table Model::table() const {
    const uint8_t *bytes = reinterpret_cast<const uint8_t *>(this);
    return Table(bytes + Load<uint32_t>(bytes));
}

uint32_t Model::version() const {
    return table().UInt32(MODEL_VERSION);
}

const Model *GetModel(const void *buffer) {
    return static_cast<const Model *>(buffer);
}

MicroInterpreter::MicroInterpreter(const Model *model, const MicroOpResolver &op_resolver, uint8_t *tensor_arena,
                                   size_t tensor_arena_size)
    : model_(model), resolver_(op_resolver), graph_(model->table().Element(MODEL_GRAPHS, 0)), arena_(tensor_arena),
      size_(tensor_arena_size) {}

void *MicroInterpreter::Allocate(size_t bytes) {
    size_t rounded = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (rounded > size_ - used_)
        return nullptr;
    void *memory = arena_ + used_;
    used_ += rounded;
    return memory;
}

TfLiteStatus MicroInterpreter::AllocateTensor(uint32_t index) {
    Table source = graph_.Element(GRAPH_TENSORS, index);
    TfLiteTensor *tensor = &tensors_[index];
    uint32_t rank, count;
    const uint8_t *shape = source.Vector(TENSOR_SHAPE, &rank);
    tensor->bytes = source.Int8(TENSOR_TYPE) == TYPE_INT32 ? 4 : 1;
    for (uint32_t i = 0; i < rank; i++)
        tensor->bytes *= At<uint32_t>(shape, i);
    Table quantization = source.Child(TENSOR_QUANTIZATION);
    const uint8_t *scales = quantization.Vector(QUANTIZATION_SCALE, &count);
    tensor->scale = count == 1 ? Load<float>(scales) : 0.0f;
    const uint8_t *zero_points = quantization.Vector(QUANTIZATION_ZERO_POINT, &count);
    tensor->zero_point = count == 1 ? static_cast<int32_t>(Load<int64_t>(zero_points)) : 0;
    const uint8_t *content = model_->table().Element(MODEL_BUFFERS, source.UInt32(TENSOR_BUFFER)).Vector(0, &count);
    tensor->constant = count > 0;
    tensor->data.data = tensor->constant ? const_cast<uint8_t *>(content) : Allocate(tensor->bytes);
    return tensor->data.data == nullptr ? kTfLiteError : kTfLiteOk;
}

TfLiteStatus MicroInterpreter::AllocateTensors() {
    if (!started.yes)
        return kTfLiteError;
    uint32_t count;
    graph_.Vector(GRAPH_TENSORS, &count);
    tensors_ = static_cast<TfLiteTensor *>(Allocate(count * sizeof(TfLiteTensor)));
    if (tensors_ == nullptr)
        return kTfLiteError;
    for (uint32_t i = 0; i < count; i++)
        if (AllocateTensor(i) != kTfLiteOk)
            return kTfLiteError;
    graph_.Vector(GRAPH_OPERATORS, &count);
    for (uint32_t i = 0; i < count; i++) {
        Table code = model_->table().Element(MODEL_CODES, graph_.Element(GRAPH_OPERATORS, i).UInt32(OPERATOR_CODE));
        int32_t builtin = code.Int32(CODE_BUILTIN, code.Int8(CODE_OLD_BUILTIN));
        if (builtin != FULLY_CONNECTED || !resolver_.Knows(builtin))
            return kTfLiteError;
    }
    return kTfLiteOk;
}

TfLiteStatus MicroInterpreter::FullyConnected(const Table &node) {
    uint32_t count;
    const uint8_t *inputs = node.Vector(OPERATOR_INPUTS, &count);
    const TfLiteTensor &x = tensors_[At<int32_t>(inputs, 0)], &weights = tensors_[At<int32_t>(inputs, 1)];
    const TfLiteTensor &bias = tensors_[At<int32_t>(inputs, 2)];
    const TfLiteTensor &y = tensors_[At<int32_t>(node.Vector(OPERATOR_OUTPUTS, &count), 0)];
    const uint8_t *biases = static_cast<const uint8_t *>(bias.data.data);
    int shift;
    double fraction = frexp(static_cast<double>(x.scale * weights.scale) / static_cast<double>(y.scale), &shift);
    int64_t multiplier = static_cast<int64_t>(round(fraction * (int64_t{1} << kSignificandBits)));
    if (multiplier == int64_t{1} << kSignificandBits) {
        multiplier /= 2;
        shift++;
    }
    int32_t lowest = node.Child(OPERATOR_OPTIONS).Int8(0) == RELU && y.zero_point > -128 ? y.zero_point : -128;
    for (size_t row = 0; row < y.bytes; row++) {
        int32_t sum = At<int32_t>(biases, row);
        for (size_t i = 0; i < x.bytes; i++)
            sum += (x.data.int8[i] - x.zero_point) * (weights.data.int8[row * x.bytes + i] - weights.zero_point);
        int32_t scaled = DoubledHighProduct(sum * (1 << (shift > 0 ? shift : 0)), static_cast<int32_t>(multiplier));
        int32_t value = RoundedShift(scaled, shift < 0 ? -shift : 0) + y.zero_point;
        value = value < lowest ? lowest : value > 127 ? 127 : value;
        y.data.int8[row] = static_cast<int8_t>(value);
    }
    return kTfLiteOk;
}

TfLiteStatus MicroInterpreter::Invoke() {
    uint32_t count;
    graph_.Vector(GRAPH_OPERATORS, &count);
    for (uint32_t i = 0; i < count; i++)
        if (FullyConnected(graph_.Element(GRAPH_OPERATORS, i)) != kTfLiteOk)
            return kTfLiteError;
    return kTfLiteOk;
}

TfLiteStatus MicroInterpreter::Reset() {
    return kTfLiteOk;
}

TfLiteTensor *MicroInterpreter::Listed(unsigned int field, size_t index) {
    uint32_t count;
    const uint8_t *indices = graph_.Vector(field, &count);
    return index < count ? &tensors_[At<int32_t>(indices, index)] : nullptr;
}

TfLiteTensor *MicroInterpreter::input(size_t index) {
    return Listed(GRAPH_INPUTS, index);
}

TfLiteTensor *MicroInterpreter::output(size_t index) {
    return Listed(GRAPH_OUTPUTS, index);
}

} // namespace tflite
