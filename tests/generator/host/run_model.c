// Runs a generated model on the host: input tensors on standard input, output tensors on standard output.
#include <stdio.h>

#include "model.h"

int main(void) {
    model_reset();
    while (fread(model_input0, sizeof *model_input0, MODEL_INPUT0_ELEMENTS, stdin) == MODEL_INPUT0_ELEMENTS) {
        model_infer();
        fwrite(model_output0, sizeof *model_output0, MODEL_OUTPUT0_ELEMENTS, stdout);
    }
    return 0;
}
