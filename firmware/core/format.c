#include "format.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "float_decimal.h"

#define PIECE 64u // bytes handed over at a time
#define DEFAULT_PRECISION 6u
#define LONG_DIGITS (sizeof(unsigned long) * CHAR_BIT / 3u + 1u) // enough in base 10, the smallest base there is

typedef struct {
    void (*write)(const char *bytes, size_t count);
    size_t used;
    char bytes[PIECE];
} Sink;

typedef struct {
    bool zero;
    bool is_long;
    unsigned width;
    unsigned precision;
    char conversion;
} Specification;

static void flush(Sink *sink) {
    if (sink->used != 0)
        sink->write(sink->bytes, sink->used);
    sink->used = 0;
}

static void put(Sink *sink, char c) {
    if (sink->used == PIECE)
        flush(sink);
    sink->bytes[sink->used++] = c;
}

static void put_all(Sink *sink, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++)
        put(sink, text[i]);
}

static void pad(Sink *sink, char filler, const Specification *specification, size_t length) {
    for (; length < specification->width; length++)
        put(sink, filler);
}

static void put_text(Sink *sink, const Specification *specification, const char *text, size_t length) {
    pad(sink, ' ', specification, length);
    put_all(sink, text, length);
}

static void put_number(Sink *sink, const Specification *specification, bool negative, const char *digits,
                       size_t length) {
    size_t total = length + (negative ? 1u : 0u);
    if (!specification->zero)
        pad(sink, ' ', specification, total);
    if (negative)
        put(sink, '-');
    if (specification->zero)
        pad(sink, '0', specification, total);
    put_all(sink, digits, length);
}

static void put_integer(Sink *sink, const Specification *specification, bool negative, unsigned long magnitude) {
    const char *alphabet = specification->conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
    unsigned long base = specification->conversion == 'x' || specification->conversion == 'X' ? 16u : 10u;
    char digits[LONG_DIGITS];
    char *const end = digits + sizeof digits;
    char *start = end;
    do {
        *--start = alphabet[magnitude % base];
        magnitude /= base;
    } while (magnitude != 0);
    put_number(sink, specification, negative, start, (size_t)(end - start));
}

static bool is_negative(double value) {
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits >> 63 != 0;
}

static void put_float(Sink *sink, const Specification *specification, double wide) {
    char digits[FLOAT_DECIMAL_SIZE];
    float value = (float)wide;
    size_t length = float_decimal(value, specification->precision, digits);
    Specification numeric = *specification;
    if (!float_finite(value))
        numeric.zero = false;
    // The sign is taken before narrowing: Arm's library conversion clears that of NaN.
    put_number(sink, &numeric, is_negative(wide), digits, length);
}

static const char *parse_number(const char *format, unsigned *number) {
    for (*number = 0; *format >= '0' && *format <= '9'; format++)
        *number = *number * 10u + (unsigned)(*format - '0');
    return format;
}

// Parse what follows '%', up to but excluding the conversion character's successor; `conversion` is '\0' at the end.
static const char *parse(const char *format, Specification *specification) {
    *specification = (Specification){.precision = DEFAULT_PRECISION};
    for (; *format == '0'; format++)
        specification->zero = true;
    format = parse_number(format, &specification->width);
    if (*format == '.')
        format = parse_number(format + 1, &specification->precision);
    if (*format == 'l') {
        specification->is_long = true;
        format++;
    }
    specification->conversion = *format;
    return *format == '\0' ? format : format + 1;
}

// C has no portable way to pass a va_list by reference other than inside a structure.
typedef struct {
    va_list list;
} Arguments;

static void convert(Sink *sink, const Specification *specification, Arguments *arguments) {
    switch (specification->conversion) {
    case '%':
        put(sink, '%');
        break;
    case 'c': {
        char c = (char)va_arg(arguments->list, int);
        put_text(sink, specification, &c, 1);
        break;
    }
    case 's': {
        const char *text = va_arg(arguments->list, const char *);
        put_text(sink, specification, text, strlen(text));
        break;
    }
    case 'd':
    case 'i': {
        long value = specification->is_long ? va_arg(arguments->list, long) : va_arg(arguments->list, int);
        put_integer(sink, specification, value < 0, value < 0 ? 0ul - (unsigned long)value : (unsigned long)value);
        break;
    }
    case 'f':
        put_float(sink, specification, va_arg(arguments->list, double));
        break;
    default: { // u, x, X
        unsigned long value =
            specification->is_long ? va_arg(arguments->list, unsigned long) : va_arg(arguments->list, unsigned);
        put_integer(sink, specification, false, value);
        break;
    }
    }
}

void format_write(void (*write)(const char *bytes, size_t count), const char *format, va_list arguments) {
    Sink sink = {.write = write};
    Arguments copy;
    va_copy(copy.list, arguments);
    while (*format != '\0') {
        const char *start = format++;
        if (*start != '%') {
            put(&sink, *start);
            continue;
        }
        Specification specification;
        format = parse(format, &specification);
        if (specification.conversion != '\0' && strchr("%csdiufxX", specification.conversion) != NULL)
            convert(&sink, &specification, &copy);
        else
            put_all(&sink, start, (size_t)(format - start));
    }
    va_end(copy.list);
    flush(&sink);
}
