// The model-dependent part of the submitter API for a model whose output is its quantised input.
#include "submission.h"

#include <string.h>

#include "core/internally_implemented.h"
#include "core/results.h"
#include "core/submitter_implemented.h"
#include "core/tensor.h"

uint32_t inferences;

static const Tensor wire = {TENSOR_FLOAT32, ELEMENTS, 0.0f, 0};
static const Tensor tensor = {TENSOR_INT8, ELEMENTS, SCALE, ZERO_POINT};

static float features[ELEMENTS];
static int8_t input[ELEMENTS];
static int8_t output[ELEMENTS];

void th_final_initialize(void) {}

void th_load_tensor(void) {
    uint8_t bytes[sizeof features];
    size_t count = ee_get_buffer(bytes, sizeof bytes);
    if (count != ee_get_buffer(NULL, sizeof bytes) || ee_get_buffer(NULL, SIZE_MAX) > MAX_DB_INPUT_SIZE)
        th_printf("wrong count\r\n");
    if (count != sizeof bytes) {
        th_printf("Input db has %lu elemented, expected %lu\n", (unsigned long)(count / sizeof(float)),
                  (unsigned long)ELEMENTS);
        return;
    }
    memcpy(features, bytes, sizeof bytes);
    tensor_convert(&wire, bytes, &tensor, input);
}

void th_infer(void) {
    inferences++;
    memcpy(output, input, sizeof output);
}

void th_results(void) {
    th_printf("m-results-[%0.3f]\r\n", (double)mean_squared_error(&tensor, output, features));
}
