// The inner part of average_pool_2d_s8 for cores with the DSP and floating-point extensions; its C twin is the function
// of the same name in pool_2d.c.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)

    .syntax unified
    .thumb

from   .req r0
output .req r1
blocks .req r2
step   .req r3
three  .req r4 // steps
at     .req r5
left   .req r6
even   .req r7
odd    .req r8
x0 .req r9
x1 .req r10
x2 .req r11
x3 .req r12

// Fields of PoolAverages.
#define TAPS s0
#define STEP s1
#define BIAS s2
#define TIE s3
#define RECIPROCAL s4
#define LEAST s5
#define MOST s6

// Four taps of four channels: 14 cycles.
.macro four_taps
    ldr.w x0, [at]
    ldr.w x1, [at, step]
    ldr.w x2, [at, step, lsl #1]
    ldr.w x3, [at, three]
    add.w at, at, step, lsl #2
    sxtab16 even, even, x0
    sxtab16 odd, odd, x0, ror #8
    sxtab16 even, even, x1
    sxtab16 odd, odd, x1, ror #8
    sxtab16 even, even, x2
    sxtab16 odd, odd, x2, ror #8
    sxtab16 even, even, x3
    sxtab16 odd, odd, x3, ror #8
.endm

.macro average sum
    and.w lr, x1, \sum, asr #31
    add.w \sum, \sum, x0
    add.w \sum, \sum, lr
    smmla \sum, \sum, x2, x3
.endm

// (from, output, blocks, averages)
    .section .text.pool_2d_averages, "ax", %progbits
    .global pool_2d_averages
    .type pool_2d_averages, %function
    .balign 8
pool_2d_averages:
    push.w {r4-r11, lr}
    vldmia r3, {s0-s6}
    vmov step, STEP
    add.w three, step, step, lsl #1
1:  // four channels
    vmov left, TAPS
    mov.w at, from
    mov.w even, #0
    mov.w odd, #0
    subs.w left, left, #8
    blt.w 3f
    .balign 8
2:
    four_taps
    four_taps
    subs.w left, left, #8
    bge.w 2b
3:
    adds.w left, left, #4
    blt.w 4f
    four_taps
    sub.w left, left, #4
4:
    adds.w left, left, #4
    beq.w 6f
5:
    ldr.w x0, [at]
    add.w at, at, step
    subs.w left, left, #1
    sxtab16 even, even, x0
    sxtab16 odd, odd, x0, ror #8
    bne.w 5b
6:
    vmov x0, BIAS
    vmov x1, TIE
    vmov x2, RECIPROCAL
    mvn.w x3, #127
    sxth.w r5, even
    sxth.w r6, odd
    asr.w r7, even, #16
    asr.w r8, odd, #16
    average r5
    average r6
    average r7
    average r8
    bfi r5, r6, #8, #8
    bfi r5, r7, #16, #8
    bfi r5, r8, #24, #8
    vmov x0, LEAST
    vmov x1, MOST
    ssub8 x2, r5, x0
    sel r5, r5, x0
    ssub8 x2, x1, r5
    sel r5, r5, x1
    str.w r5, [output], #4
    add.w from, from, #4
    subs.w blocks, blocks, #1
    bne.w 1b
    pop.w {r4-r11, pc}
    .size pool_2d_averages, . - pool_2d_averages

#endif
