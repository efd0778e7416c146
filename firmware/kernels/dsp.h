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

static inline void write_half(void *to, int32_t half) {
    int16_t low = (int16_t)half;
    memcpy(to, &low, sizeof low);
}

// LDR in four bytes. The compiler keeps such loads in the order of the source, where neighbouring ones overlap, and all
// instructions of a loop of them at whole words, where they take no cycle more.
static inline uint32_t read_word_in_order(const uint32_t *from) {
#if defined(__ARM_FEATURE_DSP)
    uint32_t word;
    __asm volatile("ldr.w %0, %1" : "=r"(word) : "m"(*from));
    return word;
#else
    return *from;
#endif
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

// SADD16: the sums of the low and of the high halves, modulo 2^16.
static inline uint32_t add_halves(uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
    return (uint32_t)__sadd16((int16x2_t)a, (int16x2_t)b);
#else
    return half_pair(low_half(a) + low_half(b), high_half(a) + high_half(b));
#endif
}

// SXTAB16: the even bytes added to two halves, modulo 2^16.
static inline uint32_t add_even_bytes(uint32_t halves, uint32_t word) {
#if defined(__ARM_FEATURE_DSP)
    __asm("sxtab16 %0, %0, %1" : "+r"(halves) : "r"(word));
    return halves;
#else
    return add_halves(halves, even_bytes(word));
#endif
}

// SXTAB16 with ROR #8: the odd bytes.
static inline uint32_t add_odd_bytes(uint32_t halves, uint32_t word) {
#if defined(__ARM_FEATURE_DSP)
    __asm("sxtab16 %0, %0, %1, ror #8" : "+r"(halves) : "r"(word));
    return halves;
#else
    return add_halves(halves, odd_bytes(word));
#endif
}

// SMLABB: sum + product of the low halves, modulo 2^32.
static inline int32_t multiply_add_low(uint32_t a, uint32_t b, int32_t sum) {
#if defined(__ARM_FEATURE_DSP)
    return __smlabb((int32_t)a, (int32_t)b, sum);
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(low_half(a) * low_half(b)));
#endif
}

// SMLATT: sum + product of the high halves, modulo 2^32.
static inline int32_t multiply_add_high(uint32_t a, uint32_t b, int32_t sum) {
#if defined(__ARM_FEATURE_DSP)
    return __smlatt((int32_t)a, (int32_t)b, sum);
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(high_half(a) * high_half(b)));
#endif
}

// SMLAD into the same register, in the order of the source among others of its kind.
static inline void dual_multiply_add_in_order(int32_t *sum, uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
    __asm volatile("smlad %0, %1, %2, %0" : "+r"(*sum) : "r"(a), "r"(b));
#else
    *sum = dual_multiply_add(a, b, *sum);
#endif
}

// SMMLAR: sum + (a x b / 2^32 rounded to nearest, ties up), modulo 2^32.
static inline int32_t add_high_multiply_rounded(int32_t sum, int32_t a, int32_t b) {
#if defined(__ARM_FEATURE_DSP)
    int32_t result;
    __asm("smmlar %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(((int64_t)a * b + ((int64_t)1 << 31)) >> 32));
#endif
}

// SMMLA: sum + floor(a x b / 2^32), modulo 2^32.
static inline int32_t add_high_multiply(int32_t sum, int32_t a, int32_t b) {
#if defined(__ARM_FEATURE_DSP)
    int32_t result;
    __asm("smmla %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
#else
    return (int32_t)((uint32_t)sum + (uint32_t)(((int64_t)a * b) >> 32));
#endif
}

// SSAT: the nearest int8.
static inline int8_t saturate_s8(int32_t x) {
#if defined(__ARM_FEATURE_DSP)
    return (int8_t)__ssat(x, 8);
#else
    return (int8_t)(x < INT8_MIN ? INT8_MIN : x > INT8_MAX ? INT8_MAX : x);
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
