// The inner parts of depthwise_conv_2d_s8_3x3 for cores with the DSP and floating-point extensions; their C twins are
// in depthwise_conv_2d_s8_3x3.c.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)

    .syntax unified
    .thumb

at     .req r0
line   .req r1
pair0  .req r2 // weights of rows 0 and 1 by column
pair1  .req r3
pair2  .req r4
third  .req r5 // row 2: column 0 below column 1
third2 .req r6 // the right shift below row 2 of column 2
multiplier .req r7
offset .req r8
bias .req r8 // where there is no offset
x0 .req r10
x1 .req r11
x2 .req r12

#define FIRST s0
#define END s1
#define ENTRY s2
#define RECORDS s3
#define CHANNELS s4
#define BIAS s5

// In an unrolled loop, powers of two; with what is around it the loop still fits an instruction cache of 1 KB.
#define TURNS 8
#define MORE_TURNS 16 // of the shortest

// The three inputs of a window's column, the third of which is added before the pair is made: a load's result is not
// shifted in the next cycle.
.macro inputs1
    ldrsb.w x1, [at, line]
    ldrsb.w x2, [at, line, lsl #1]
    ldrsb.w x0, [at], #4
.endm

.macro inputs2
    ldrsb.w x1, [at, #4]
    ldrsb.w x2, [at, line]
    ldrsb.w x0, [at], #8
.endm

.macro column0 sum, from
    smlabb \sum, x2, third, \from
    pkhbt x0, x0, x1, lsl #16
    smlad \sum, x0, pair0, \sum
.endm

.macro column1 sum
    smlabt \sum, x2, third, \sum
    pkhbt x0, x0, x1, lsl #16
    smlad \sum, x0, pair1, \sum
.endm

.macro column2 sum
    smlabt \sum, x2, third2, \sum
    pkhbt x0, x0, x1, lsl #16
    smlad \sum, x0, pair2, \sum
.endm

#define FINE_SHIFT 12 // REQUANTIZE_FIXED_FINE

.macro finish sum, back, fixed
.if \fixed
    smmul \sum, \sum, multiplier
    ssat \sum, #8, \sum, asr #FINE_SHIFT
.else
    smmulr \sum, \sum, multiplier
    add.w \sum, \sum, \sum, asr #31
    add.w \sum, \sum, offset
    asr.w \sum, \sum, third2
    ssat \sum, #8, \sum
.endif
    strb.w \sum, [at, #-\back]
.endm

// A column is the last of one window, the middle one of the next and the first of another.
.macro turn1 old, new, fixed
    inputs1
    column2 \old
    finish \old, 12, \fixed
    smlabt \new, x2, third, \new
    smlad \new, x0, pair1, \new
.if \fixed
    smlabb \old, x2, third, bias
.else
    vmov \old, BIAS
    smlabb \old, x2, third, \old
.endif
    smlad \old, x0, pair0, \old
.endm

.macro turn2 sum, start, fixed
    inputs2
    column1 \sum
    inputs2
    column2 \sum
    finish \sum, 24, \fixed
    smlabb \sum, x2, third, \start
    smlad \sum, x0, pair0, \sum
.endm

// (plane, records, line, run, channels): windows lie 1 << shift bytes apart, a turn takes `bytes` of code.
.macro begin name, shift, bytes, turns
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .balign 8
\name:
    push.w {r4-r11, lr}
    ldr.w r12, [sp, #36]
    vmov FIRST, r0
    vmov RECORDS, r1
    vmov CHANNELS, r12
    add.w r4, r0, r3, lsl #\shift
    add.w r4, r4, #8
    vmov END, r4
    rsb.w r4, r3, #0
    and r4, r4, #\turns - 1
    mov.w r5, #\bytes
    adr.w r6, 2f
    mla r6, r4, r5, r6
    orr r6, r6, #1
    vmov ENTRY, r6
    mov.w line, r2
    .balign 8
1:  // a channel
    vmov at, FIRST
    vmov x0, RECORDS
    ldm.w x0!, {r2-r9}
    vmov RECORDS, x0
.endm

.macro end name
    vmov x0, END
    cmp.w at, x0
    bne.w 2b
    vmov at, FIRST
    add.w at, at, #1
    add.w x0, x0, #1
    vmov x1, CHANNELS
    vmov FIRST, at
    vmov END, x0
    subs.w x1, x1, #1
    vmov CHANNELS, x1
    bne.w 1b
    pop.w {r4-r11, pc}
    .size \name, . - \name
.endm

.macro stride1 name, fixed, turns
    begin \name, 2, 68 - 16 * \fixed, \turns
    inputs1
.if \fixed
    column0 r9, bias
.else
    vmov BIAS, r9
    column0 r9, r9
.endif
    inputs1
    column1 r9
.if \fixed
    smlabb lr, x2, third, bias
.else
    vmov lr, BIAS
    smlabb lr, x2, third, lr
.endif
    smlad lr, x0, pair0, lr
    vmov x1, ENTRY
    bx x1
    .balign 8
2:
.rept \turns / 2
    turn1 r9, lr, \fixed
    turn1 lr, r9, \fixed
.endr
    end \name
.endm

.macro stride2 name, start, fixed
    begin \name, 4, 80 - 12 * \fixed, TURNS
    inputs2
    column0 lr, \start
    vmov x1, ENTRY
    bx x1
    .balign 8
2:
.rept TURNS
    turn2 lr, \start, \fixed
.endr
    end \name
.endm

stride1 depthwise_3x3_stride1, 0, TURNS
stride1 depthwise_3x3_stride1_fixed, 1, MORE_TURNS
stride2 depthwise_3x3_stride2, r9, 0
stride2 depthwise_3x3_stride2_fixed, bias, 1

// Copies 8 words at a time, then the 4, 2 and 1 that are left of `count` words; `four`, `two` and `one` copy.
.macro words count, four, two, one
    subs.w lr, \count, #8
    blt.w 5f
    .balign 4
4:
    \four
    \four
    subs.w lr, lr, #8
    bge.w 4b
5:
    lsls.w lr, \count, #30
    bcc.w 6f
    \four
6:
    bpl.w 7f
    \two
7:
    tst.w \count, #1
    beq.w 8f
    \one
8:
.endm

#define PAD s0
#define BEHIND s1
#define SKIP s2
#define TURN s3

.macro take4 places
    ldr.w r4, [r1]
    ldr.w r5, [r1, r2]
    ldr.w r6, [r1, r2, lsl #1]
    ldr.w r7, [r1, r12]
    add.w r1, r1, r2, lsl #2
    str.w r5, [r0, #4 * \places]
    str.w r6, [r0, #8 * \places]
    str.w r7, [r0, #12 * \places]
    str.w r4, [r0], #16 * \places
.endm

.macro take2 places
    ldr.w r4, [r1]
    ldr.w r5, [r1, r2]
    add.w r1, r1, r2, lsl #1
    str.w r5, [r0, #4 * \places]
    str.w r4, [r0], #8 * \places
.endm

.macro take1 places
    ldr.w r4, [r1]
    add.w r1, r1, r2
    str.w r4, [r0], #4 * \places
.endm

// (source, to, from, lines, advance) -> to. Words go `places` words apart.
.macro take name, places
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .balign 8
\name:
    push.w {r4-r11, lr}
    ldr.w r11, [sp, #36] // advance
    ldm.w r0, {r4-r10}
    vmov SKIP, r5
    vmov PAD, r6
    vmov BEHIND, r8
    vmov TURN, r10
    mov.w r0, r1
    mov.w r1, r2
    mov.w r2, r4
    mov.w r8, r3
    mov.w r3, r7
    add.w r12, r2, r2, lsl #1
1:  // a line
    vmov lr, PAD
    subs.w lr, lr, #1
    blt.w 3f
2:
    str.w r9, [r0], #4 * \places
    subs.w lr, lr, #1
    bge.w 2b
3:
    words r3, "take4 \places", "take2 \places", "take1 \places"
    vmov lr, BEHIND
    vmov r10, SKIP
    add.w r1, r1, r10
    subs.w lr, lr, #4
    blt.w 5f
4:
    str.w r9, [r0, #4 * \places]
    str.w r9, [r0, #8 * \places]
    str.w r9, [r0, #12 * \places]
    str.w r9, [r0], #16 * \places
    subs.w lr, lr, #4
    bge.w 4b
5:
    adds.w lr, lr, #4
    beq.w 7f
6:
    str.w r9, [r0], #4 * \places
    subs.w lr, lr, #1
    bne.w 6b
7:
    vmov r10, TURN
    add.w r0, r0, r11
    eor.w r11, r11, r10
    subs.w r8, r8, #1
    bne.w 1b
    pop.w {r4-r11, pc}
    .size \name, . - \name
.endm

.macro give4 places
    ldr.w r5, [r1, #4 * \places]
    ldr.w r6, [r1, #8 * \places]
    ldr.w r7, [r1, #12 * \places]
    ldr.w r4, [r1], #16 * \places
    str.w r5, [r0, r2]
    str.w r6, [r0, r2, lsl #1]
    str.w r7, [r0, r12]
    str.w r4, [r0]
    add.w r0, r0, r2, lsl #2
.endm

.macro give2 places
    ldr.w r5, [r1, #4 * \places]
    ldr.w r4, [r1], #8 * \places
    str.w r5, [r0, r2]
    str.w r4, [r0]
    add.w r0, r0, r2, lsl #1
.endm

.macro give1 places
    ldr.w r4, [r1], #4 * \places
    str.w r4, [r0]
    add.w r0, r0, r2
.endm

// (target, to, from, lines). Words come from `places` words apart.
.macro give name, places
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .balign 8
\name:
    push.w {r4-r10, lr}
    mov.w r4, r0
    mov.w r0, r1
    mov.w r1, r2
    ldm.w r4, {r2, r8, r9, r10} // along, skip, count, advance
    add.w r12, r2, r2, lsl #1
1:  // a line
    words r9, "give4 \places", "give2 \places", "give1 \places"
    add.w r0, r0, r8
    add.w r1, r1, r10
    subs.w r3, r3, #1
    bne.w 1b
    pop.w {r4-r10, pc}
    .size \name, . - \name
.endm

take depthwise_3x3_take1, 1
take depthwise_3x3_take2, 2
give depthwise_3x3_give1, 1
give depthwise_3x3_give4, 4

#endif
