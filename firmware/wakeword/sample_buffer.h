// The buffer of the `db` commands: sound samples, low byte first.
#ifndef FIRMBENCH_WAKEWORD_SAMPLE_BUFFER_H
#define FIRMBENCH_WAKEWORD_SAMPLE_BUFFER_H

#include <stddef.h>
#include <stdint.h>

// Copy the first samples, whether they were loaded or not.
void sample_buffer_read(int16_t *samples, size_t count);

// Run one `db` command and print its answer; `arguments` is what follows the word `db`, and is modified.
void sample_buffer_command(char *arguments);

#endif
