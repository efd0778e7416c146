// The inner part of conv_2d_s8_paired for cores with the DSP and floating-point extensions; its C twin is
// paired_block in conv_2d_s8_paired.c.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)

    .syntax unified
    .thumb

// Registers in the inner loop: for filters 0 to 3 of the block and pixels a and b of the pair, low0 is the sum of
// filter 0 and high0 256 times that of filter 1 plus that of filter 0, low1 and high1 the same for filters 2 and 3.
high0a .req r4
high0b .req r5
low0a  .req r6
low0b  .req r7
high1a .req r8
high1b .req r9
low1a  .req r10
low1b  .req r11
weights .req r0
column  .req r1
w0 .req r2
w1 .req r3
xa .req r12
xb .req lr

// Constants of a block, kept in the floating-point registers: a move takes one cycle and breaks no run of loads.
#define RUNS_END s0
#define WEIGHTS_END s1
#define COLUMNS_END s2
#define WEIGHTS s3
#define BIAS_HIGH0 s4
#define BIAS_LOW0 s5
#define BIAS_HIGH1 s6
#define BIAS_LOW1 s7
#define OUTPUT s20
#define STEP s21
#define COLUMN s22

#define RUN 16 // words of weights in one turn of the unrolled loop

// 16 products of two inputs, 15 cycles. `first` moves both pointers on by a turn's `bytes`, the others look back.
.macro products first, offset, bytes
.if \first
    ldr.w w0, [weights], #\bytes
    ldr.w w1, [weights, #4 - \bytes]
    ldr.w xa, [column], #\bytes
    ldr.w xb, [column, #4 - \bytes]
.else
    ldr.w w0, [weights, #\offset - \bytes]
    ldr.w w1, [weights, #\offset + 4 - \bytes]
    ldr.w xa, [column, #\offset - \bytes]
    ldr.w xb, [column, #\offset + 4 - \bytes]
.endif
    smlad high0a, w0, xa, high0a
    smlad high0b, w0, xb, high0b
    sxtb16 w0, w0
    smlad high1a, w1, xa, high1a
    smlad high1b, w1, xb, high1b
    sxtb16 w1, w1
    smlad low0a, w0, xa, low0a
    smlad low0b, w0, xb, low0b
    smlad low1a, w1, xa, low1a
    smlad low1b, w1, xb, low1b
.endm

// Both pixels of one filter: rescale, saturate, store at `index`.
.macro finish sum_a, sum_b, multiplier, offset, shift, index, floor
    vmov w0, \multiplier
    vmov w1, \offset
    vmov xa, \shift
    smmlar \sum_a, \sum_a, w0, \sum_a
    smmlar \sum_b, \sum_b, w0, \sum_b
.if \floor == 0
    add \sum_a, \sum_a, \sum_a, asr #31
    add \sum_b, \sum_b, \sum_b, asr #31
.endif
    add \sum_a, \sum_a, w1
    add \sum_b, \sum_b, w1
    asr \sum_a, \sum_a, xa
    asr \sum_b, \sum_b, xa
    ssat \sum_a, #8, \sum_a
    ssat \sum_b, #8, \sum_b
    strb \sum_a, [r0, #\index]
    strb \sum_b, [r1, #\index]
.endm

// (block, columns, columns_end, output, step, words)
.macro block name, floor
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .balign 8
\name:
    push {r4-r11, lr}
    vpush {s16-s23}
    ldr r4, [sp, #68] // step
    ldr r5, [sp, #72] // words
    vmov OUTPUT, r3
    vmov STEP, r4
    vmov COLUMNS_END, r2
    vldmia r0!, {s4-s7}
    vmov WEIGHTS, r0
    bic r6, r5, #RUN - 1
    add r6, r0, r6, lsl #2
    vmov RUNS_END, r6
    add r6, r0, r5, lsl #2
    vmov WEIGHTS_END, r6
    vldmia r6, {s8-s19}
1:  // a pair of pixels
    vmov high0a, BIAS_HIGH0
    vmov low0a, BIAS_LOW0
    vmov high1a, BIAS_HIGH1
    vmov low1a, BIAS_LOW1
    mov high0b, high0a
    mov low0b, low0a
    mov high1b, high1a
    mov low1b, low1a
    vmov weights, WEIGHTS
    vmov w0, RUNS_END
    cmp weights, w0
    beq 3f
    .balign 8
2:  // 16 inputs
    products 1, 0, 4 * RUN
    products 0, 8, 4 * RUN
    products 0, 16, 4 * RUN
    products 0, 24, 4 * RUN
    products 0, 32, 4 * RUN
    products 0, 40, 4 * RUN
    products 0, 48, 4 * RUN
    products 0, 56, 4 * RUN
    vmov w0, RUNS_END
    cmp weights, w0
    bne 2b
3:
    vmov w0, WEIGHTS_END
    cmp weights, w0
    beq 5f
    .balign 8
4:  // 4 inputs
    products 1, 0, 16
    products 0, 8, 16
    vmov w0, WEIGHTS_END
    cmp weights, w0
    bne 4b
5:
    vmov COLUMN, column
    vmov r0, OUTPUT
    vmov w0, STEP
    add r1, r0, w0
    add w0, r1, w0
    vmov OUTPUT, w0
    sub high0a, high0a, low0a
    sub high0b, high0b, low0b
    sub high1a, high1a, low1a
    sub high1b, high1b, low1b
    asr high0a, high0a, #8
    asr high0b, high0b, #8
    asr high1a, high1a, #8
    asr high1b, high1b, #8
    finish low0a, low0b, s8, s9, s10, 0, \floor
    finish high0a, high0b, s11, s12, s13, 1, \floor
    finish low1a, low1b, s14, s15, s16, 2, \floor
    finish high1a, high1b, s17, s18, s19, 3, \floor
    vmov column, COLUMN
    vmov w0, COLUMNS_END
    cmp column, w0
    bne 1b
    vpop {s16-s23}
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

block conv_2d_s8_paired_block, 0
block conv_2d_s8_paired_block_floor, 1

#endif
