// A benchmark small enough that tests reach every limit in a few commands.
#ifndef FIRMBENCH_BENCHMARK_CONFIG_H
#define FIRMBENCH_BENCHMARK_CONFIG_H

#define TH_MODEL_VERSION "test01"
#define TH_VENDOR_NAME_STRING "host test"
#define MAX_DB_INPUT_SIZE 44
#define TH_SERIAL_BAUD 115200

#endif
