#include "input_buffer.h"

#include <string.h>

#include "internally_implemented.h"
#include "submitter_implemented.h"
#include "text.h"

#define CAPACITY ((uint32_t)MAX_DB_INPUT_SIZE)
#define BYTES_PER_LINE 8u

static uint8_t buffer_storage[MAX_DB_INPUT_SIZE];

// Both may exceed CAPACITY: the protocol lets a host declare more (it is told so, and still gets m-load-done at that
// byte) and send more than it declared. Only bytes within CAPACITY are stored and ever shown.
static uint32_t declared;
static uint32_t buffer_received;

static uint32_t min_u32(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

size_t ee_get_buffer(uint8_t *buffer, size_t max_length) {
    size_t available = min_u32(buffer_received, CAPACITY);
    size_t count = max_length < available ? max_length : available;
    if (buffer != NULL)
        memcpy(buffer, buffer_storage, count);
    return count;
}

const uint8_t *input_buffer_contents(void) {
    return buffer_storage;
}

static void load(const char *size) {
    if (size == NULL) {
        th_printf("e-[Command 'db load' requires the # of bytes]\r\n");
        return;
    }
    // A negative size counts as a huge one, but is shown as it came.
    int32_t count = text_integer(size);
    declared = (uint32_t)count;
    if (declared == 0) {
        th_printf("e-[Command 'db load' must be >0 bytes]\r\n");
        return;
    }
    buffer_received = 0;
    if (declared > CAPACITY)
        th_printf("Supplied buffer size %ld exceeds maximum of %lu\n", (long)count, (unsigned long)CAPACITY);
    else
        th_printf("m-[Expecting %ld bytes]\r\n", (long)count);
}

static void print(void) {
    uint32_t count = min_u32(declared, CAPACITY);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t column = i % BYTES_PER_LINE;
        const char *before = column == 0 ? "m-buffer-" : "-";
        const char *after = column == BYTES_PER_LINE - 1u || i == count - 1u ? "\r\n" : "";
        th_printf("%s%02x%s", before, (unsigned)buffer_storage[i], after);
    }
    // The reference's blank line after an incomplete last line.
    if (count % BYTES_PER_LINE != 0)
        th_printf("\r\n");
}

static void store(uint8_t byte) {
    if (buffer_received < CAPACITY)
        buffer_storage[buffer_received] = byte;
    if (buffer_received < UINT32_MAX)
        buffer_received++;
}

static void append(const char *digits) {
    if (strlen(digits) % 2u != 0) {
        th_printf("e-[Insufficent number of hex digits]\r\n");
        return;
    }
    for (; *digits != '\0'; digits += 2) {
        int high = text_hex_digit(digits[0]);
        int low = text_hex_digit(digits[1]);
        if (high < 0 || low < 0) {
            th_printf("e-[Invalid hex digit '%c%c']\r\n", digits[0], digits[1]);
            return;
        }
        store((uint8_t)(high * 16 + low));
        if (buffer_received == declared) {
            th_printf("m-load-done\r\n");
            return; // whatever else the command carries is dropped
        }
    }
}

void input_buffer_command(char *arguments) {
    const char *subcommand = text_token(&arguments);
    if (subcommand == NULL)
        th_printf("e-[Command 'db' requires a subcommand]\r\n");
    else if (strcmp(subcommand, "load") == 0)
        load(text_token(&arguments));
    else if (strcmp(subcommand, "print") == 0)
        print();
    else
        append(subcommand);
}
