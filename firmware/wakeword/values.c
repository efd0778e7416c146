#include "values.h"

#include "core/submitter_implemented.h"

void print_values(const int8_t *values, size_t count) {
    th_printf("[");
    for (size_t i = 0; i < count; i++) {
        int magnitude = values[i] < 0 ? -values[i] : values[i];
        th_printf("%s%s%c%d", i == 0 ? "" : ", ", magnitude < 10 ? " " : "", values[i] < 0 ? '-' : '+', magnitude);
    }
    th_printf("]\r\n");
}
