// What the generator renders, for tests.
#ifndef BENCHMARK_CONFIG_H
#define BENCHMARK_CONFIG_H

#define TH_MODEL_VERSION "sww01"
#define TH_VENDOR_NAME_STRING "tester"
#define MAX_DB_INPUT_SIZE 2048
#define TH_SERIAL_BAUD 115200u

#endif
