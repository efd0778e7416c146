#include "sample_buffer.h"

#include <stdbool.h>
#include <string.h>

#include "benchmark_config.h"
#include "core/submitter_implemented.h"
#include "core/text.h"

#define CAPACITY MAX_DB_INPUT_SIZE

static uint8_t sample_bytes[CAPACITY];
static int32_t expected; // bytes of the transfer under way
static int32_t loaded;   // of them, so far: 0 to CAPACITY
static bool loading;

static int16_t sample(size_t index) {
    return (int16_t)(uint16_t)(sample_bytes[2 * index] | sample_bytes[2 * index + 1] << 8);
}

void sample_buffer_read(int16_t *samples, size_t count) {
    for (size_t i = 0; i < count; i++)
        samples[i] = sample(i);
}

static void load(const char *size) {
    int32_t count = size != NULL ? text_integer(size) : 0;
    if (count <= 0 || count > CAPACITY) {
        th_printf("Error: db load takes a number of bytes from 1 to %d\r\n", CAPACITY);
        return;
    }
    expected = count;
    loaded = 0;
    loading = true;
    th_printf("Expecting %ld bytes\r\n", (long)count);
}

static void set_pointer(const char *text) {
    int32_t position = text != NULL ? text_integer(text) : -1;
    if (position < 0 || position > CAPACITY)
        th_printf("Error: db setptr takes a number from 0 to %d\r\n", CAPACITY);
    else
        loaded = position;
}

static int32_t shown(const char *text, int32_t most) {
    int32_t count = text != NULL ? text_integer(text) : 0;
    return count <= 0 || count > most ? most : count;
}

static void print_bytes(const char *text) {
    int32_t count = shown(text, CAPACITY);
    th_printf("m-buffer-");
    for (int32_t i = 0; i < count; i++)
        th_printf("%02x%s", (unsigned)sample_bytes[i], i < count - 1 ? "-" : "\r\n");
}

static void print_samples(const char *text) {
    int32_t count = shown(text, CAPACITY / 2);
    th_printf("m-buffer-");
    for (int32_t i = 0; i < count; i++)
        th_printf("%d%s", sample((size_t)i), i < count - 1 ? ", " : "\r\n");
}

static void append(const char *digits) {
    if (!loading) {
        th_printf("Error: db load N comes before data\r\n");
        return;
    }
    if (strlen(digits) % 2u != 0) {
        th_printf("Error: odd number of hex digits\r\n");
        return;
    }
    for (; *digits != '\0'; digits += 2) {
        int high = text_hex_digit(digits[0]), low = text_hex_digit(digits[1]);
        if (high < 0 || low < 0) {
            th_printf("Error: '%c%c' is not a pair of hex digits\r\n", digits[0], digits[1]);
            return;
        }
        if (loaded < CAPACITY)
            sample_bytes[loaded++] = (uint8_t)(high * 16 + low);
        if (loaded >= expected) {
            loading = false;
            th_printf("m-load-done\r\n");
            return;
        }
    }
    th_printf("%ld bytes received\r\n", (long)loaded);
}

void sample_buffer_command(char *arguments) {
    const char *subcommand = text_token(&arguments);
    const char *argument = text_token(&arguments);
    if (subcommand == NULL)
        th_printf("Error: db takes load, getptr, setptr, print, print_i16 or data\r\n");
    else if (strcmp(subcommand, "load") == 0)
        load(argument);
    else if (strcmp(subcommand, "getptr") == 0)
        th_printf("m-buff-ptr-%ld\r\n", (long)loaded);
    else if (strcmp(subcommand, "setptr") == 0)
        set_pointer(argument);
    else if (strcmp(subcommand, "print") == 0)
        print_bytes(argument);
    else if (strcmp(subcommand, "print_i16") == 0)
        print_samples(argument);
    else
        append(subcommand);
}
