// The command interpreter of MLPerf Tiny as the submitter API sees it. Names follow mlcommons/tiny,
// benchmark/api/internally_implemented.h; the behaviour is its wire protocol with every buffer bounds-checked.
#ifndef FIRMBENCH_INTERNALLY_IMPLEMENTED_H
#define FIRMBENCH_INTERNALLY_IMPLEMENTED_H

#include <stddef.h>
#include <stdint.h>

#define EE_CMD_SIZE 80u // characters of a command before '%'; later ones are dropped

// Bring up serial port, timestamps and the model, then announce readiness.
void ee_benchmark_initialize(void);

// Feed one received character; dispatches the command when it is '%'.
void ee_serial_callback(char received);

// Run one command and answer it; `command` is NUL-terminated and is modified.
void ee_serial_command_parser_callback(char *command);

// Copy the first min(max_length, received so far) bytes of the input buffer; NULL only counts. Returns that count.
size_t ee_get_buffer(uint8_t *buffer, size_t max_length);

#endif
