// One TensorFlow Lite Micro interpreter for the image. Whatever goes wrong is said over the serial line once, as
// `e-[...]`, and stops the core.
#ifndef FIRMBENCH_TFLM_INTERPRETER_H
#define FIRMBENCH_TFLM_INTERPRETER_H

#include <cstddef>
#include <cstdint>

#include "tensorflow/lite/micro/micro_op_resolver.h"

namespace firmbench {

[[noreturn]] void interpreter_stop(const char *reason);

// Run the static constructors: of the library, and of nothing else. Before anything of it is used.
void interpreter_run_constructors();

// Set the interpreter up in an arena that is aligned to 16 bytes. `model`: a flatbuffer, used in place.
void interpreter_create(const uint8_t *model, const tflite::MicroOpResolver &operators, uint8_t *arena, size_t bytes);

// The memory of an input or output tensor, which must have so many bytes.
void *interpreter_input(size_t index, size_t bytes);
void *interpreter_output(size_t index, size_t bytes);

// Give tensors that live from one inference to the next their initial values.
void interpreter_reset();

void interpreter_invoke();

} // namespace firmbench

// What a search for the least arena reads on a virtual board: bytes used, 0 until the interpreter is set up.
extern "C" volatile uint32_t interpreter_arena_used;

#endif
