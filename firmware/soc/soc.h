// What the portable firmware needs from a chip. One implementation per family: firmware/soc/<family>/.
#ifndef FIRMBENCH_SOC_H
#define FIRMBENCH_SOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Configure the serial port behind the debug probe: 8N1, no flow control, interrupt-driven receive.
void soc_serial_initialize(uint32_t baud);

// Send bytes; returns when the last one has been handed to the transmitter.
void soc_serial_write(const char *bytes, size_t count);

// Wait for one received byte.
char soc_serial_read(void);

// Whether that would return at once.
bool soc_serial_available(void);

// Sleep until `ready`, which interrupts make true; it is asked with interrupts off.
void soc_sleep_until(bool (*ready)(void));

// Start the free-running 1 MHz, 32-bit counter.
void soc_timer_initialize(void);

// Its value: microseconds, wraps after 71.6 minutes.
uint32_t soc_microseconds(void);

// Energy mode: make the timestamp pin an open-drain output and let go of it.
void soc_timestamp_pin_initialize(void);

// Energy mode: pull the timestamp pin low for at least a millisecond. The falling edge is the timestamp.
void soc_timestamp_pulse(void);

// Lines to instruments. High when idle, but for the processing one.
typedef enum {
    SOC_PIN_TIMESTAMP,  // open drain
    SOC_PIN_PROCESSING, // high while a frame is worked on
    SOC_PIN_DETECTED,
} SocPin;

void soc_pins_initialize(void);
void soc_pin_write(SocPin pin, bool high);

// Away from its idle level for at least a microsecond; needs the timer.
void soc_pin_pulse(SocPin pin);

// Sound input of boards with SOC_I2S: 16-bit samples, left and right in turn, over I2S, whose sender gives the clock.
// They fill a buffer of so many samples for ever, half by half.
void soc_i2s_start(int16_t *buffer, uint32_t samples);
void soc_i2s_stop(void);

// How many halves have been filled since the start.
uint32_t soc_i2s_halves(void);

#endif
