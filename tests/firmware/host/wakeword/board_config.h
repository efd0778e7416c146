// What the generator renders, for tests.
#ifndef BOARD_CONFIG_H
#define BOARD_CONFIG_H

#ifndef SOC_I2S
#define SOC_I2S 1
#endif

#endif
