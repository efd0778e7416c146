// For tests of firmware/wakeword: the serial port is stdin and stdout, pins are traced, and the model tells what it
// got.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "soc/soc.h"

static int16_t samples[MODEL_INPUT0_ELEMENTS];
static int8_t scores[MODEL_OUTPUT0_ELEMENTS], features[MODEL_OUTPUT1_ELEMENTS];
int16_t *const model_input0 = samples;
int8_t *const model_output0 = scores;
int8_t *const model_output1 = features;
static uint32_t now;

void model_reset(void) {
    memset(features, 0, sizeof features);
}

// Features are the low bytes of the first samples; the wakeword's score is that of the last sample.
void model_infer(void) {
    for (size_t i = 0; i < sizeof features; i++)
        features[i] = (int8_t)(samples[i] % 128);
    scores[0] = (int8_t)samples[MODEL_INPUT0_ELEMENTS - 1];
    scores[1] = -5;
    scores[2] = 0;
    now += 1000;
}

void soc_serial_initialize(uint32_t baud) {
    if (baud != 115200u)
        abort();
}

void soc_serial_write(const char *bytes, size_t count) {
    (void)!fwrite(bytes, 1, count, stdout);
}

char soc_serial_read(void) {
    int received = getchar();
    if (received == EOF)
        exit(EXIT_SUCCESS);
    return (char)received;
}

void soc_timer_initialize(void) {}

uint32_t soc_microseconds(void) {
    return now;
}

void soc_pins_initialize(void) {}

void soc_pin_write(SocPin pin, bool high) {
    printf("{pin %d %s}", (int)pin, high ? "high" : "low");
}

void soc_pin_pulse_low(SocPin pin) {
    printf("{pin %d pulse}", (int)pin);
}
