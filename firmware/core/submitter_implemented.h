// The submitter API of MLPerf Tiny: what a port provides to the command interpreter. Names and duties follow
// mlcommons/tiny, benchmark/api/submitter_implemented.h.
#ifndef FIRMBENCH_SUBMITTER_IMPLEMENTED_H
#define FIRMBENCH_SUBMITTER_IMPLEMENTED_H

#include <stdarg.h>

// Model and benchmark constants, rendered by the generator:
// TH_MODEL_VERSION, TH_VENDOR_NAME_STRING, MAX_DB_INPUT_SIZE, TH_SERIAL_BAUD, EE_CFG_ENERGY_MODE.
#include "benchmark_config.h"

#ifndef EE_CFG_ENERGY_MODE
#define EE_CFG_ENERGY_MODE 0
#endif

#define EE_MSG_TIMESTAMP "m-lap-us-%lu\r\n"
#if EE_CFG_ENERGY_MODE
#define EE_MSG_TIMESTAMP_MODE "m-timestamp-mode-energy\r\n"
#else
#define EE_MSG_TIMESTAMP_MODE "m-timestamp-mode-performance\r\n"
#endif

void th_load_tensor(void); // untimed: received bytes -> model input tensor
void th_infer(void);       // timed: exactly one inference
void th_results(void);     // untimed: print one m-results line
void th_timestamp(void);   // print the microsecond counter; energy mode: pulse the timestamp pin
void th_pre(void);         // timed, before the first inference
void th_post(void);        // timed, after the last inference

void th_serialport_initialize(void);
void th_timestamp_initialize(void); // prints the mode banner, then one timestamp
void th_final_initialize(void);

void th_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void th_vprintf(const char *format, va_list arguments);
char th_getchar(void);
void th_command_ready(char volatile *command);

#endif
