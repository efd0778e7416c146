// An int8 dot product in a loop, from flash; prints the cycles of CYCCNT and the result.
#include "chip.h"

enum { SIZE = 4096, ROUNDS = 2000 };

static const int8_t weights[SIZE] = {1, -2, 3, -4, 5, -6, 7, -8, 9};
static int8_t input[SIZE];

__attribute__((noinline)) static int32_t dot(const int8_t *a, const int8_t *b, unsigned count) {
    int32_t sum = 0;
    for (unsigned i = 0; i < count; i += 4) {
        sum += a[i] * b[i] + a[i + 1] * b[i + 1] + a[i + 2] * b[i + 2] + a[i + 3] * b[i + 3];
    }
    return sum;
}

int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, 115200, 0);
    DEMCR |= 1u << 24;
    DWT_CTRL |= 1;
    for (int i = 0; i < SIZE; i++) {
        input[i] = (int8_t)i;
    }
    uint32_t start = DWT_CYCCNT;
    int32_t sum = 0;
    for (int round = 0; round < ROUNDS; round++) {
        sum += dot(weights, input, SIZE);
        __asm volatile("" ::: "memory"); // each round computes anew
    }
    print_hex(DWT_CYCCNT - start);
    print_hex((uint32_t)sum);
    return 0;
}
