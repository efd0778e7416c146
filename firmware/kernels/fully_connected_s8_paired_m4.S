#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)

// The blocks of fully_connected_s8_paired for cores with the DSP and floating-point extensions; its C twin is
// blocks_of in fully_connected_s8_paired.c.

    .syntax unified
    .thumb

// Registers in the inner loop: for units 0 to 7 of the block, low0 is the sum of unit 0 and high0 256 times that of
// unit 1 plus that of unit 0, and so on. Blocks of four units have two pairs and use two of the other registers as t0 and t1.
high0 .req r4
low0  .req r5
high1 .req r6
low1  .req r7
high2 .req r8
low2  .req r9
high3 .req r10
low3  .req r11
t0 .req r8
t1 .req r9
weights .req r0
inputs  .req r1
x  .req r2
w0 .req r3
w1 .req r12
w2 .req lr

// Kept in the floating-point registers: a move takes one cycle and breaks no run of loads.
#define INPUTS s0
#define ENTRY s1
#define INPUTS_END s2
#define OUTPUT s3
#define OUTPUT_END s4
#define MULTIPLIER s5
#define OFFSET s6
#define LAST s7 // of the record

// FULLY_CONNECTED_APART and so on.
#define APART 0
#define SHARED 1
#define CLAMPED 2
#define SIGNED 3

#define WHOLE_SHIFT 4 // REQUANTIZE_FIXED_WHOLE
#define FINE_SHIFT 12 // REQUANTIZE_FIXED_FINE
#define SIGNED_SHIFT 14 // REQUANTIZE_SIGNED_SHIFT

#define RUN 8
    .equ PRODUCTS4_BYTES, 136
    .equ PRODUCTS2_BYTES, 72

// 8 units by 4 inputs: 37 cycles. Loads in groups as large as the registers allow, since the first of each costs two.
.macro products4
    ldr.w x, [inputs], #8
    ldr.w w0, [weights], #32
    ldr.w w1, [weights, #-28]
    ldr.w w2, [weights, #-24]
    smlad high0, w0, x, high0
    smlad high1, w1, x, high1
    smlad high2, w2, x, high2
    sxtb16 w0, w0
    sxtb16 w1, w1
    sxtb16 w2, w2
    smlad low0, w0, x, low0
    smlad low1, w1, x, low1
    smlad low2, w2, x, low2
    ldr.w w0, [weights, #-20]
    ldr.w w1, [inputs, #-4]
    ldr.w w2, [weights, #-16]
    smlad high3, w0, x, high3
    sxtb16 w0, w0
    smlad low3, w0, x, low3
    smlad high0, w2, w1, high0
    sxtb16 w2, w2
    smlad low0, w2, w1, low0
    ldr.w x, [weights, #-12]
    ldr.w w0, [weights, #-8]
    ldr.w w2, [weights, #-4]
    smlad high1, x, w1, high1
    smlad high2, w0, w1, high2
    smlad high3, w2, w1, high3
    sxtb16 x, x
    sxtb16 w0, w0
    sxtb16 w2, w2
    smlad low1, x, w1, low1
    smlad low2, w0, w1, low2
    smlad low3, w2, w1, low3
.endm

// 4 units by 4 inputs: 19 cycles.
.macro products2
    ldr.w x, [inputs], #8
    ldr.w t0, [inputs, #-4]
    ldr.w w0, [weights], #16
    ldr.w w1, [weights, #-12]
    ldr.w w2, [weights, #-8]
    ldr.w t1, [weights, #-4]
    smlad high0, w0, x, high0
    smlad high1, w1, x, high1
    smlad high0, w2, t0, high0
    smlad high1, t1, t0, high1
    sxtb16 w0, w0
    sxtb16 w1, w1
    sxtb16 w2, w2
    sxtb16 t1, t1
    smlad low0, w0, x, low0
    smlad low1, w1, x, low1
    smlad low0, w2, t0, low0
    smlad low1, t1, t0, low1
.endm

// Rescale twice the sum by x, w0 and w1, saturate, store at w2.
.macro finish sum, shared
.if \shared == 0
    ldr.w x, [weights], #12
    ldr.w w0, [weights, #-8]
    ldr.w w1, [weights, #-4]
.endif
    add.w inputs, w0, \sum, asr #31
    smmlar \sum, \sum, x, inputs
    asr.w \sum, \sum, w1
    ssat \sum, #8, \sum
    strb.w \sum, [w2], #1
.endm

// The same with 256 times the sum: `requantize_fixed_signed`.
.macro finish_signed sum
    and.w inputs, w1, \sum, asr #31
    sub.w inputs, w0, inputs
    smmla \sum, \sum, x, inputs
    ssat \sum, #8, \sum, asr #SIGNED_SHIFT
    strb.w \sum, [w2], #1
.endm

// `requantize_fixed_whole` of a sum and `requantize_fixed_fine` of 256 times another.
.macro finish_clamped high, low
    smmla \low, \low, x, w0
    smmul \high, \high, w1
    ssat \low, #8, \low, asr #WHOLE_SHIFT
    ssat \high, #8, \high, asr #FINE_SHIFT
    strb.w \low, [w2], #2
    strb.w \high, [w2, #-1]
.endm

.macro finish_pair high, low, rescaling
    sub.w \high, \high, \low
.if \rescaling == CLAMPED
    finish_clamped \high, \low
.elseif \rescaling == SIGNED
    lsl.w \low, \low, #8
    finish_signed \low
    finish_signed \high
.else
    lsl.w \low, \low, #1
    asr.w \high, \high, #7
    finish \low, \rescaling
    finish \high, \rescaling
.endif
.endm

// (block, inputs, output, output_end, words, record). Turns of the unrolled loop of RUN words of inputs fit the
// instruction cache.
.macro blocks name, pairs, rescaling=APART
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .balign 8
\name:
    push {r4-r11, lr}
    ldr r4, [sp, #36] // words
    ldr r5, [sp, #40] // record
    vmov INPUTS, inputs
    add r6, inputs, r4, lsl #2
    vmov INPUTS_END, r6
    vmov OUTPUT, r2
    vmov OUTPUT_END, r3
.if \rescaling
    vldmia r5, {s5-s7}
.endif
    rsb r4, r4, #0 // the first turn begins where a whole number of turns remains
    and r4, r4, #RUN - 1
    mov r5, #PRODUCTS\pairs\()_BYTES / 2
    adr.w r6, 2f + 1
    mla r6, r4, r5, r6
    vmov ENTRY, r6
    .balign 4
1:  // a block
    vmov inputs, INPUTS
.if \pairs == 4
    ldmia.w weights!, {r4-r11}
.else
    ldmia.w weights!, {r4-r7}
.endif
    vmov x, ENTRY
    bx x
    .balign 4
2:
.rept RUN / 2
    products\pairs
.endr
    vmov x, INPUTS_END
    cmp.w inputs, x
    bne.w 2b
    vmov w2, OUTPUT
.if \rescaling
    vmov x, MULTIPLIER
    vmov w0, OFFSET
    vmov w1, LAST
.endif
    finish_pair high0, low0, \rescaling
    finish_pair high1, low1, \rescaling
.if \pairs == 4
    finish_pair high2, low2, \rescaling
    finish_pair high3, low3, \rescaling
.endif
    vmov OUTPUT, w2
    vmov inputs, OUTPUT_END
    cmp.w w2, inputs
    bne.w 1b
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

blocks fully_connected_s8_paired_fours, 2
blocks fully_connected_s8_paired_eights, 4
blocks fully_connected_s8_paired_shared, 4, SHARED
blocks fully_connected_s8_paired_clamped, 4, CLAMPED
blocks fully_connected_s8_paired_signed, 4, SIGNED

#endif
