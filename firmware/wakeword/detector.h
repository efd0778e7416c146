// Frame after frame of sound through the model, and what it made of them.
#ifndef FIRMBENCH_WAKEWORD_DETECTOR_H
#define FIRMBENCH_WAKEWORD_DETECTOR_H

#include <stdint.h>

#include "model.h"

// Before anything else, once.
void detector_initialize(void);

// Forget all sound.
void detector_reset(void);

#define DETECTOR_SAMPLES MODEL_INPUT0_ELEMENTS // of a frame's hop

// The memory for the samples of the next frame's hop.
int16_t *detector_samples(void);

// Run one frame.
void detector_frame(void);

// The wakeword's score in the last frame.
int8_t detector_score(void);

// Print the last frame's features and activations.
void detector_print_frame(void);

// Print how many frames there were since the reset and how long they took.
void detector_print_times(void);

#endif
