// libFuzzer entry: any bytes on the wire. Beside what the sanitizers find, each '%' gets exactly one answer, nothing
// else is ever printed, and an answer is lines of known kinds followed by m-ready.
#include <setjmp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/internally_implemented.h"
#include "core/submitter_implemented.h"
#include "soc/soc.h"

#define READY "m-ready\r\n"
#define LONGEST_ANSWER 4096u
#define MOST_INFERENCES 1000u // of one input; `infer 2000000000` is legal but of no interest

static char answer[LONGEST_ANSWER];
static size_t answer_length;
static unsigned inferences;
static jmp_buf give_up;

void soc_serial_initialize(uint32_t baud) {
    (void)baud;
}

void soc_serial_write(const char *bytes, size_t count) {
    if (count > sizeof answer - answer_length)
        abort();
    memcpy(answer + answer_length, bytes, count);
    answer_length += count;
}

char soc_serial_read(void) {
    abort();
}

void soc_timer_initialize(void) {}

uint32_t soc_microseconds(void) {
    return inferences;
}

void th_final_initialize(void) {}

void th_load_tensor(void) {
    uint8_t bytes[MAX_DB_INPUT_SIZE];
    if (ee_get_buffer(bytes, sizeof bytes) > sizeof bytes || ee_get_buffer(NULL, SIZE_MAX) > sizeof bytes)
        abort();
}

void th_infer(void) {
    if (++inferences > MOST_INFERENCES)
        longjmp(give_up, 1);
}

void th_results(void) {
    th_printf("m-results-[%0.3f]\r\n", 0.125);
}

static bool known_start(void) {
    static const char *const starts[] = {
        READY,
        "m-name-dut-[" TH_VENDOR_NAME_STRING "]\r\n" READY,
        "m-lap-us-",
        "m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[" TH_MODEL_VERSION "]\r\n" READY,
        "ULPMark for tinyML Firmware V0.0.1\r\n\r\n",
        "m-[Expecting ",
        "m-load-done\r\n" READY,
        "m-buffer-",
        "m-warmup-start-",
        "m-results-[0.125]\r\n" READY,
        "Supplied buffer size ",
        "e-[Command 'db' requires a subcommand]\r\n" READY,
        "e-[Command 'db load' requires the # of bytes]\r\n" READY,
        "e-[Command 'db load' must be >0 bytes]\r\n" READY,
        "e-[Insufficent number of hex digits]\r\n" READY,
        "e-[Invalid hex digit '",
        "e-[Inference iterations must be >0]\r\n" READY,
        "e-[Inference warmup must be >=0]\r\n" READY,
        "e-[Unknown command: ",
    };
    for (size_t i = 0; i < sizeof starts / sizeof starts[0]; i++) {
        size_t length = strlen(starts[i]);
        if (answer_length >= length && memcmp(answer, starts[i], length) == 0)
            return true;
    }
    return false;
}

static void check_answer(void) {
    size_t ready = strlen(READY);
    bool ends_ready = answer_length >= ready && memcmp(answer + answer_length - ready, READY, ready) == 0;
    bool own_line = answer_length == ready || (ends_ready && answer[answer_length - ready - 1u] == '\n');
    if (!ends_ready || !own_line || !known_start()) {
        fprintf(stderr, "bad answer: %.*s\n", (int)answer_length, answer);
        abort();
    }
}

static void feed(char received) {
    answer_length = 0;
    ee_serial_callback(received);
    if (received == '%')
        check_answer();
    else if (answer_length != 0)
        abort();
}

static void feed_text(const char *text) {
    while (*text != '\0')
        feed(*text++);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static bool running;
    if (!running)
        ee_benchmark_initialize();
    running = true;
    inferences = 0;
    if (setjmp(give_up) == 0) {
        feed_text("%db load 1%db 00%db load 0%"); // the same state before every input
        for (size_t i = 0; i < size; i++)
            feed((char)data[i]);
    }
    return 0;
}
