#include "listener.h"

#include <stdint.h>

#include "board_config.h"
#include "core/submitter_implemented.h"
#include "detector.h"
#include "soc/soc.h"

#if SOC_I2S

#define CHANNELS 2u
#define HALF_SAMPLES (CHANNELS * DETECTOR_SAMPLES)
#define MOST_FRAMES 40000u // whose scores are kept: 21 minutes; the longest official recording takes 20
#define SCORES_PER_LINE 16u

static int16_t sound[2u * HALF_SAMPLES];
static int8_t frame_scores[MOST_FRAMES];
static uint32_t finished; // halves
static uint32_t kept;     // scores
static uint32_t lost;     // halves that were overwritten before their frame was done
static bool active;

void listener_start(void) {
    if (active) {
        th_printf("I2S Rx currently in progress. Ignoring request\r\n");
        return;
    }
    th_printf("Listening for I2S data ... \r\n");
    detector_reset();
    finished = kept = lost = 0;
    active = true;
    soc_pin_pulse(SOC_PIN_TIMESTAMP);
    soc_pin_pulse(SOC_PIN_PROCESSING);
    soc_i2s_start(sound, 2u * HALF_SAMPLES);
    th_printf("DMA receive initiated.\r\n");
}

void listener_stop(void) {
    if (!active) {
        th_printf("I2S is already idle.  Ignoring stop request\r\n");
        return;
    }
    soc_i2s_stop();
    active = false;
    soc_pin_pulse(SOC_PIN_TIMESTAMP);
    th_printf("Streaming stopped.\r\n");
    if (lost > 0)
        th_printf("Warning: %lu frames of sound were lost\r\n", (unsigned long)lost);
    th_printf("target activations: \r\n[");
    for (uint32_t i = 0; i < kept; i++)
        th_printf("%d, %s", frame_scores[i], i % SCORES_PER_LINE == SCORES_PER_LINE - 1u ? "\r\n" : "");
    th_printf("]\r\n");
}

bool listener_active(void) {
    return active;
}

bool listener_frame_ready(void) {
    return active && soc_i2s_halves() != finished;
}

void listener_frame(void) {
    const int16_t *half = sound + finished % 2u * HALF_SAMPLES;
    int16_t *samples = detector_samples();
    for (uint32_t i = 0; i < DETECTOR_SAMPLES; i++)
        samples[i] = half[CHANNELS * i]; // the left channel
    uint32_t behind = soc_i2s_halves() - finished;
    if (behind > 1u) { // the half that was just read is being overwritten, or was
        lost += behind - 1u;
        finished += behind - 1u;
        return;
    }
    finished++;
    detector_frame();
    if (kept < MOST_FRAMES)
        frame_scores[kept++] = detector_score();
}

#else

void listener_start(void) {
    th_printf("Error: this board has no I2S input, use extract_uart_stream\r\n");
}

void listener_stop(void) {
    th_printf("I2S is already idle.  Ignoring stop request\r\n");
}

bool listener_active(void) {
    return false;
}

bool listener_frame_ready(void) {
    return false;
}

void listener_frame(void) {}

#endif
