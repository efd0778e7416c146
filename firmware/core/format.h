// printf formatting without heap and without the C library's stdio.
#ifndef FIRMBENCH_FORMAT_H
#define FIRMBENCH_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

// Format like printf and hand the text to `write` in pieces; any length of text works.
//
// Conversions: %s %c %d %i %u %x %X %f %%, with the flag 0, a width, `l` before an integer conversion and a precision
// for %f. A precision above 9 counts as 9. %f prints the argument rounded to float32, exactly, halves to even, as glibc
// does. A conversion not in this list is printed as it stands and takes no argument.
void format_write(void (*write)(const char *bytes, size_t count), const char *format, va_list arguments);

#endif
