// The inner parts of conv_2d_3x3_winograd_s8 for cores with the DSP and floating-point extensions; their C twins are
// functions of the same names in conv_2d_3x3_winograd_s8.c.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)

    .syntax unified
    .thumb

#define POSITIONS 36
#define LIFT 12750

.macro function name
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .balign 8
\name:
.endm

// B^T d in place, 12 cycles.
.macro transform_six d0, d1, d2, d3, d4, d5, c, e
    sub.w \c, \d4, \d2
    sub.w \d0, \d0, \d2
    add.w \d0, \c, \d0, lsl #2
    sub.w \e, \d3, \d1
    sub.w \d5, \d5, \d3
    sub.w \d5, \d5, \e, lsl #2
    sub.w \d4, \d4, \d2, lsl #2
    sub.w \d3, \d3, \d1, lsl #2
    add.w \d1, \d4, \d3
    sub.w \d2, \d4, \d3
    add.w \d3, \c, \e, lsl #1
    sub.w \d4, \c, \e, lsl #1
.endm

// Half of the channels of a column.
.macro column rotation, to
    ldr.w r0, [r6]
    ldr.w r1, [r6, r8]
    ldr.w r2, [r6, r8, lsl #1]
    ldr.w r3, [r7]
    ldr.w r4, [r7, r8]
    ldr.w r5, [r7, r8, lsl #1]
    sxtab16 r0, r9, r0, ror #\rotation
    sxtab16 r1, r9, r1, ror #\rotation
    sxtab16 r2, r9, r2, ror #\rotation
    sxtab16 r3, r9, r3, ror #\rotation
    sxtab16 r4, r10, r4, ror #\rotation
    sxtab16 r5, r10, r5, ror #\rotation
    transform_six r0, r1, r2, r3, r4, r5, r12, lr
    str.w r1, [r11, #\to + 24]
    str.w r2, [r11, #\to + 48]
    str.w r3, [r11, #\to + 72]
    str.w r4, [r11, #\to + 96]
    str.w r5, [r11, #\to + 120]
.if \to == 0
    str.w r0, [r11]
.else
    str.w r0, [r11, #\to]
.endif
.endm

// (from, row_step, pixel_step, v, quads, pairs)
#define FROM s0
#define PIXEL_STEP s1
#define V s2
#define BASE s3
#define LIFTED s4
#define COLUMNS_END s5
#define ROW_STEP s6
#define BELOW s7 // three rows
#define V_ROW s8
#define QUADS s9
#define COLUMNS (6 * 6 * 4) // bytes of the columns of a pair

function conv_2d_winograd_inputs
    push {r4-r11, lr}
    sub sp, #2 * COLUMNS
    ldr r4, [sp, #2 * COLUMNS + 36] // quads
    ldr r5, [sp, #2 * COLUMNS + 40] // pairs
    vmov FROM, r0
    vmov ROW_STEP, r1
    vmov PIXEL_STEP, r2
    vmov V, r3
    add r1, r1, r1, lsl #1
    vmov BELOW, r1
    add r5, r5, r5, lsl #1
    lsl r5, #5
    vmov V_ROW, r5
    mov r0, #128
    orr r0, r0, r0, lsl #16
    vmov BASE, r0
    movw r0, #128 + LIFT
    orr r0, r0, r0, lsl #16
    vmov LIFTED, r0
    vmov QUADS, r4
1:  // four channels
    vmov r6, FROM
    vmov r0, BELOW
    vmov r8, ROW_STEP
    vmov r9, BASE
    add r7, r6, r0
    add r0, r6, #4
    vmov FROM, r0
    mov r10, r9
    mov r11, sp
    add r0, r11, #4 * 4
    vmov COLUMNS_END, r0
    .balign 8
2:
    column 0, 0
    column 8, COLUMNS
    vmov r0, PIXEL_STEP
    vmov r1, COLUMNS_END
    add r11, #4
    add r6, r0
    add r7, r0
    cmp r11, r1
    bne 2b
    vmov r2, LIFTED // for the last two columns
    add r0, r11, #2 * 4
    vmov COLUMNS_END, r0
    cmp r10, r2
    mov r10, r2
    bne 2b

    mov r11, sp
    vmov r6, V
    vmov r7, V_ROW
    mov r9, #2
3:  // a pair
    add r8, r11, #COLUMNS
    mov r10, r6
    .balign 8
4:  // a row
    ldr.w r0, [r11], #24
    ldr.w r1, [r11, #-20]
    ldr.w r2, [r11, #-16]
    ldr.w r3, [r11, #-12]
    ldr.w r4, [r11, #-8]
    ldr.w r5, [r11, #-4]
    transform_six r0, r1, r2, r3, r4, r5, r12, lr
    str.w r0, [r6]
    str.w r1, [r6, #16]
    str.w r2, [r6, #32]
    str.w r3, [r6, #48]
    str.w r4, [r6, #64]
    str.w r5, [r6, #80]
    cmp r11, r8
    add.w r6, r6, r7
    bne 4b
    add r6, r10, #96
    subs r9, #1
    bne 3b
    vmov V, r6
    vmov r0, QUADS
    subs r0, #1
    vmov QUADS, r0
    bne 1b
    add sp, #2 * COLUMNS
    pop {r4-r11, pc}
    .size conv_2d_winograd_inputs, . - conv_2d_winograd_inputs

// 16 products of a pair of channels, 16 cycles. `multiply` is smlad, or smuad for the first.
.macro accumulate multiply, sum, w, x
.ifc \multiply, smuad
    smuad \sum, \w, \x
.else
    smlad \sum, \w, \x, \sum
.endif
.endm

.macro products multiply, place
.if \place == 0
    ldr.w r2, [r0], #16
    ldr.w r3, [r0, #-12]
    ldr.w r12, [r1], #192
    ldr.w lr, [r1, #-188]
.else
    ldr.w r2, [r0, #-8]
    ldr.w r3, [r0, #-4]
    ldr.w r12, [r1, #-96]
    ldr.w lr, [r1, #-92]
.endif
    accumulate \multiply, r4, r2, r12
    accumulate \multiply, r5, r3, r12
    accumulate \multiply, r6, r2, lr
    accumulate \multiply, r7, r3, lr
.if \place == 0
    ldr.w r12, [r1, #-184]
    ldr.w lr, [r1, #-180]
.else
    ldr.w r12, [r1, #-88]
    ldr.w lr, [r1, #-84]
.endif
    accumulate \multiply, r8, r2, r12
    accumulate \multiply, r9, r3, r12
    accumulate \multiply, r10, r2, lr
    accumulate \multiply, r11, r3, lr
.endm

.macro eight_products
    products smlad, 0
    products smlad, 1
    products smlad, 0
    products smlad, 1
    products smlad, 0
    products smlad, 1
    products smlad, 0
    products smlad, 1
.endm

#define SUMS s0
#define WEIGHTS_END s1 // of the position
#define WEIGHTS_REST s2 // bytes of a position behind the first pairs
#define NEXT_COLUMN s3 // bytes in v, back
#define ROW_END s4
#define ROWS_LEFT s5

// All positions: `first` pairs, then turns of eight if `more`.
.macro positions first, more
    .balign 32 // with turns of eight pairs, the loop just fits an instruction cache of 1 KiB
2:
    products smuad, 0
    products smlad, 1
    products smlad, 0
    products smlad, 1
.if \first == 8
    products smlad, 0
    products smlad, 1
    products smlad, 0
    products smlad, 1
.endif
.if \more
    vmov r2, WEIGHTS_REST
    adds r2, r0, r2
    vmov WEIGHTS_END, r2
    cmp r0, r2
    beq 4f
    .balign 8
3:
    eight_products
    vmov r2, WEIGHTS_END
    cmp r0, r2
    bne 3b
4:
.endif
    vmov r2, SUMS
    vmov r3, NEXT_COLUMN
    vmov r12, ROW_END
    str.w r4, [r2], #4
    str.w r5, [r2, #4 * POSITIONS - 4]
    str.w r6, [r2, #8 * POSITIONS - 4]
    str.w r7, [r2, #12 * POSITIONS - 4]
    str.w r8, [r2, #16 * POSITIONS - 4]
    str.w r9, [r2, #20 * POSITIONS - 4]
    str.w r10, [r2, #24 * POSITIONS - 4]
    str.w r11, [r2, #28 * POSITIONS - 4]
    vmov SUMS, r2
    subs r1, r1, r3
    cmp r1, r12
    bne 2b
    vmov r4, ROWS_LEFT
    add r1, r1, r3 // one row's end is 80 bytes behind the first column of the next
    add r2, r1, #16
    sub r1, #80
    vmov ROW_END, r2
    subs r4, #1
    vmov ROWS_LEFT, r4
    bne 2b
    pop {r4-r11, pc}
.endm

// (weights, v, sums, pairs)
function conv_2d_winograd_multiply
    push {r4-r11, lr}
    vmov SUMS, r2
    add r4, r3, r3, lsl #1
    lsl r4, #5
    sub r4, #16
    vmov NEXT_COLUMN, r4
    add r4, r1, #96
    vmov ROW_END, r4
    mov r4, #6
    vmov ROWS_LEFT, r4
    bic r4, r3, #7 // of pairs, a multiple of four, there may be four beyond those of turns of eight
    cmp r4, r3
    bne 5f
    subs r4, #8
    beq 6f
    lsl r4, #3
    vmov WEIGHTS_REST, r4
    positions 8, 1
5:
    lsl r4, #3
    vmov WEIGHTS_REST, r4
    positions 4, 1
6:
    positions 8, 0
    .size conv_2d_winograd_multiply, . - conv_2d_winograd_multiply

// A^T m without the factors in common: to m0, m1, m3 and m5; 10 cycles.
.macro transform_four m0, m1, m2, m3, m4, m5, t
    add.w \t, \m1, \m2
    sub.w \m1, \m1, \m2
    add.w \m2, \m3, \m4
    sub.w \m4, \m3, \m4
    add.w \m0, \m2, \m0, lsl #1
    add.w \m3, \t, \m2
    add.w \m0, \m0, \t, lsl #2
    add.w \m5, \m4, \m5
    add.w \m5, \m1, \m5, lsl #1
    add.w \m1, \m4, \m1, lsl #1
.endm

.macro sums_column x
    ldr.w r3, [r0, #4 * \x]
    ldr.w r4, [r0, #4 * \x + 24]
    ldr.w r5, [r0, #4 * \x + 48]
    ldr.w r6, [r0, #4 * \x + 72]
    ldr.w r7, [r0, #4 * \x + 96]
    ldr.w r8, [r0, #4 * \x + 120]
    transform_four r3, r4, r5, r6, r7, r8, r9
    str.w r3, [sp, #4 * \x]
    str.w r4, [sp, #4 * \x + 24]
    str.w r6, [sp, #4 * \x + 48]
    str.w r8, [sp, #4 * \x + 72]
.endm

// (sums, records, target, end)
#define END s0
#define RECORDS s1
#define SUMS s2
#define OUTPUT s3
#define OUTPUT_ROW s4 // bytes from the last pixel of a row to the first of the next
#define FILTERS_LEFT s5
#define TARGET s6
#define ROWS (4 * 6 * 4) // bytes

.macro outputs name, floor
function \name
    push {r4-r11, lr}
    sub sp, #ROWS + 4
    vmov END, r3
    vmov RECORDS, r1
1:  // a tile
    ldr r4, [r2]
    ldr r5, [r2, #4]
    ldr r12, [r2, #8] // pixel step
    vmov TARGET, r2
    vmov OUTPUT, r4
    sub r5, r5, r12
    sub r5, r5, r12, lsl #1
    vmov OUTPUT_ROW, r5
    vmov r1, RECORDS
    mov r4, #2
2:  // a filter
    vmov FILTERS_LEFT, r4
    sums_column 0
    sums_column 1
    sums_column 2
    sums_column 3
    sums_column 4
    sums_column 5
    add r0, #4 * POSITIONS
    vmov SUMS, r0
    add lr, sp, #ROWS
    ldr.w r9, [r1, #80]
    ldr.w r10, [r1, #84]
    ldr.w r11, [r1, #88]
    vmov s7, r10 // offset
    vmov r2, OUTPUT
    mov r10, sp
    .balign 8
3:  // a row
    ldr.w r3, [r10], #24
    ldr.w r4, [r10, #-20]
    ldr.w r5, [r10, #-16]
    ldr.w r6, [r10, #-12]
    ldr.w r7, [r10, #-8]
    ldr.w r8, [r10, #-4]
    transform_four r3, r4, r5, r6, r7, r8, r0
    ldr.w r0, [r1], #20
    ldr.w r5, [r1, #-16]
    ldr.w r7, [r1, #-12]
    mla r3, r3, r0, r5
    mla r4, r4, r0, r7
    ldr.w r5, [r1, #-8]
    ldr.w r7, [r1, #-4]
    asr.w r3, r3, #6
    asr.w r4, r4, #5
    mla r6, r6, r0, r5
    mla r8, r8, r0, r7
    vmov r0, s7
    smmlar r3, r3, r9, r3
    asr.w r6, r6, #4
    smmlar r4, r4, r9, r4
    asr.w r8, r8, #4
    smmlar r6, r6, r9, r6
    smmlar r8, r8, r9, r8
.if \floor == 0
    add.w r3, r3, r3, asr #31
    add.w r4, r4, r4, asr #31
    add.w r6, r6, r6, asr #31
    add.w r8, r8, r8, asr #31
.endif
    add.w r3, r3, r0
    add.w r4, r4, r0
    add.w r6, r6, r0
    add.w r8, r8, r0
    asr.w r3, r3, r11
    asr.w r4, r4, r11
    ssat r3, #8, r3
    asr.w r6, r6, r11
    strb.w r3, [r2]
    add.w r2, r2, r12
    ssat r4, #8, r4
    asr.w r8, r8, r11
    strb.w r4, [r2]
    add.w r2, r2, r12
    ssat r6, #8, r6
    ssat r8, #8, r8
    strb.w r6, [r2]
    add.w r2, r2, r12
    vmov r0, OUTPUT_ROW
    cmp r10, lr
    strb.w r8, [r2]
    add.w r2, r2, r0
    bne 3b
    vmov r0, SUMS
    vmov r3, OUTPUT
    vmov r4, FILTERS_LEFT
    adds r1, #12
    adds r3, #1
    vmov OUTPUT, r3
    subs r4, #1
    bne 2b
    vmov r2, TARGET
    str r3, [r2], #12
    vmov r3, END
    cmp r2, r3
    bne 1b
    add sp, #ROWS + 4
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

outputs conv_2d_winograd_outputs, 0
outputs conv_2d_winograd_outputs_floor, 1

#endif
