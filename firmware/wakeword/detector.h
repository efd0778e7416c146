// Frame after frame of sound through the model, and what it made of them.
#ifndef FIRMBENCH_WAKEWORD_DETECTOR_H
#define FIRMBENCH_WAKEWORD_DETECTOR_H

#include <stdint.h>

// Before anything else, once.
void detector_initialize(void);

// Forget all sound.
void detector_reset(void);

// The memory for the samples of the next frame's hop, and their count.
int16_t *detector_samples(void);
uint32_t detector_sample_count(void);

// Run one frame.
void detector_frame(void);

// Print the last frame's features and activations.
void detector_print_frame(void);

// Print how many frames there were since the reset and how long they took.
void detector_print_times(void);

#endif
