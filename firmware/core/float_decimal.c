#include "float_decimal.h"

#include <stdint.h>
#include <string.h>

#define FRACTION_BITS 23u
#define EXPONENT_MASK 0xFFu
#define EXPONENT_BIAS 150 // of the significand read as an integer: 127 + FRACTION_BITS
#define WORDS 4u          // of 32 bits: float32 is below 2^128

static uint32_t bits_of(float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static uint32_t exponent_field(float value) {
    return bits_of(value) >> FRACTION_BITS & EXPONENT_MASK;
}

bool float_finite(float value) {
    return exponent_field(value) != EXPONENT_MASK;
}

// value / 2^shift to the nearest integer, halves to even; 1 <= shift, value < 2^63.
static uint64_t shift_right_rounded(uint64_t value, unsigned shift) {
    if (shift > 63u)
        return 0; // below one half
    uint64_t quotient = value >> shift;
    uint64_t remainder = value - (quotient << shift);
    uint64_t half = UINT64_C(1) << (shift - 1u);
    bool up = remainder > half || (remainder == half && quotient % 2u != 0);
    return quotient + (up ? 1u : 0u);
}

// Divide a little-endian number in place; returns the remainder.
static uint32_t divide_by_ten(uint32_t words[WORDS]) {
    uint64_t remainder = 0;
    for (size_t i = WORDS; i-- > 0;) {
        uint64_t dividend = remainder << 32 | words[i];
        words[i] = (uint32_t)(dividend / 10u);
        remainder = dividend % 10u;
    }
    return (uint32_t)remainder;
}

static bool is_zero(const uint32_t words[WORDS]) {
    return (words[0] | words[1] | words[2] | words[3]) == 0;
}

static void shifted_left(uint32_t value, unsigned shift, uint32_t words[WORDS]) {
    uint64_t wide = (uint64_t)value << shift % 32u;
    size_t low = shift / 32u;
    words[low] = (uint32_t)wide;
    if (low + 1u < WORDS)
        words[low + 1u] = (uint32_t)(wide >> 32);
}

size_t float_decimal(float value, unsigned precision, char text[FLOAT_DECIMAL_SIZE]) {
    uint32_t significand = bits_of(value) & ((UINT32_C(1) << FRACTION_BITS) - 1u);
    uint32_t field = exponent_field(value);
    if (!float_finite(value)) {
        memcpy(text, significand != 0 ? "nan" : "inf", 3);
        return 3;
    }
    if (field != 0)
        significand |= UINT32_C(1) << FRACTION_BITS;
    int exponent = (field != 0 ? (int)field : 1) - EXPONENT_BIAS; // |value| = significand * 2^exponent

    if (precision > FLOAT_DECIMAL_MAX_PRECISION)
        precision = FLOAT_DECIMAL_MAX_PRECISION;
    uint32_t power = 1;
    for (unsigned i = 0; i < precision; i++)
        power *= 10u;

    uint32_t integer[WORDS] = {0};
    uint32_t fraction = 0;
    if (exponent >= 0) {
        shifted_left(significand, (unsigned)exponent, integer);
    } else {
        uint64_t scaled = shift_right_rounded((uint64_t)significand * power, (unsigned)-exponent);
        integer[0] = (uint32_t)(scaled / power);
        fraction = (uint32_t)(scaled % power);
    }

    char *const end = text + FLOAT_DECIMAL_SIZE;
    char *start = end;
    for (unsigned i = 0; i < precision; i++, fraction /= 10u)
        *--start = (char)('0' + fraction % 10u);
    if (precision > 0)
        *--start = '.';
    do
        *--start = (char)('0' + divide_by_ten(integer));
    while (!is_zero(integer));
    size_t length = (size_t)(end - start);
    memmove(text, start, length);
    return length;
}
