// The part of the submitter API that depends on the chip but not on the model.
#include "internally_implemented.h"
#include "soc/soc.h"
#include "submitter_implemented.h"

void th_serialport_initialize(void) {
    soc_serial_initialize(TH_SERIAL_BAUD);
}

void th_timestamp_initialize(void) {
#if EE_CFG_ENERGY_MODE
    soc_timestamp_pin_initialize(); // the timer stays off: it would draw current in the window
#else
    soc_timer_initialize();
#endif
    th_printf(EE_MSG_TIMESTAMP_MODE);
    th_timestamp();
}

void th_timestamp(void) {
#if EE_CFG_ENERGY_MODE
    soc_timestamp_pulse();
#else
    uint32_t now = soc_microseconds();
    th_printf(EE_MSG_TIMESTAMP, (unsigned long)now);
#endif
}

void th_pre(void) {}

void th_post(void) {}

char th_getchar(void) {
    return soc_serial_read();
}

void th_command_ready(char volatile *command) {
    // Characters are fed from the main loop, never from an interrupt, so the command can run here and is not volatile.
    ee_serial_command_parser_callback((char *)command);
}
