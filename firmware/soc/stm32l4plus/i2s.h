// Sound input by SAI1 and DMA1; see soc.h.
#ifndef FIRMBENCH_STM32L4PLUS_I2S_H
#define FIRMBENCH_STM32L4PLUS_I2S_H

void i2s_handler(void);

#endif
