// The inner parts of conv_2d_s8_paired for cores with the DSP and floating-point extensions; their C twins are in
// conv_2d_s8_paired.c.
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
to_a .req r12 // outputs of the pixels
to_b .req lr

// Constants of a block, kept in the floating-point registers: a move takes one cycle and breaks no run of loads.
#define OUTPUT s0
#define LINE_END s1
#define STEP s2
#define BIAS_HIGH0 s4
#define BIAS_LOW0 s5
#define BIAS_HIGH1 s6
#define BIAS_LOW1 s7

#define WHOLE_SHIFT 4 // REQUANTIZE_FIXED_WHOLE
#define FINE_SHIFT 12 // REQUANTIZE_FIXED_FINE

// 16 products of two inputs.
.macro multiply
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

// Both pixels of a filter from their sums: `requantize_fixed_whole`, store at `index`.
.macro finish_whole sum_a, sum_b, multiplier, offset, index
    vmov w0, \multiplier
    vmov w1, \offset
    smmla \sum_a, \sum_a, w0, w1
    smmla \sum_b, \sum_b, w0, w1
    ssat \sum_a, #8, \sum_a, asr #WHOLE_SHIFT
    ssat \sum_b, #8, \sum_b, asr #WHOLE_SHIFT
    strb.w \sum_a, [to_a, #\index]
    strb.w \sum_b, [to_b, #\index]
.endm

// The same from 256 times their sums: `requantize_fixed_fine`.
.macro finish_fine sum_a, sum_b, multiplier, index
    vmov w0, \multiplier
    smmul \sum_a, \sum_a, w0
    smmul \sum_b, \sum_b, w0
    ssat \sum_a, #8, \sum_a, asr #FINE_SHIFT
    ssat \sum_b, #8, \sum_b, asr #FINE_SHIFT
    strb.w \sum_a, [to_a, #\index]
    strb.w \sum_b, [to_b, #\index]
.endm

// The places of a pair's outputs; OUTPUT goes on to the next pair's. 256 times the sums of filters 1 and 3.
.macro leave_products
    vmov to_a, OUTPUT
    vmov w0, STEP
    add.w to_b, to_a, w0
    add.w w0, to_b, w0
    vmov OUTPUT, w0
    sub.w high0a, high0a, low0a
    sub.w high0b, high0b, low0b
    sub.w high1a, high1a, low1a
    sub.w high1b, high1b, low1b
.endm

.macro finish_all_fixed
    finish_whole low0a, low0b, s8, s9, 0
    finish_fine high0a, high0b, s10, 1
    finish_whole low1a, low1b, s11, s12, 2
    finish_fine high1a, high1b, s13, 3
.endm

#define WEIGHTS_END s3
#define WEIGHTS s20
#define ENTRY s21
#define SKIPPED s22

// A turn of the unrolled loop is eight times `products`; a block's first turn begins with those that make the rest
// whole turns. The pointers are ahead by what lets the last of a turn move them on.
#define TURN 64 // bytes of weights and of a column
#define PRODUCTS_BYTES 56 // of code

// Numbers of inputs: any, a multiple of a turn's, those of one turn, those of half of one.
#define ANY 0
#define WHOLE 1
#define ONE 2
#define HALF 3

// With their loads: 15 cycles.
.macro products index, turn=TURN
.if 8 * \index + 8 < \turn
    ldr.w w0, [weights, #8 * \index + 4 - \turn]
    ldr.w w1, [weights, #8 * \index + 8 - \turn]
    ldr.w xa, [column, #8 * \index + 4 - \turn]
    ldr.w xb, [column, #8 * \index + 8 - \turn]
.else
    ldr.w w0, [weights, #-4]
    ldr.w w1, [weights], #\turn
    ldr.w xa, [column, #-4]
    ldr.w xb, [column], #\turn
.endif
    multiply
.endm

// Both pixels of a filter whose sums are in the low bytes: `requantize_by_offset`, saturate, store at `index`.
.macro finish_low sum_a, sum_b, multiplier, offset, shift, index
    vmov w0, \multiplier
    vmov w1, \offset
    vmov weights, \shift
    smmlar \sum_a, \sum_a, w0, \sum_a
    smmlar \sum_b, \sum_b, w0, \sum_b
    add.w \sum_a, \sum_a, \sum_a, asr #31
    add.w \sum_b, \sum_b, \sum_b, asr #31
    add.w \sum_a, \sum_a, w1
    add.w \sum_b, \sum_b, w1
    asr.w \sum_a, \sum_a, weights
    asr.w \sum_b, \sum_b, weights
    ssat \sum_a, #8, \sum_a
    ssat \sum_b, #8, \sum_b
    strb.w \sum_a, [to_a, #\index]
    strb.w \sum_b, [to_b, #\index]
.endm

// The same for 256 times the sums: `requantize_doubled`.
.macro finish_high sum_a, sum_b, multiplier, offset, shift, index
    vmov w0, \multiplier
    vmov w1, \offset
    asr.w \sum_a, \sum_a, #7
    asr.w \sum_b, \sum_b, #7
    smmlar weights, \sum_a, w0, w1
    smmlar w0, \sum_b, w0, w1
    vmov w1, \shift
    add.w weights, weights, \sum_a, asr #31
    add.w w0, w0, \sum_b, asr #31
    asr.w weights, weights, w1
    asr.w w0, w0, w1
    ssat weights, #8, weights
    ssat w0, #8, w0
    strb.w weights, [to_a, #\index]
    strb.w w0, [to_b, #\index]
.endm

#define ARGUMENTS 68 // on the stack: step, whose place holds the end of the columns, words, line_bytes and skip

// (block, columns, columns_end, output, step, words, line_bytes, skip)
.macro block name, fixed, inputs
    .section .text.\name, "ax", %progbits
    .global \name
    .type \name, %function
    .balign 32 // with its caller it just fits an instruction cache of 1 KB
\name:
    push {r4-r11, lr}
    vpush {s16-s23}
    ldr r4, [sp, #ARGUMENTS] // step
    ldr r5, [sp, #ARGUMENTS + 4] // words
    ldr r9, [sp, #ARGUMENTS + 8] // line_bytes
    vmov OUTPUT, r3
    vmov STEP, r4
.if \inputs == HALF
    mov r6, #4 - TURN / 2
.elseif \inputs != ANY
    mvn r6, #TURN - 5
.else
    rsb r6, r5, #0
    and r6, r6, #TURN / 4 - 1 // words to skip
    adr r7, 2f
    add r7, r7, r6, lsl #2
    add r8, r6, r6, lsl #1
    add r7, r7, r8, lsl #3 // PRODUCTS_BYTES for every two words
    add r7, r7, #1
    vmov ENTRY, r7
    lsl r6, r6, #2
    vmov SKIPPED, r6
    sub r6, r6, #TURN - 4
.endif
    sub r7, r0, r6
    vmov WEIGHTS, r7
    add r7, r0, r5, lsl #2
.if \fixed
    vldmia r7, {s4-s13}
.else
    vldmia r7, {s4-s19}
.endif
    add r7, r7, #TURN - 4
    vmov WEIGHTS_END, r7
    sub column, column, r6
    sub r2, r2, r6
    str r2, [sp, #ARGUMENTS]
    add r9, r9, column
    vmov LINE_END, r9
    .balign 4
1:  // a pair of pixels
    vmov high0a, BIAS_HIGH0
    vmov low0a, BIAS_LOW0
    vmov high1a, BIAS_HIGH1
    vmov low1a, BIAS_LOW1
    vmov weights, WEIGHTS
.if \inputs == ANY
    vmov w0, ENTRY
.endif
    mov.w high0b, high0a
    mov.w low0b, low0a
    mov.w high1b, high1a
    mov.w low1b, low1a
.if \inputs == ANY
    bx w0
.endif
.if \inputs == HALF
2:
    products 0, TURN / 2
    products 1, TURN / 2
    products 2, TURN / 2
    products 3, TURN / 2
.else
    .balign 4
2:
    products 0
    products 1
    products 2
    products 3
    products 4
    products 5
    products 6
    products 7
.endif
.if \inputs == ANY || \inputs == WHOLE
    vmov w0, WEIGHTS_END
    cmp.w weights, w0
    bne.w 2b
.endif
.if \inputs == ANY
    vmov w1, SKIPPED
    sub.w column, column, w1
.endif
    leave_products
.if \fixed
    finish_all_fixed
.else
    finish_low low0a, low0b, s8, s9, s10, 0
    finish_high high0a, high0b, s11, s12, s13, 1
    finish_low low1a, low1b, s14, s15, s16, 2
    finish_high high1a, high1b, s17, s18, s19, 3
.endif
    vmov w0, LINE_END
    cmp.w column, w0
    bne.w 1b
    ldr.w w1, [sp, #ARGUMENTS]
    cmp.w column, w1
    bne.w 3f
    vpop {s16-s23}
    pop {r4-r11, pc}
3:  // the next line of columns, behind what a single one takes in the instruction cache
    ldr.w xa, [sp, #ARGUMENTS + 8]
    ldr.w xb, [sp, #ARGUMENTS + 12]
    vmov w1, OUTPUT
    add.w w0, w0, xa
    add.w w1, w1, xb
    vmov LINE_END, w0
    vmov OUTPUT, w1
    b.w 1b
    .size \name, . - \name
.endm

block conv_2d_s8_paired_block, 0, ANY
block conv_2d_s8_paired_block_whole, 0, WHOLE
block conv_2d_s8_paired_block_one, 0, ONE
block conv_2d_s8_paired_block_half, 0, HALF
block conv_2d_s8_paired_fixed, 1, ANY
block conv_2d_s8_paired_fixed_whole, 1, WHOLE
block conv_2d_s8_paired_fixed_one, 1, ONE
block conv_2d_s8_paired_fixed_half, 1, HALF

// Eight inputs of each pixel of a pair.
.macro expand_eight
    ldr.w r6, [r0], #4
    ldr.w r10, [r0], #4
    ldr.w r7, [r12], #4
    ldr.w r11, [r12], #4
    sxtb16 r4, r6
    sxtb16 r6, r6, ror #8
    sxtb16 r5, r7
    sxtb16 r7, r7, ror #8
    sxtb16 r8, r10
    sxtb16 r10, r10, ror #8
    sxtb16 r9, r11
    sxtb16 r11, r11, ror #8
    str.w r4, [r3], #32
    str.w r5, [r3, #-28]
    str.w r6, [r3, #-24]
    str.w r7, [r3, #-20]
    str.w r8, [r3, #-16]
    str.w r9, [r3, #-12]
    str.w r10, [r3, #-8]
    str.w r11, [r3, #-4]
.endm

#define TURNS s0 // of eight inputs
#define TO_NEXT s1 // bytes from what was read of a pixel to the next one

// (from, channels, pairs, columns): `expand_pair` of pixels one after another.
    .section .text.conv_2d_s8_paired_gather, "ax", %progbits
    .global conv_2d_s8_paired_gather
    .type conv_2d_s8_paired_gather, %function
    .balign 8
conv_2d_s8_paired_gather:
    push.w {r4-r11, lr}
    add.w r4, r1, #3
    lsr.w r4, r4, #3 // the last one to four inputs are no turn
    vmov TURNS, r4
    ands.w r5, r1, #7
    beq.w 6f
    subs.w r5, r5, #5
    bge.w 6f // five to seven inputs are read as eight
    sub.w r5, r1, r4, lsl #3
    sub.w r5, r5, #4
    vmov TO_NEXT, r5
1:  // pairs with four inputs after the turns
    vmov lr, TURNS
    add.w r12, r0, r1
    cmp.w lr, #0
    beq.w 3f
    .balign 4
2:
    expand_eight
    subs.w lr, lr, #1
    bne.w 2b
3:
    ldr.w r6, [r0]
    ldr.w r7, [r12], #4
    vmov r9, TO_NEXT
    sxtb16 r4, r6
    sxtb16 r6, r6, ror #8
    sxtb16 r5, r7
    sxtb16 r7, r7, ror #8
    stm.w r3!, {r4-r7}
    add.w r0, r12, r9
    subs.w r2, r2, #1
    bne.w 1b
    pop.w {r4-r11, pc}
6:
    sub.w r5, r1, r4, lsl #3
    vmov TO_NEXT, r5
    .balign 4
7:  // pairs of turns only
    vmov lr, TURNS
    add.w r12, r0, r1
8:
    expand_eight
    subs.w lr, lr, #1
    bne.w 8b
    vmov r9, TO_NEXT
    subs.w r2, r2, #1
    add.w r0, r12, r9
    bne.w 7b
    pop.w {r4-r11, pc}
    .size conv_2d_s8_paired_gather, . - conv_2d_s8_paired_gather

#define PAIRS s0
#define FROM s1
#define COLUMNS s2
#define BLOCK s3

// Four channels of each pixel of a pair, from words a and b.
.macro expand_words a, b, place
    sxtb16 r8, \a
    sxtb16 \a, \a, ror #8
    sxtb16 r9, \b
    sxtb16 \b, \b, ror #8
    str.w r8, [r3, #\place]
    str.w r9, [r3, #\place + 4]
    str.w \a, [r3, #\place + 8]
    str.w \b, [r3, #\place + 12]
.endm

// A pair of two blocks, from places that begin with those.
.macro expand_pair_of_blocks first0, second0, first1, second1
    ldr.w r4, \first0
    ldr.w r5, \second0
    ldr.w r6, \first1
    ldr.w r7, \second1
    expand_words r4, r5, 0
    expand_words r6, r7, 16
    add.w r3, r3, r10
.endm

// (from, along, block, columns, blocks, pairs): two blocks of all pairs at a time, two pairs a turn; an odd number of
// pairs begins in the middle of one.
    .section .text.conv_2d_s8_paired_gather_planes, "ax", %progbits
    .global conv_2d_s8_paired_gather_planes
    .type conv_2d_s8_paired_gather_planes, %function
    .balign 8
conv_2d_s8_paired_gather_planes:
    push.w {r4-r11, lr}
    ldr.w r11, [sp, #36] // blocks
    ldr.w r4, [sp, #40] // pairs
    vmov FROM, r0
    vmov PAIRS, r4
    vmov COLUMNS, r3
    vmov BLOCK, r2
    lsl.w r10, r11, #4 // bytes of a pair
    add.w r2, r1, r1, lsl #1
    subs.w r11, r11, #2
    blt.w 4f
    .balign 8
1:  // two blocks
    vmov r0, FROM
    vmov r12, BLOCK
    vmov r3, COLUMNS
    vmov lr, PAIRS
    add.w r12, r0, r12
    add.w r5, r3, #32
    vmov r4, BLOCK
    add.w r4, r12, r4
    vmov COLUMNS, r5
    vmov FROM, r4
    adds.w lr, lr, #1
    lsrs.w lr, lr, #1
    bcs.w 2f
    sub.w r0, r0, r1, lsl #1
    sub.w r12, r12, r1, lsl #1
    b.w 3f
    .balign 8
2:
    expand_pair_of_blocks [r0], "[r0, r1]", [r12], "[r12, r1]"
3:
    expand_pair_of_blocks "[r0, r1, lsl #1]", "[r0, r2]", "[r12, r1, lsl #1]", "[r12, r2]"
    add.w r0, r0, r1, lsl #2
    add.w r12, r12, r1, lsl #2
    subs.w lr, lr, #1
    bne.w 2b
    subs.w r11, r11, #2
    bge.w 1b
4:
    adds.w r11, r11, #2
    beq.w 6f
    vmov r0, FROM
    vmov r3, COLUMNS
    vmov lr, PAIRS
    .balign 8
5:  // the last one
    ldr.w r4, [r0]
    ldr.w r5, [r0, r1]
    add.w r0, r0, r1, lsl #1
    subs.w lr, lr, #1
    expand_words r4, r5, 0
    add.w r3, r3, r10
    bne.w 5b
6:
    pop.w {r4-r11, pc}
    .size conv_2d_s8_paired_gather_planes, . - conv_2d_s8_paired_gather_planes

#include "im2col_s8_paired_m4.inc"

#endif
