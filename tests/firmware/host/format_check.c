// Compares format_write() with the C library's snprintf(). With an argument: reads float32 bit patterns from stdin and
// prints each as that format shows it. Exit status 1 and a message on the first difference.
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/format.h"

static char got[4096];
static size_t got_length;

static void collect(const char *bytes, size_t count) {
    if (count == 0 || count > sizeof got - got_length - 1u)
        abort();
    memcpy(got + got_length, bytes, count);
    got_length += count;
    got[got_length] = '\0';
}

static void format(const char *pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    got_length = 0;
    got[0] = '\0';
    format_write(collect, pattern, arguments);
    va_end(arguments);
}

static void expect(const char *wanted, const char *pattern) {
    if (strcmp(got, wanted) == 0)
        return;
    printf("%s: got '%s', wanted '%s'\n", pattern, got, wanted);
    exit(EXIT_FAILURE);
}

#define CHECK(pattern, ...)                                                                                            \
    do {                                                                                                               \
        char wanted[4096];                                                                                             \
        (void)snprintf(wanted, sizeof wanted, pattern, __VA_ARGS__);                                                   \
        format(pattern, __VA_ARGS__);                                                                                  \
        expect(wanted, pattern);                                                                                       \
        checks++;                                                                                                      \
    } while (0)

static unsigned long check_integers(void) {
    static const long values[] = {0, 1, -1, 9, 10, -10, 99, 100, 255, 65535, 1000000007, INT32_MAX, INT32_MIN};
    unsigned long checks = 0;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        int value = (int)values[i];
        unsigned bits = (unsigned)value;
        CHECK("%d|%i|%u|%x|%X", value, value, bits, bits, bits);
        CHECK("%1d|%5d|%05d|%12d|%012d|%0d", value, value, value, value, value, value);
        CHECK("%02x|%02X|%08x|%8x|%3u|%03u", bits, bits, bits, bits, bits, bits);
        CHECK("%ld|%li|%012ld|%lu|%lx|%lX", values[i], values[i], values[i], (unsigned long)values[i],
              (unsigned long)values[i], (unsigned long)values[i]);
    }
    CHECK("%ld %ld %lu", LONG_MIN, LONG_MAX, ULONG_MAX);
    return checks;
}

static unsigned long check_text(void) {
    static char longest[3001];
    memset(longest, 'x', sizeof longest - 1u);
    unsigned long checks = 0;
    for (size_t length = 0; length < sizeof longest; length += 1u + length / 8u) {
        const char *text = longest + sizeof longest - 1u - length;
        CHECK("%s", text);
        CHECK("<%s|%c>\r\n", text, 'y');
    }
    CHECK("%5s|%1s|%3c|%c%c|%%|%d%%", "abc", "abc", 'c', '\n', (char)0xE9, 5);
    CHECK("%s%s%s", "", "a", "");
    CHECK("%200d|%0150d|%100s", 1, -2, "t");
    return checks;
}

// Conversions it does not have are shown, and take no argument.
static unsigned long check_unknown(void) {
    format("%q %5z %-3d %llu 100%", 7);
    expect("%q %5z %-3d %llu 100%", "unknown conversions");
    format("%y%d", 7);
    expect("%y7", "unknown, then known");
    return 2;
}

static unsigned long check_float(float value) {
    unsigned long checks = 0;
    double v = (double)value;
    CHECK("%f|%0.3f|%.0f|%.1f|%.2f|%.3f|%.4f|%.5f|%.6f", v, v, v, v, v, v, v, v, v);
    CHECK("%.7f|%.8f|%.9f", v, v, v);
    CHECK("%10.3f|%010.3f|%1.2f|%050.2f", v, v, v, v);
    return checks;
}

int main(int count, char **arguments) {
    unsigned long checks = check_integers() + check_text() + check_unknown();
    uint32_t bits;
    while (fread(&bits, sizeof bits, 1, stdin) == 1) {
        float value;
        memcpy(&value, &bits, sizeof value);
        if (count > 1) {
            format(arguments[1], (double)value);
            puts(got);
        } else {
            checks += check_float(value);
        }
    }
    if (count == 1)
        printf("%lu\n", checks);
    return EXIT_SUCCESS;
}
