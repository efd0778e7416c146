// The core's own caches, which are off and undefined after reset.
#ifndef FIRMBENCH_STM32F7_CACHES_H
#define FIRMBENCH_STM32F7_CACHES_H

void caches_enable(void);

#endif
