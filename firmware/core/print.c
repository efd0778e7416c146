// Formatted text over the serial port.
#include "format.h"
#include "soc/soc.h"
#include "submitter_implemented.h"

void th_vprintf(const char *format, va_list arguments) {
    format_write(soc_serial_write, format, arguments);
}

void th_printf(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    th_vprintf(format, arguments);
    va_end(arguments);
}
