// For tests of firmware/wakeword: the serial port is stdin and stdout, pins are traced, and the model tells what it
// got. "~2x" among the input is sound: two halves of the I2S buffer whose left samples are 'x'.
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

#define NOTHING (-2)

static int ahead = NOTHING; // the next character for the serial port
static int16_t *buffer;
static uint32_t buffer_samples, halves;

static int next(void) {
    int received = getchar();
    if (received == EOF)
        exit(EXIT_SUCCESS);
    return received;
}

static void hear(int count, int16_t left) {
    for (; buffer != NULL && count > 0; count--, halves++)
        for (uint32_t i = 0; i < buffer_samples / 2u; i++)
            buffer[halves % 2u * buffer_samples / 2u + i] = i % 2u == 0 ? left : -1;
}

void soc_sleep_until(bool (*ready)(void)) {
    while (!ready()) {
        int received = next();
        if (received == '~') {
            int count = next() - '0';
            hear(count, (int16_t)next());
        } else {
            ahead = received;
        }
    }
}

bool soc_serial_available(void) {
    return ahead != NOTHING;
}

char soc_serial_read(void) {
    soc_sleep_until(soc_serial_available);
    char received = (char)ahead;
    ahead = NOTHING;
    return received;
}

void soc_i2s_start(int16_t *sound, uint32_t count) {
    buffer = sound;
    buffer_samples = count;
    halves = 0;
}

void soc_i2s_stop(void) {
    buffer = NULL;
}

uint32_t soc_i2s_halves(void) {
    return halves;
}

void soc_timer_initialize(void) {}

uint32_t soc_microseconds(void) {
    return now;
}

void soc_pins_initialize(void) {}

void soc_pin_write(SocPin pin, bool high) {
    printf("{pin %d %s}", (int)pin, high ? "high" : "low");
}

void soc_pin_pulse(SocPin pin) {
    printf("{pin %d pulse}", (int)pin);
}
