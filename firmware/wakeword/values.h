// Lists of numbers over the serial port.
#ifndef FIRMBENCH_WAKEWORD_VALUES_H
#define FIRMBENCH_WAKEWORD_VALUES_H

#include <stddef.h>
#include <stdint.h>

// Numbers with their signs, at least three characters each, separated by a comma and a space, in brackets.
void print_values(const int8_t *values, size_t count);

#endif
