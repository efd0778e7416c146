// The little text handling the command interpreter needs.
#ifndef FIRMBENCH_TEXT_H
#define FIRMBENCH_TEXT_H

#include <stdint.h>

// Cut the next space-separated token out of *rest and step *rest past it; NULL when there is none. Only the space
// (0x20) separates: CR, LF and TAB belong to tokens.
char *text_token(char **rest);

// C's atoi: white space, sign, decimal digits; anything else ends the number and no number is 0. Out of range
// saturates, as it does where `long` has 32 bits.
int32_t text_integer(const char *text);

// Value of a hexadecimal digit in either case; negative when it is none.
int text_hex_digit(char digit);

#endif
