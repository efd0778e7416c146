#include "internally_implemented.h"

#include <stdbool.h>
#include <string.h>

#include "input_buffer.h"
#include "submitter_implemented.h"
#include "text.h"

#define TERMINATOR '%'
#define FIRMWARE_VERSION "ULPMark for tinyML Firmware V0.0.1"
#define DEVICE_NAME "dut"
#define DEFAULT_ITERATIONS 1
#define DEFAULT_WARMUPS 10 // the reference's, although its help text says 0

typedef struct {
    const char *name;
    void (*run)(char *arguments); // gets what follows the name, may modify it
} Command;

static char command_buffer[EE_CMD_SIZE + 1u];
static size_t command_length;
static bool parser_enabled;

static void command_name(char *arguments) {
    (void)arguments;
    th_printf("m-name-%s-[%s]\r\n", DEVICE_NAME, TH_VENDOR_NAME_STRING);
}

static void command_timestamp(char *arguments) {
    (void)arguments;
    th_timestamp();
}

static void command_profile(char *arguments) {
    (void)arguments;
    th_printf("m-profile-[%s]\r\n", FIRMWARE_VERSION);
    th_printf("m-model-[%s]\r\n", TH_MODEL_VERSION);
}

static void command_help(char *arguments) {
    (void)arguments;
    th_printf("%s\r\n"
              "\r\n"
              "help           : this text\r\n"
              "name           : name of the device\r\n"
              "timestamp      : microsecond counter\r\n"
              "profile        : firmware and model\r\n"
              "db load N      : expect N bytes of input\r\n"
              "db HH[HH]*     : append bytes, hexadecimal\r\n"
              "db print       : show the N bytes\r\n"
              "infer [N [W]]  : W=%d warm-up inferences, then N=%d timed ones\r\n"
              "results        : output of the last inference\r\n"
              "Each command ends with the character 0x25, without CR or LF.\r\n",
              FIRMWARE_VERSION, DEFAULT_WARMUPS, DEFAULT_ITERATIONS);
}

static void infer(int32_t iterations, int32_t warmups) {
    th_load_tensor();
    th_printf("m-warmup-start-%ld\r\n", (long)warmups);
    for (int32_t i = 0; i < warmups; i++)
        th_infer();
    th_printf("m-warmup-done\r\n");
    th_printf("m-infer-start-%ld\r\n", (long)iterations);
    th_timestamp();
    th_pre();
    for (int32_t i = 0; i < iterations; i++)
        th_infer();
    th_post();
    th_timestamp();
    th_printf("m-infer-done\r\n");
    th_results();
}

static void command_infer(char *arguments) {
    int32_t iterations = DEFAULT_ITERATIONS;
    int32_t warmups = DEFAULT_WARMUPS;
    const char *iterations_text = text_token(&arguments);
    const char *warmups_text = text_token(&arguments);
    if (iterations_text != NULL)
        iterations = text_integer(iterations_text);
    if (warmups_text != NULL)
        warmups = text_integer(warmups_text);

    if (iterations <= 0)
        th_printf("e-[Inference iterations must be >0]\r\n");
    else if (warmups < 0)
        th_printf("e-[Inference warmup must be >=0]\r\n");
    else
        infer(iterations, warmups);
}

static void command_results(char *arguments) {
    (void)arguments;
    th_results();
}

static const Command commands[] = {
    {"name", command_name},       {"timestamp", command_timestamp}, {"profile", command_profile},
    {"help", command_help},       {"db", input_buffer_command},     {"infer", command_infer},
    {"results", command_results},
};

static void dispatch(const char *name, char *arguments) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            commands[i].run(arguments);
            return;
        }
    }
    th_printf("e-[Unknown command: %s]\r\n", name);
}

void ee_serial_command_parser_callback(char *command) {
    if (!parser_enabled)
        return; // too early: dropped without an answer
    const char *name = text_token(&command);
    if (name != NULL)
        dispatch(name, command);
    th_printf("m-ready\r\n");
}

void ee_serial_callback(char received) {
    if (received == TERMINATOR) {
        command_buffer[command_length] = '\0';
        command_length = 0;
        th_command_ready(command_buffer);
    } else if (command_length < EE_CMD_SIZE) {
        command_buffer[command_length++] = received;
    }
}

void ee_benchmark_initialize(void) {
    th_serialport_initialize();
    th_timestamp_initialize();
    th_final_initialize();
    th_printf("m-init-done\r\n");
    parser_enabled = true;
    th_printf("m-ready\r\n");
}
