// The inner parts of conv_2d_3x3_winograd_s8 for cores with the DSP and floating-point extensions; their C twins are
// functions of the same names in conv_2d_3x3_winograd_s8.c.
#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)

    .syntax unified
    .thumb

#define SIDE 6 // of a tile's inputs and sums
#define SIDE_STRIDE2 9
#define LIFT 12750 // CONV_2D_WINOGRAD_LIFT
#define SHIFT 14 // REQUANTIZE_SIGNED_SHIFT
#define SUM_SHIFT 21 // SUM_S8_SHIFT

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

// A number for each of two halves, as an integer 2^16 n + n.
.macro both register, n
    movw \register, #((\n) * 0x10001) & 0xffff
    movt \register, #(((\n) * 0x10001) >> 16) & 0xffff
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
#define COLUMNS (4 * SIDE * SIDE) // bytes of the columns of a pair

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
    both r0, 128
    vmov BASE, r0
    both r0, 128 + LIFT
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

// B^T d of the five inputs in even places: to d0, d1, d2, p and d4; 9 cycles.
.macro transform_five d0, d1, d2, d3, d4, p, q
    sub.w \p, \d3, \d1
    sub.w \q, \d3, \d2
    sub.w \d0, \d0, \d2
    sub.w \d4, \d4, \d2
    add.w \d0, \p, \d0, lsl #1
    sub.w \d2, \d1, \d2
    sub.w \d4, \d4, \p, lsl #1
    sub.w \d1, \q, \d1, lsl #1
    add.w \d2, \q, \d2, lsl #1
.endm

#define COLUMNS_STRIDE2 (4 * SIDE_STRIDE2 * SIDE_STRIDE2)
#define LIFTED_MORE s10
#define TWO_PIXELS s11
#define ROWS_END s12
#define PAIRS_LEFT s13

// Half of the channels of a column at r6 and, three even rows below, r7; r8: two rows.
.macro column_stride2 rotation, to
    ldr.w r0, [r6]
    ldr.w r1, [r6, r8]
    ldr.w r2, [r6, r8, lsl #1]
    ldr.w r3, [r7]
    ldr.w r4, [r7, r8]
    vmov r5, LIFTED_MORE
    sxtab16 r0, r9, r0, ror #\rotation
    sxtab16 r1, r9, r1, ror #\rotation
    sxtab16 r2, r9, r2, ror #\rotation
    sxtab16 r3, r10, r3, ror #\rotation
    sxtab16 r4, r5, r4, ror #\rotation
    transform_five r0, r1, r2, r3, r4, r12, r5
    add.w r5, r6, r8, lsr #1
    add.w lr, r7, r8, lsr #1
.if \to == 0
    str.w r0, [r11]
.else
    str.w r0, [r11, #\to]
.endif
    str.w r1, [r11, #\to + 4 * SIDE_STRIDE2]
    str.w r2, [r11, #\to + 8 * SIDE_STRIDE2]
    str.w r12, [r11, #\to + 12 * SIDE_STRIDE2]
    str.w r4, [r11, #\to + 16 * SIDE_STRIDE2]
    ldr.w r0, [r5]
    ldr.w r1, [r5, r8]
    ldr.w r2, [r5, r8, lsl #1]
    ldr.w r3, [lr]
    sxtab16 r0, r10, r0, ror #\rotation
    sxtab16 r1, r10, r1, ror #\rotation
    sxtab16 r2, r10, r2, ror #\rotation
    sxtab16 r3, r10, r3, ror #\rotation
    str.w r0, [r11, #\to + 20 * SIDE_STRIDE2]
    str.w r1, [r11, #\to + 24 * SIDE_STRIDE2]
    str.w r2, [r11, #\to + 28 * SIDE_STRIDE2]
    str.w r3, [r11, #\to + 32 * SIDE_STRIDE2]
.endm

// (from, row_step, pixel_step, v, quads, pairs)
function conv_2d_winograd_inputs_stride2
    push {r4-r11, lr}
    sub sp, #2 * COLUMNS_STRIDE2
    ldr r4, [sp, #2 * COLUMNS_STRIDE2 + 36] // quads
    ldr r5, [sp, #2 * COLUMNS_STRIDE2 + 40] // pairs
    vmov FROM, r0
    vmov V, r3
    vmov QUADS, r4
    vmov PIXEL_STEP, r2
    lsl r2, r2, #1
    vmov TWO_PIXELS, r2
    lsl r1, r1, #1
    vmov ROW_STEP, r1 // of two rows
    add r1, r1, r1, lsl #1
    vmov BELOW, r1
    add r5, r5, r5, lsl #3
    lsl r5, #4
    vmov V_ROW, r5
    both r9, 128
1:  // four channels
    vmov r6, FROM
    vmov r0, BELOW
    vmov r8, ROW_STEP
    add r7, r6, r0
    mov r10, r9
    vmov LIFTED_MORE, r9
    mov r11, sp // first the columns in even places
    add r0, sp, #4 * 3
    vmov COLUMNS_END, r0
    .balign 8
2:
    column_stride2 0, 0
    column_stride2 8, COLUMNS_STRIDE2
    vmov r0, TWO_PIXELS
    vmov r1, COLUMNS_END
    add r11, #4
    add r6, r0
    add r7, r0
    cmp r11, r1
    bne 2b
    mov r2, sp
    sub r2, r11, r2
    cmp r2, #4 * SIDE_STRIDE2
    beq 4f
    add r1, r1, #4
    both r10, 128 + LIFT
    both r3, 128 + 3 * LIFT
    cmp r2, #4 * 4
    blo 3f // the fourth column
    itt eq // the fifth
    moveq r10, r3
    beq 5f
    vmov r6, FROM // the columns in odd places
    vmov r0, PIXEL_STEP
    vmov r4, BELOW
    add r6, r6, r0
    add r7, r6, r4
    add r1, sp, #4 * SIDE_STRIDE2
    b 3f
5:
    both r3, 128 + 9 * LIFT
3:
    vmov LIFTED_MORE, r3
    vmov COLUMNS_END, r1
    b.w 2b

4:
    vmov r0, FROM
    add r0, #4
    vmov FROM, r0
    mov r11, sp
    vmov r6, V
    vmov r7, V_ROW
    mov r9, #2
6:  // a pair
    vmov PAIRS_LEFT, r9
    add r8, r11, #COLUMNS_STRIDE2
    vmov ROWS_END, r8
    vmov V, r6
    .balign 8
7:  // a row
    ldr.w r0, [r11], #4 * SIDE_STRIDE2
    ldr.w r1, [r11, #-32]
    ldr.w r2, [r11, #-28]
    ldr.w r3, [r11, #-24]
    ldr.w r4, [r11, #-20]
    ldr.w r5, [r11, #-16]
    ldr.w r8, [r11, #-12]
    ldr.w r9, [r11, #-8]
    ldr.w r10, [r11, #-4]
    transform_five r0, r1, r2, r3, r4, r12, lr
    str.w r0, [r6]
    str.w r1, [r6, #16]
    str.w r2, [r6, #32]
    str.w r12, [r6, #48]
    str.w r4, [r6, #64]
    str.w r5, [r6, #80]
    str.w r8, [r6, #96]
    str.w r9, [r6, #112]
    str.w r10, [r6, #128]
    vmov r0, ROWS_END
    cmp r11, r0
    add.w r6, r6, r7
    bne 7b
    vmov r6, V
    vmov r9, PAIRS_LEFT
    add r6, #16 * SIDE_STRIDE2
    subs r9, #1
    bne 6b
    vmov V, r6
    both r9, 128
    vmov r0, QUADS
    subs r0, #1
    vmov QUADS, r0
    bne.w 1b
    add sp, #2 * COLUMNS_STRIDE2
    pop {r4-r11, pc}
    .size conv_2d_winograd_inputs_stride2, . - conv_2d_winograd_inputs_stride2

// 16 products of a pair of channels, 16 cycles. `multiply` is smlad, or smuad for the first; `step`: bytes from a pair
// to the next in v.
.macro accumulate multiply, sum, w, x
.ifc \multiply, smuad
    smuad \sum, \w, \x
.else
    smlad \sum, \w, \x, \sum
.endif
.endm

.macro products multiply, place, step
.if \place == 0
    ldr.w r2, [r0], #16
    ldr.w r3, [r0, #-12]
.else
    ldr.w r2, [r0, #-8]
    ldr.w r3, [r0, #-4]
.endif
    ldr.w r12, [r1], #\step
    ldr.w lr, [r1, #4 - \step]
    accumulate \multiply, r4, r2, r12
    accumulate \multiply, r5, r3, r12
    accumulate \multiply, r6, r2, lr
    accumulate \multiply, r7, r3, lr
    ldr.w r12, [r1, #8 - \step]
    ldr.w lr, [r1, #12 - \step]
    accumulate \multiply, r8, r2, r12
    accumulate \multiply, r9, r3, r12
    accumulate \multiply, r10, r2, lr
    accumulate \multiply, r11, r3, lr
.endm

.macro two_products step
    products smlad, 0, \step
    products smlad, 1, \step
.endm

#define NEXT_SUMS s0
#define WEIGHTS_END s1 // of the position
#define WEIGHTS_REST s2 // bytes of a position behind the first pairs
#define NEXT_COLUMN s3 // bytes in v, back
#define ROW_END s4
#define ROWS_LEFT s5
#define ODD_COLUMNS s6
#define KIND s7 // bytes of the weights of a kind

// All positions: `first` pairs, then turns of eight if `more`.
.macro positions side, first, more
    .balign 32 // with turns of eight pairs, the loop just fits an instruction cache of 1 KiB
2:
    products smuad, 0, 16 * \side
    products smlad, 1, 16 * \side
    two_products 16 * \side
.if \first == 8
    two_products 16 * \side
    two_products 16 * \side
.endif
.if \more
    vmov r2, WEIGHTS_REST
    adds r2, r0, r2
    vmov WEIGHTS_END, r2
    cmp r0, r2
    beq 4f
    .balign 8
3:
    two_products 16 * \side
    two_products 16 * \side
    two_products 16 * \side
    two_products 16 * \side
    vmov r2, WEIGHTS_END
    cmp r0, r2
    bne 3b
4:
.endif
    vmov r2, NEXT_SUMS
    vmov r3, NEXT_COLUMN
    vmov r12, ROW_END
    str.w r4, [r2], #4
    str.w r5, [r2, #4 * \side * \side - 4]
    str.w r6, [r2, #8 * \side * \side - 4]
    str.w r7, [r2, #12 * \side * \side - 4]
    str.w r8, [r2, #16 * \side * \side - 4]
    str.w r9, [r2, #20 * \side * \side - 4]
    str.w r10, [r2, #24 * \side * \side - 4]
    str.w r11, [r2, #28 * \side * \side - 4]
    vmov NEXT_SUMS, r2
    subs r1, r1, r3
    cmp r1, r12
.if \side == SIDE
    bne 2b
.else
    beq 5f
    vmov r12, ODD_COLUMNS
    cmp r1, r12
    bls.w 2b
    vmov r2, KIND
    sub r0, r0, r2
    b.w 2b
5:
.endif
    vmov r4, ROWS_LEFT
    add r1, r1, r3 // one row's end is behind the first column of the next
    add r2, r1, #16
    sub r1, #16 * \side - 16
    vmov ROW_END, r2
.if \side == SIDE_STRIDE2
    sub r2, r2, #4 * 16
    vmov ODD_COLUMNS, r2
    cmp r4, #5
    bhs 6f
    vmov r2, KIND
    sub r0, r0, r2, lsl #1
    sub r0, r0, r2, lsl #2
6:
.endif
    subs r4, #1
    vmov ROWS_LEFT, r4
    bne.w 2b
    pop {r4-r11, pc}
.endm

// (weights, v, sums, pairs)
.macro multiply name, side
function \name
    push {r4-r11, lr}
    vmov NEXT_SUMS, r2
    // pairs times side times 16
.if \side == SIDE
    add r4, r3, r3, lsl #1
    lsl r4, #5
.else
    add r4, r3, r3, lsl #3
    lsl r4, #4
    lsl r5, r3, #3
    vmov KIND, r5
    add r5, r1, #16 * 5
    vmov ODD_COLUMNS, r5
.endif
    sub r4, #16
    vmov NEXT_COLUMN, r4
    add r4, r1, #16 * \side
    vmov ROW_END, r4
    mov r4, #\side
    vmov ROWS_LEFT, r4
    bic r4, r3, #7 // of pairs, a multiple of four, there may be four beyond those of turns of eight
    cmp r4, r3
    bne.w 8f
    subs r4, #8
    beq.w 9f
    lsl r4, #3
    vmov WEIGHTS_REST, r4
    positions \side, 8, 1
8:
    lsl r4, #3
    vmov WEIGHTS_REST, r4
    positions \side, 4, 1
9:
    positions \side, 8, 0
    .size \name, . - \name
.endm

multiply conv_2d_winograd_multiply, SIDE
multiply conv_2d_winograd_multiply_stride2, SIDE_STRIDE2

// A^T m without the factors that rows have in common: to m0, m1, m3 and m5; 10 cycles.
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

// With stride 2: to m0, q1, q2 and q3; 12 cycles.
.macro transform_four_stride2 m0, m1, m2, m3, m4, q0, q1, q2, q3, s, u
    add.w \s, \m1, \m2
    sub.w \u, \m1, \m2
    add.w \m0, \m0, \q0
    add.w \q1, \q1, \u
    add.w \q2, \q2, \s
    add.w \q3, \q3, \u
    add.w \m0, \m0, \s
    add.w \q1, \q1, \m3, lsl #1
    add.w \q2, \q2, \m3, lsl #2
    add.w \q3, \q3, \m3, lsl #3
    add.w \m0, \m0, \m3
    add.w \q3, \q3, \m4
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

.macro sums_column_stride2 x
    ldr.w r3, [r0, #4 * \x]
    ldr.w r4, [r0, #4 * \x + 36]
    ldr.w r5, [r0, #4 * \x + 72]
    ldr.w r6, [r0, #4 * \x + 108]
    ldr.w r7, [r0, #4 * \x + 144]
    ldr.w r8, [r0, #4 * \x + 180]
    ldr.w r9, [r0, #4 * \x + 216]
    ldr.w r10, [r0, #4 * \x + 252]
    ldr.w r11, [r0, #4 * \x + 288]
    transform_four_stride2 r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, r2
    str.w r3, [sp, #4 * \x]
    str.w r9, [sp, #4 * \x + 36]
    str.w r10, [sp, #4 * \x + 72]
    str.w r11, [sp, #4 * \x + 108]
.endm

// The columns of a filter's sums at r0, to rows at sp.
function conv_2d_winograd_columns
    sums_column 0
    sums_column 1
    sums_column 2
    sums_column 3
    sums_column 4
    sums_column 5
    bx lr
    .size conv_2d_winograd_columns, . - conv_2d_winograd_columns

function conv_2d_winograd_columns_stride2
    sums_column_stride2 0
    sums_column_stride2 1
    sums_column_stride2 2
    sums_column_stride2 3
    sums_column_stride2 4
    sums_column_stride2 5
    sums_column_stride2 6
    sums_column_stride2 7
    sums_column_stride2 8
    bx lr
    .size conv_2d_winograd_columns_stride2, . - conv_2d_winograd_columns_stride2

#define END s0
#define RECORDS s1
#define SUMS s2
#define OUTPUT s3
#define OUTPUT_ROW s4 // bytes from the last pixel of a row to the first of the next
#define FILTERS_LEFT s5
#define TARGET s6
#define OUTPUT_STEP s7
#define UNIT s8 // what takes sums to scaled ones, and its products with 2, 4, 8 and 16
#define UNIT2 s9
#define UNIT4 s10
#define UNIT8 s11
#define UNIT16 s12
#define MULTIPLIER s13
#define OFFSET s14
#define LOST s15
#define BY_OUTPUT s16
#define BY_THERE s17
#define SUM_OFFSET s18

// Four scaled sums to outputs; `t0` to `t3` may be any registers but those of the others.
.macro rescale floor, y0, y1, y2, y3, multiplier, offset, t0, t1, t2, t3
.if \floor
    smmla \y0, \y0, \multiplier, \offset
    smmla \y1, \y1, \multiplier, \offset
    smmla \y2, \y2, \multiplier, \offset
    smmla \y3, \y3, \multiplier, \offset
.else
    vmov \t3, LOST
    and.w \t0, \t3, \y0, asr #31
    and.w \t1, \t3, \y1, asr #31
    and.w \t2, \t3, \y2, asr #31
    and.w \t3, \t3, \y3, asr #31
    sub.w \t0, \offset, \t0
    sub.w \t1, \offset, \t1
    sub.w \t2, \offset, \t2
    sub.w \t3, \offset, \t3
    smmla \y0, \y0, \multiplier, \t0
    smmla \y1, \y1, \multiplier, \t1
    smmla \y2, \y2, \multiplier, \t2
    smmla \y3, \y3, \multiplier, \t3
.endif
    ssat \y0, #8, \y0, asr #SHIFT
    ssat \y1, #8, \y1, asr #SHIFT
    ssat \y2, #8, \y2, asr #SHIFT
    ssat \y3, #8, \y3, asr #SHIFT
.endm

// Outputs to a row at r2, which moves on to the next; `step`: OUTPUT_STEP. 9 cycles.
.macro store y0, y1, y2, y3, step, t0, t1
    add.w \t0, r2, \step
    strb.w \y0, [r2]
    strb.w \y1, [\t0]
    add.w r2, \t0, \step
    vmov \t1, OUTPUT_ROW
    strb.w \y2, [r2]
    add.w \t0, r2, \step
    add.w r2, \t0, \t1
    strb.w \y3, [\t0]
.endm

// Outputs plus the row at r2, with BY_THERE in r12; OUTPUT_STEP comes to r11. 21 cycles.
.macro add_row y0, y1, y2, y3, t0, t1, t2, t3
    vmov \t0, BY_OUTPUT
    vmov \t1, SUM_OFFSET
    vmov r11, OUTPUT_STEP
    mla \y0, \y0, \t0, \t1
    mla \y1, \y1, \t0, \t1
    mla \y2, \y2, \t0, \t1
    mla \y3, \y3, \t0, \t1
    add.w \t3, r2, r11
    ldrsb.w \t0, [r2]
    ldrsb.w \t1, [\t3]
    ldrsb.w \t2, [\t3, r11]
    ldrsb.w \t3, [\t3, r11, lsl #1]
    mla \y0, \t0, r12, \y0
    mla \y1, \t1, r12, \y1
    mla \y2, \t2, r12, \y2
    mla \y3, \t3, r12, \y3
    ssat \y0, #8, \y0, asr #SUM_SHIFT
    ssat \y1, #8, \y1, asr #SUM_SHIFT
    ssat \y2, #8, \y2, asr #SUM_SHIFT
    ssat \y3, #8, \y3, asr #SUM_SHIFT
.endm

.macro outputs_row floor, sum, y, unit0, unit1, unit2
    ldr.w r3, [sp, #24 * \y]
    ldr.w r4, [sp, #24 * \y + 4]
    ldr.w r5, [sp, #24 * \y + 8]
    ldr.w r6, [sp, #24 * \y + 12]
    ldr.w r7, [sp, #24 * \y + 16]
    ldr.w r8, [sp, #24 * \y + 20]
    transform_four r3, r4, r5, r6, r7, r8, r0
    ldr.w r0, [r1, #16 * \y + 16]
    ldr.w r5, [r1, #16 * \y + 20]
    ldr.w r7, [r1, #16 * \y + 24]
    ldr.w lr, [r1, #16 * \y + 28]
    vmov r11, \unit0
    mla r3, r3, r11, r0
    vmov r11, \unit1
    mla r4, r4, r11, r5
    vmov r11, \unit2
    mla r6, r6, r11, r7
    mla r8, r8, r11, lr
    rescale \floor, r3, r4, r6, r8, r9, r10, r0, r5, r7, lr
.if \sum
    add_row r3, r4, r6, r8, r0, r5, r7, lr
.else
    vmov r11, OUTPUT_STEP
.endif
    store r3, r4, r6, r8, r11, r0, r5
.endm

.macro outputs_row_stride2 floor, y
    ldr.w r3, [sp, #36 * \y]
    ldr.w r4, [sp, #36 * \y + 4]
    ldr.w r5, [sp, #36 * \y + 8]
    ldr.w r6, [sp, #36 * \y + 12]
    ldr.w r7, [sp, #36 * \y + 16]
    ldr.w r8, [sp, #36 * \y + 20]
    ldr.w r9, [sp, #36 * \y + 24]
    ldr.w r10, [sp, #36 * \y + 28]
    ldr.w r11, [sp, #36 * \y + 32]
    transform_four_stride2 r3, r4, r5, r6, r7, r8, r9, r10, r11, r12, lr
    vmov r12, UNIT
    ldr.w r4, [r1, #16 * \y + 16]
    ldr.w r5, [r1, #16 * \y + 20]
    ldr.w r6, [r1, #16 * \y + 24]
    ldr.w r7, [r1, #16 * \y + 28]
    mla r3, r3, r12, r4
    mla r9, r9, r12, r5
    mla r10, r10, r12, r6
    mla r11, r11, r12, r7
    vmov r12, MULTIPLIER
    vmov lr, OFFSET
    rescale \floor, r3, r9, r10, r11, r12, lr, r4, r5, r6, r7
    vmov r4, OUTPUT_STEP
    store r3, r9, r10, r11, r4, r5, r6
.endm

// (sums, records, target, end, sum)
.macro outputs name, side, floor, sum
function \name
    push {r4-r11, lr}
.if \sum
    ldr r4, [sp, #36] // sum
    vpush {s16-s18}
    vldmia r4, {s16-s18}
    vmov r12, BY_THERE
.endif
    sub sp, #16 * \side
    vmov END, r3
    vmov RECORDS, r1
    ldr r4, [r1]
    vmov UNIT, r4
.if \side == SIDE
    lsl r5, r4, #1
    vmov UNIT2, r5
    lsl r5, r4, #2
    vmov UNIT4, r5
    lsl r5, r4, #3
    vmov UNIT8, r5
    lsl r5, r4, #4
    vmov UNIT16, r5
.endif
1:  // a tile
    ldr r4, [r2]
    ldr r5, [r2, #4]
    ldr r6, [r2, #8]
    vmov TARGET, r2
    vmov OUTPUT, r4
    vmov OUTPUT_STEP, r6
    sub r5, r5, r6
    sub r5, r5, r6, lsl #1
    vmov OUTPUT_ROW, r5
    vmov r1, RECORDS
    mov r4, #2
2:  // a filter
    vmov FILTERS_LEFT, r4
    add r3, r1, #4
    vldmia r3, {s13-s15}
.if \side == SIDE
    bl conv_2d_winograd_columns
.else
    bl conv_2d_winograd_columns_stride2
.endif
    add r0, #4 * \side * \side
    vmov SUMS, r0
    vmov r2, OUTPUT
.if \side == SIDE
    vmov r9, MULTIPLIER
    vmov r10, OFFSET
    outputs_row \floor, \sum, 0, UNIT, UNIT2, UNIT4
    outputs_row \floor, \sum, 1, UNIT2, UNIT4, UNIT8
    outputs_row \floor, \sum, 2, UNIT4, UNIT8, UNIT16
    outputs_row \floor, \sum, 3, UNIT4, UNIT8, UNIT16
.else
    outputs_row_stride2 \floor, 0
    outputs_row_stride2 \floor, 1
    outputs_row_stride2 \floor, 2
    outputs_row_stride2 \floor, 3
.endif
    vmov r0, SUMS
    vmov r3, OUTPUT
    vmov r4, FILTERS_LEFT
    adds r1, #80
    adds r3, #1
    vmov OUTPUT, r3
    subs r4, #1
    bne.w 2b
    vmov r2, TARGET
    str r3, [r2], #12
    vmov r3, END
    cmp r2, r3
    bne.w 1b
    add sp, #16 * \side
.if \sum
    vpop {s16-s18}
.endif
    pop {r4-r11, pc}
    .size \name, . - \name
.endm

outputs conv_2d_winograd_outputs, SIDE, 0, 0
outputs conv_2d_winograd_outputs_floor, SIDE, 1, 0
outputs conv_2d_winograd_outputs_sum, SIDE, 0, 1
outputs conv_2d_winograd_outputs_stride2, SIDE_STRIDE2, 0, 0
outputs conv_2d_winograd_outputs_stride2_floor, SIDE_STRIDE2, 1, 0

#endif
