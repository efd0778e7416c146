// The command set of MLPerf Tiny's streaming wakeword benchmark over the serial port.
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "benchmark_config.h"
#include "core/submitter_implemented.h"
#include "core/text.h"
#include "detector.h"
#include "listener.h"
#include "sample_buffer.h"
#include "soc/soc.h"

#define TERMINATOR '%'
#define COMMAND_SIZE 1028u // characters before the terminator; later ones are dropped
#define FIRMWARE_VERSION "MLPerf Tiny Firmware V0.1.0"

typedef struct {
    const char *name;
    void (*run)(char *arguments); // gets what follows the name, may modify it
} Command;

static char command_buffer[COMMAND_SIZE + 1u];

static void command_name(char *arguments) {
    (void)arguments;
    th_printf("m-name-dut-[%s]\r\n", TH_VENDOR_NAME_STRING);
}

static void command_profile(char *arguments) {
    (void)arguments;
    th_printf("m-profile-[%s]\r\nm-model-[%s]\r\n", FIRMWARE_VERSION, TH_MODEL_VERSION);
}

static void command_timestamp(char *arguments) {
    (void)arguments;
    soc_pin_pulse(SOC_PIN_TIMESTAMP);
}

static void command_help(char *arguments) {
    (void)arguments;
    th_printf("name, profile  : device; firmware and model\r\n"
              "timestamp      : low pulse on the timestamp pin\r\n"
              "db load N      : expect N bytes: int16 samples at 16 kHz, low byte first\r\n"
              "db HH[HH]*     : append bytes, hexadecimal\r\n"
              "db getptr      : bytes so far\r\n"
              "db setptr N    : go on after N bytes\r\n"
              "db print [N]   : show bytes\r\n"
              "db print_i16 [N] : show samples\r\n"
              "extract_uart_stream : run a frame whose new samples are the first %lu loaded\r\n"
              "reset_stream   : forget all sound\r\n"
              "log            : frames and their times since then\r\n"
              "proc_hi, proc_lo : set the processing pin\r\n"
              "start          : listen to the I2S input, frame after frame\r\n"
              "stop           : end that and print the wakeword's score in each frame\r\n"
              "state          : whether it listens\r\n",
              (unsigned long)DETECTOR_SAMPLES);
}

static void command_extract_uart_stream(char *arguments) {
    (void)arguments;
    sample_buffer_read(detector_samples(), DETECTOR_SAMPLES);
    detector_frame();
    detector_print_frame();
}

static void command_reset_stream(char *arguments) {
    (void)arguments;
    detector_reset();
}

static void command_log(char *arguments) {
    (void)arguments;
    detector_print_times();
}

static void command_start(char *arguments) {
    (void)arguments;
    listener_start();
}

static void command_stop(char *arguments) {
    (void)arguments;
    listener_stop();
}

static void command_state(char *arguments) {
    (void)arguments;
    th_printf("I2S: %s\r\n", listener_active() ? "listening" : "idle");
}

static void command_proc_hi(char *arguments) {
    (void)arguments;
    soc_pin_write(SOC_PIN_PROCESSING, true);
}

static void command_proc_lo(char *arguments) {
    (void)arguments;
    soc_pin_write(SOC_PIN_PROCESSING, false);
}

static const Command commands[] = {
    {"name", command_name},
    {"profile", command_profile},
    {"timestamp", command_timestamp},
    {"help", command_help},
    {"db", sample_buffer_command},
    {"extract_uart_stream", command_extract_uart_stream},
    {"reset_stream", command_reset_stream},
    {"log", command_log},
    {"start", command_start},
    {"stop", command_stop},
    {"state", command_state},
    {"proc_hi", command_proc_hi},
    {"proc_lo", command_proc_lo},
};

static void dispatch(const char *name, char *arguments) {
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (strcmp(name, commands[i].name) == 0) {
            commands[i].run(arguments);
            return;
        }
    }
    th_printf("Unrecognized command %s\r\n", name);
}

static void run_command(char *command) {
    th_printf("Received command: %s\r\n", command);
    const char *name = text_token(&command);
    if (name != NULL)
        dispatch(name, command);
    else
        th_printf("Empty command (only a %% read)...\r\n");
    th_printf("m-ready\r\n");
}

static void receive(char received) {
    static size_t length;
    if (received == TERMINATOR) {
        command_buffer[length] = '\0';
        length = 0;
        run_command(command_buffer);
    } else if (length < COMMAND_SIZE) {
        command_buffer[length++] = received;
    }
}

static bool has_work(void) {
    return listener_frame_ready() || soc_serial_available();
}

int main(void) {
    soc_serial_initialize(TH_SERIAL_BAUD);
    detector_initialize();
    for (;;) {
        soc_sleep_until(has_work);
        if (listener_frame_ready())
            listener_frame();
        else
            receive(soc_serial_read());
    }
}
