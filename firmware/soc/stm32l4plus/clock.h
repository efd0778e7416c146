// The oscillator that all clocks derive from.
#ifndef FIRMBENCH_STM32L4PLUS_CLOCK_H
#define FIRMBENCH_STM32L4PLUS_CLOCK_H

#define HSI16_HZ 16000000u

#endif
