// The inner part of sum_s8 for cores with the DSP and floating-point extensions.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)

    .syntax unified
    .thumb

#define SHIFT 21 // SUM_S8_SHIFT

first  .req r0
second .req r1
output .req r2
by_first  .req r3
by_second .req r4
offset    .req r5
x0 .req r6
x1 .req r7
x2 .req r8
x3 .req r9
y0 .req r10
y1 .req r11
y2 .req r12
y3 .req lr

#define END s0
#define LEAST s1
#define MOST s2

// Four outputs: 25 cycles, 31 with clamping.
.macro four clamped
    ldrsb.w x0, [first], #4
    ldrsb.w x1, [first, #-3]
    ldrsb.w x2, [first, #-2]
    ldrsb.w x3, [first, #-1]
    ldrsb.w y0, [second], #4
    ldrsb.w y1, [second, #-3]
    ldrsb.w y2, [second, #-2]
    ldrsb.w y3, [second, #-1]
    mla x0, x0, by_first, offset
    mla x1, x1, by_first, offset
    mla x2, x2, by_first, offset
    mla x3, x3, by_first, offset
    mla x0, y0, by_second, x0
    mla x1, y1, by_second, x1
    mla x2, y2, by_second, x2
    mla x3, y3, by_second, x3
    ssat x0, #8, x0, asr #SHIFT
    ssat x1, #8, x1, asr #SHIFT
    ssat x2, #8, x2, asr #SHIFT
    ssat x3, #8, x3, asr #SHIFT
.if \clamped
    bfi x0, x1, #8, #8
    bfi x0, x2, #16, #8
    bfi x0, x3, #24, #8
    vmov y0, LEAST
    vmov y1, MOST
    ssub8 y2, x0, y0
    sel x0, x0, y0
    ssub8 y2, y1, x0
    sel x0, x0, y1
    str.w x0, [output], #4
.else
    strb.w x0, [output], #4
    strb.w x1, [output, #-3]
    strb.w x2, [output, #-2]
    strb.w x3, [output, #-1]
.endif
.endm

// (layer, first, second, output, count)
.macro blocks name, clamped
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .balign 8
\name:
    push {r4-r11, lr}
    ldr r4, [sp, #36] // count
    add r4, r4, r1
    vmov END, r4
    ldr r6, [r0, #16] // activation_min
    ldr r7, [r0, #20] // activation_max
    mov r8, #0x01010101
    uxtb r6, r6
    mul r6, r6, r8
    vmov LEAST, r6
    uxtb r7, r7
    mul r7, r7, r8
    vmov MOST, r7
    mov r12, r1
    ldr r8, [r0, #4]
    ldr r4, [r0, #8]
    ldr r5, [r0, #12]
    mov second, r2
    mov output, r3
    mov by_first, r8
    mov first, r12
    .balign 8
1:
    four \clamped
    four \clamped
    vmov x0, END
    cmp.w first, x0
    bne.w 1b
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

blocks sum_s8_blocks, 0
blocks sum_s8_clamped_blocks, 1

#endif
