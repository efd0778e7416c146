#include "internally_implemented.h"
#include "submitter_implemented.h"

int main(void) {
    ee_benchmark_initialize();
    for (;;)
        ee_serial_callback(th_getchar());
}
