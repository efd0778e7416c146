// The input buffer of the `db` commands. Its contents are read through ee_get_buffer().
#ifndef FIRMBENCH_INPUT_BUFFER_H
#define FIRMBENCH_INPUT_BUFFER_H

// Run one `db` command and print its answer; `arguments` is what follows the word `db`, and is modified.
void input_buffer_command(char *arguments);

#endif
