#include "text.h"

#include <stdbool.h>
#include <stddef.h>

static bool is_white(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

char *text_token(char **rest) {
    char *start = *rest;
    while (*start == ' ')
        start++;
    char *end = start;
    while (*end != '\0' && *end != ' ')
        end++;
    *rest = *end == '\0' ? end : end + 1;
    *end = '\0';
    return end == start ? NULL : start;
}

int32_t text_integer(const char *text) {
    while (is_white(*text))
        text++;
    bool negative = *text == '-';
    if (*text == '-' || *text == '+')
        text++;

    uint32_t limit = negative ? (uint32_t)INT32_MAX + 1u : (uint32_t)INT32_MAX;
    uint32_t magnitude = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        uint32_t digit = (uint32_t)(*text - '0');
        magnitude = magnitude > (limit - digit) / 10u ? limit : magnitude * 10u + digit;
    }
    // In 64 bits, because the magnitude of INT32_MIN is no int32_t.
    return (int32_t)(negative ? -(int64_t)magnitude : (int64_t)magnitude);
}

int text_hex_digit(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    if (digit >= 'a' && digit <= 'f')
        return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F')
        return digit - 'A' + 10;
    return -1;
}
