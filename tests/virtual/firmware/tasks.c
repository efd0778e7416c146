// A small preemptive scheduler: SysTick asks for PendSV, which switches two tasks on the process stack, with their FPU
// registers when they used them, and idles in WFI when both sleep.
#include "chip.h"

enum { WORDS = 192, TASKS = 3 };

typedef struct {
    uint32_t *stack; // first: the switch code stores here
    uint32_t wake;
} task_t;

static uint32_t stacks[TASKS][WORDS] __attribute__((aligned(8)));
static task_t tasks[TASKS];
task_t *running;
static volatile uint32_t ticks, switches;
static volatile float results[2];
static volatile uint32_t rounds[2];

__attribute__((used)) task_t *next_task(void) {
    static unsigned turn;
    switches++;
    for (unsigned n = 0; n < 2; n++) {
        turn ^= 1;
        if ((int32_t)(ticks - tasks[turn].wake) >= 0) {
            return &tasks[turn];
        }
    }
    return &tasks[2];
}

__attribute__((naked)) void on_pendsv(void) {
    __asm volatile("mrs r0, psp\n tst lr, #0x10\n it eq\n vstmdbeq r0!, {s16-s31}\n stmdb r0!, {r4-r11, lr}\n"
                   "ldr r4, =running\n ldr r1, [r4]\n str r0, [r1]\n push {r4, lr}\n bl next_task\n pop {r4, lr}\n"
                   "str r0, [r4]\n ldr r0, [r0]\n ldmia r0!, {r4-r11, lr}\n tst lr, #0x10\n it eq\n"
                   "vldmiaeq r0!, {s16-s31}\n msr psp, r0\n isb\n bx lr\n .ltorg");
}

void on_systick(void) {
    ticks++;
    SCB_ICSR = 1u << 28;
}

__attribute__((naked)) void on_svc(void) { // starts the first task
    __asm volatile("ldr r0, =running\n ldr r0, [r0]\n ldr r0, [r0]\n ldmia r0!, {r4-r11, lr}\n msr psp, r0\n"
                   "mov r0, #0\n msr basepri, r0\n isb\n bx lr\n .ltorg");
}

static void sleep_ticks(task_t *task, uint32_t count) {
    task->wake = ticks + count;
    SCB_ICSR = 1u << 28;
    __asm volatile("dsb\n isb");
}

static void worker(uint32_t self) {
    float sum = 0;
    for (uint32_t round = 0; round < 20; round++) {
        for (int i = 0; i < 4000; i++) {
            sum += (self ? 0.5f : 2.0f) * (float)(i & 3);
        }
        rounds[self]++;
        if (round % 5 == 4) {
            sleep_ticks(&tasks[self], 2);
        }
    }
    results[self] = sum;
    for (;;) {
        sleep_ticks(&tasks[self], 1000);
    }
}

static void idle(uint32_t unused) {
    (void)unused;
    while (rounds[0] < 20 || rounds[1] < 20 || results[0] == 0 || results[1] == 0) {
        __asm volatile("wfi");
    }
    print_hex((uint32_t)results[0]);
    print_hex((uint32_t)results[1]);
    print_hex(switches > 20);
    SYST_CSR = 0;
    for (;;) {
        __asm volatile("wfi");
    }
}

static void prepare(unsigned number, void (*entry)(uint32_t)) {
    uint32_t *top = stacks[number] + WORDS - 17;
    top[8] = 0xFFFFFFFD;
    top[9] = number;
    top[15] = (uint32_t)entry & ~1u;
    top[16] = 1u << 24;
    tasks[number].stack = top;
}

int main(void) {
    clock_120_mhz(1);
    serial_start(120000000, 0, 921600, 0);
    prepare(0, worker);
    prepare(1, worker);
    prepare(2, idle);
    SCB_SHPR(14) = 0xF0;
    SCB_SHPR(15) = 0xE0;
    running = &tasks[0];
    SYST_RVR = 120000 - 1;
    SYST_CVR = 0;
    SYST_CSR = 7;
    __asm volatile("svc 0");
    return 0;
}
