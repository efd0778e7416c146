#include "tflm/interpreter.h"

#include <new>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

extern "C" {
#include "core/submitter_implemented.h"

volatile uint32_t interpreter_arena_used;

// Set by the linker script.
extern void (*const init_array_start[])(void);
extern void (*const init_array_end[])(void);

// The C and C++ libraries' own versions end in file input and output, which a bare-metal image has not got.
[[noreturn]] void abort(void) {
    firmbench::interpreter_stop("TensorFlow Lite Micro aborted");
}

[[noreturn]] void __cxa_pure_virtual(void) {
    abort();
}
}

// Nothing is ever deleted: there is no heap.
void operator delete(void *) noexcept {}

void operator delete(void *, size_t) noexcept {}

namespace firmbench {

alignas(tflite::MicroInterpreter) static uint8_t memory[sizeof(tflite::MicroInterpreter)];
static tflite::MicroInterpreter *interpreter;

void interpreter_stop(const char *reason) {
    th_printf("e-[%s]\r\n", reason);
    for (;;)
        __asm volatile("wfi");
}

void interpreter_run_constructors() {
    for (void (*const *constructor)(void) = init_array_start; constructor != init_array_end; constructor++)
        (*constructor)();
}

void interpreter_create(const uint8_t *model, const tflite::MicroOpResolver &operators, uint8_t *arena, size_t bytes) {
    const tflite::Model *content = tflite::GetModel(model);
    if (content->version() != TFLITE_SCHEMA_VERSION)
        interpreter_stop("the model has another schema version than TensorFlow Lite Micro");
    interpreter = new (memory) tflite::MicroInterpreter(content, operators, arena, bytes);
    if (interpreter->AllocateTensors() != kTfLiteOk)
        interpreter_stop("AllocateTensors failed: the tensor arena is too small, or an operator refuses the model");
    interpreter_arena_used = static_cast<uint32_t>(interpreter->arena_used_bytes());
}

static void *memory_of(TfLiteTensor *tensor, size_t bytes) {
    if (tensor == nullptr || tensor->bytes != bytes)
        interpreter_stop("an input or output tensor has not the size that the image was built for");
    return tensor->data.data;
}

void *interpreter_input(size_t index, size_t bytes) {
    return memory_of(interpreter->input(index), bytes);
}

void *interpreter_output(size_t index, size_t bytes) {
    return memory_of(interpreter->output(index), bytes);
}

void interpreter_reset() {
    if (interpreter->Reset() != kTfLiteOk)
        interpreter_stop("Reset failed");
}

void interpreter_invoke() {
    if (interpreter->Invoke() != kTfLiteOk)
        interpreter_stop("Invoke failed");
}

} // namespace firmbench
