// Fault handlers: each prints one line and stops the core, so that a host sees why nothing more comes.
#ifndef FIRMBENCH_CORTEX_M_FAULTS_H
#define FIRMBENCH_CORTEX_M_FAULTS_H

void hard_fault_handler(void);
void memory_fault_handler(void);
void bus_fault_handler(void);
void usage_fault_handler(void);
void unexpected_handler(void);

#endif
