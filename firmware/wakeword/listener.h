// Sound from the I2S input, frame after frame, as the reference firmware takes it.
#ifndef FIRMBENCH_WAKEWORD_LISTENER_H
#define FIRMBENCH_WAKEWORD_LISTENER_H

#include <stdbool.h>

// The commands; each prints its answer.
void listener_start(void);
void listener_stop(void);

bool listener_active(void);

// Whether a frame's sound is there.
bool listener_frame_ready(void);

// Run it.
void listener_frame(void);

#endif
