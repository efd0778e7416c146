// The facts of benchmark ad, for the firmware core on the host.
#ifndef FIRMBENCH_BENCHMARK_CONFIG_H
#define FIRMBENCH_BENCHMARK_CONFIG_H

#define TH_MODEL_VERSION "ad01"
#define TH_VENDOR_NAME_STRING "host"
#define MAX_DB_INPUT_SIZE 5120
#define TH_SERIAL_BAUD 921600

#endif
