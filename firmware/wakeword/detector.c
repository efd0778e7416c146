#include "detector.h"

#include <stdbool.h>

#include "core/submitter_implemented.h"
#include "soc/soc.h"
#include "values.h"

#define THRESHOLD 115 // a score of the wakeword above it is a detection

static uint32_t frames, total_us, longest_us;

void detector_initialize(void) {
    soc_timer_initialize();
    soc_pins_initialize();
    detector_reset();
}

void detector_reset(void) {
    model_reset();
    frames = total_us = longest_us = 0;
}

int16_t *detector_samples(void) {
    return model_input0;
}

int8_t detector_score(void) {
    return model_output0[0];
}

void detector_frame(void) {
    soc_pin_write(SOC_PIN_PROCESSING, true);
    uint32_t start = soc_microseconds();
    model_infer();
    uint32_t elapsed = soc_microseconds() - start;
    if (detector_score() > THRESHOLD || frames == 0) // the first one marks where the sound starts
        soc_pin_pulse(SOC_PIN_DETECTED);
    frames++;
    total_us += elapsed;
    longest_us = elapsed > longest_us ? elapsed : longest_us;
    soc_pin_write(SOC_PIN_PROCESSING, false);
}

void detector_print_frame(void) {
    th_printf("m-features-");
    print_values(model_output1, MODEL_OUTPUT1_ELEMENTS);
    th_printf("m-activations-");
    print_values(model_output0, MODEL_OUTPUT0_ELEMENTS);
}

void detector_print_times(void) {
    th_printf("frames: %lu\r\n", (unsigned long)frames);
    th_printf("processing: %lu us in all, %lu us at most\r\n", (unsigned long)total_us, (unsigned long)longest_us);
}
