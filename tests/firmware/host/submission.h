// What the host soc needs from the host submission: modelled time.
#ifndef FIRMBENCH_HOST_SUBMISSION_H
#define FIRMBENCH_HOST_SUBMISSION_H

#include <stdint.h>

#define ELEMENTS 8u
#define SCALE 0.5f
#define ZERO_POINT 3
#define MICROSECONDS_PER_INFERENCE 100u

// Inferences since the start.
extern uint32_t inferences;

#endif
