// The input buffer of the `db` commands. Submissions of upstream's read it through ee_get_buffer().
#ifndef FIRMBENCH_INPUT_BUFFER_H
#define FIRMBENCH_INPUT_BUFFER_H

#include <stdint.h>

// MAX_DB_INPUT_SIZE bytes, of which ee_get_buffer(NULL, ...) are received.
const uint8_t *input_buffer_contents(void);

// Run one `db` command and print its answer; `arguments` is what follows the word `db`, and is modified.
void input_buffer_command(char *arguments);

#endif
