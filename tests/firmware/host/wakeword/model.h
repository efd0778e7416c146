// What the generator renders, for tests.
#ifndef MODEL_H
#define MODEL_H

#include <stdint.h>

#define MODEL_INPUT0_ELEMENTS 512
#define MODEL_OUTPUT0_ELEMENTS 3
#define MODEL_OUTPUT1_ELEMENTS 4

extern int16_t *const model_input0;
extern int8_t *const model_output0;
extern int8_t *const model_output1;

void model_reset(void);
void model_infer(void);

#endif
