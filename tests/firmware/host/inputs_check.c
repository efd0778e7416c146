// Runs the input helpers on records from stdin: header, floats, int8 values; writes the quantised floats and the error.
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/reconstruction_error.h"
#include "kernels/quantize.h"

typedef struct {
    float scale;
    int32_t zero_point;
    uint32_t count;
} Header;

static void *read_exactly(size_t size, size_t count) {
    void *memory = malloc(size * count); // exactly as large as the helpers may touch
    if (memory == NULL || fread(memory, size, count, stdin) != count)
        abort();
    return memory;
}

int main(void) {
    Header header;
    while (fread(&header, sizeof header, 1, stdin) == 1) {
        float *x = read_exactly(sizeof *x, header.count);
        int8_t *q = read_exactly(sizeof *q, header.count);
        float error = mean_squared_error_s8(q, x, header.count, header.scale, header.zero_point);
        quantize_f32_to_s8(x, q, header.count, header.scale, header.zero_point);
        (void)fwrite(q, sizeof *q, header.count, stdout);
        (void)fwrite(&error, sizeof error, 1, stdout);
        free(q);
        free(x);
    }
    return EXIT_SUCCESS;
}
