// A device of the real command interpreter on the host: stdin and stdout are its serial port, the host's clock is its
// counter, and one inference of its model, the mean of the squared inputs, takes a given time.
#define _POSIX_C_SOURCE 200809L
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/internally_implemented.h"
#include "core/submitter_implemented.h"
#include "soc/soc.h"

#define ELEMENTS 640u
#define INFERENCE_NS 200000L
#define WRAPS_AFTER_US 1000000u // so that every session sees the counter wrap

static float input[ELEMENTS];
static float output;
static uint32_t started;

static uint32_t now(void) {
    struct timespec time;
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint32_t)((uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u);
}

void soc_serial_initialize(uint32_t baud) {
    (void)baud;
}

void soc_serial_write(const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(STDOUT_FILENO, bytes, count);
        if (written <= 0)
            exit(EXIT_FAILURE);
        bytes += written;
        count -= (size_t)written;
    }
}

char soc_serial_read(void) {
    char received;
    if (read(STDIN_FILENO, &received, 1) != 1)
        exit(EXIT_SUCCESS);
    return received;
}

void soc_timer_initialize(void) {
    started = now();
}

uint32_t soc_microseconds(void) {
    return now() - started - WRAPS_AFTER_US;
}

void th_final_initialize(void) {}

void th_load_tensor(void) {
    uint8_t bytes[sizeof input];
    if (ee_get_buffer(bytes, sizeof bytes) == sizeof bytes)
        memcpy(input, bytes, sizeof bytes);
}

void th_infer(void) {
    struct timespec pause = {0, INFERENCE_NS};
    (void)nanosleep(&pause, NULL);
    output = 0.0f;
    for (size_t i = 0; i < ELEMENTS; i++)
        output += input[i] * input[i] / (float)ELEMENTS;
}

void th_results(void) {
    th_printf("m-results-[%0.3f]\r\n", (double)output);
}
