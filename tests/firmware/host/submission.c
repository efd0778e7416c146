// The model-dependent part of the submitter API for a model whose output is its quantised input.
#include "submission.h"

#include <string.h>

#include "core/internally_implemented.h"
#include "core/reconstruction_error.h"
#include "core/submitter_implemented.h"
#include "kernels/quantize.h"

uint32_t inferences;

static float features[ELEMENTS];
static int8_t input[ELEMENTS];
static int8_t output[ELEMENTS];

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
    quantize_f32_to_s8(features, input, ELEMENTS, SCALE, ZERO_POINT);
}

void th_infer(void) {
    inferences++;
    memcpy(output, input, sizeof output);
}

void th_results(void) {
    th_printf("m-results-[%0.3f]\r\n", (double)mean_squared_error_s8(output, features, ELEMENTS, SCALE, ZERO_POINT));
}
