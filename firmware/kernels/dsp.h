// The packed-arithmetic instructions of Arm cores with the DSP extension, and the same in C for other compilers.
// Kernels have a body that uses them when FIRMBENCH_DSP is 1 and a portable one otherwise. The host's tests build
// both.
#ifndef FIRMBENCH_KERNELS_DSP_H
#define FIRMBENCH_KERNELS_DSP_H

#include <stdint.h>
#include <string.h>

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
#endif

#ifndef FIRMBENCH_DSP
#if defined(__ARM_FEATURE_DSP)
#define FIRMBENCH_DSP 1
#else
#define FIRMBENCH_DSP 0
#endif
#endif

static inline uint32_t read_word(const void *from) {
    uint32_t word;
    memcpy(&word, from, sizeof word);
    return word;
}

static inline void write_word(void *to, uint32_t word) {
    memcpy(to, &word, sizeof word);
}

static inline int32_t low_half(uint32_t pair) {
    return (int16_t)pair;
}

static inline int32_t high_half(uint32_t pair) {
    return (int16_t)(pair >> 16);
}

static inline uint32_t half_pair(int32_t low, int32_t high) {
    return (uint32_t)(uint16_t)low | (uint32_t)high << 16;
}

// SXTB16: bytes 0 and 2 of a word as two signed halfwords.
static inline uint32_t even_bytes(uint32_t word) {
#if defined(__ARM_FEATURE_DSP)
    return (uint32_t)__sxtb16(word);
#else
    return half_pair((int8_t)word, (int8_t)(word >> 16));
#endif
}

// SXTB16 with ROR #8: bytes 1 and 3.
static inline uint32_t odd_bytes(uint32_t word) {
#if defined(__ARM_FEATURE_DSP)
    uint32_t pair; // GCC does not fold the rotation into the instruction by itself
    __asm("sxtb16 %0, %1, ror #8" : "=r"(pair) : "r"(word));
    return pair;
#else
    return half_pair((int8_t)(word >> 8), (int8_t)(word >> 24));
#endif
}

// SMLAD: sum + low halves' product + high halves' product, modulo 2^32.
static inline int32_t dual_multiply_add(uint32_t a, uint32_t b, int32_t sum) {
#if defined(__ARM_FEATURE_DSP)
    return __smlad((int16x2_t)a, (int16x2_t)b, sum);
#else
    uint32_t low = (uint32_t)(low_half(a) * low_half(b)), high = (uint32_t)(high_half(a) * high_half(b));
    return (int32_t)((uint32_t)sum + low + high);
#endif
}

// PKHBT: low half of a below low half of b.
static inline uint32_t pack_low_halves(uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
    uint32_t pair;
    __asm("pkhbt %0, %1, %2, lsl #16" : "=r"(pair) : "r"(a), "r"(b));
    return pair;
#else
    return (a & 0xFFFFu) | b << 16;
#endif
}

// PKHTB: high half of a below high half of b.
static inline uint32_t pack_high_halves(uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
    uint32_t pair;
    __asm("pkhtb %0, %1, %2, asr #16" : "=r"(pair) : "r"(b), "r"(a));
    return pair;
#else
    return a >> 16 | (b & 0xFFFF0000u);
#endif
}

#endif
