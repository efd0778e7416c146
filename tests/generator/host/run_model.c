// Runs a generated model on the host: input tensors on standard input, output tensors on standard output.
#include <stdio.h>

#include "model.h"

int main(void) {
    while (fread(model_input, sizeof *model_input, MODEL_INPUT_ELEMENTS, stdin) == MODEL_INPUT_ELEMENTS) {
        model_infer();
        fwrite(model_output, sizeof *model_output, MODEL_OUTPUT_ELEMENTS, stdout);
    }
    return 0;
}
