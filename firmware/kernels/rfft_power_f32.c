// 1024 real numbers are 512 complex ones z[n] = x[2n] + i x[2n+1]. Their transform takes three passes of 64 butterflies
// with 8 points each, decimation in frequency, in place; Z[k] is then at the place whose octal digits are those of k in
// reverse. X follows from the even and the odd part of Z (Sorensen, Jones, Heideman, Burrus: Real-valued fast Fourier
// transform algorithms, 1987).
#include "rfft_power_f32.h"

#include <stdbool.h>
#include <stddef.h>

#define POINTS (RFFT_LENGTH / 2)
#define RADIX 8
#define SQRT_HALF 0.70710678118654752440f
#define INLINE static inline __attribute__((always_inline))

typedef struct {
    float re, im;
} Complex;

INLINE Complex add(Complex a, Complex b) {
    return (Complex){a.re + b.re, a.im + b.im};
}

INLINE Complex subtract(Complex a, Complex b) {
    return (Complex){a.re - b.re, a.im - b.im};
}

INLINE Complex add_turned(Complex a, Complex b) { // a + i b
    return (Complex){a.re - b.im, a.im + b.re};
}

INLINE Complex subtract_turned(Complex a, Complex b) { // a - i b
    return (Complex){a.re + b.im, a.im - b.re};
}

INLINE Complex multiply(Complex a, Complex b) {
    return (Complex){a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re};
}

INLINE void put(Complex *to, Complex value, const Complex *rotation) {
    *to = rotation != NULL ? multiply(value, *rotation) : value;
}

// Points z[0], z[stride], ...; output k is multiplied with rotations[k - 1], if there are.
INLINE void butterfly(Complex *z, size_t stride, const Complex *rotations) {
#define ROTATION(k) (rotations != NULL ? rotations + (k) - 1 : NULL)
    Complex a = add(z[0], z[4 * stride]), b = subtract(z[0], z[4 * stride]);
    Complex c = add(z[2 * stride], z[6 * stride]), d = subtract(z[2 * stride], z[6 * stride]);
    Complex even = add(a, c), odd = subtract(a, c);
    Complex lower = subtract_turned(b, d), upper = add_turned(b, d);

    a = add(z[stride], z[5 * stride]), b = subtract(z[stride], z[5 * stride]);
    c = add(z[3 * stride], z[7 * stride]), d = subtract(z[3 * stride], z[7 * stride]);
    Complex sum = add(a, c), difference = subtract(a, c);
    put(z, add(even, sum), NULL);
    put(z + 4 * stride, subtract(even, sum), ROTATION(4));
    put(z + 2 * stride, subtract_turned(odd, difference), ROTATION(2));
    put(z + 6 * stride, add_turned(odd, difference), ROTATION(6));

    Complex e = subtract_turned(b, d), f = add_turned(b, d);
    e = (Complex){(e.re + e.im) * SQRT_HALF, (e.im - e.re) * SQRT_HALF};  // an eighth of a turn
    f = (Complex){(f.im - f.re) * SQRT_HALF, (-f.re - f.im) * SQRT_HALF}; // three of them
    put(z + stride, add(lower, e), ROTATION(1));
    put(z + 5 * stride, subtract(lower, e), ROTATION(5));
    put(z + 3 * stride, add(upper, f), ROTATION(3));
    put(z + 7 * stride, subtract(upper, f), ROTATION(7));
#undef ROTATION
}

static void transform(Complex *z, const Complex *rotations) {
    for (size_t n = 0; n < POINTS / RADIX; n++)
        butterfly(z + n, POINTS / RADIX, rotations + n * (RADIX - 1));
    for (size_t n = 0; n < RADIX; n++) // W(8 n k), the same rotations for all blocks
        for (size_t block = 0; block < POINTS; block += RADIX * RADIX)
            butterfly(z + block + n, RADIX, rotations + n * RADIX * (RADIX - 1));
    for (size_t block = 0; block < POINTS; block += RADIX)
        butterfly(z + block, 1, NULL);
}

INLINE size_t place(size_t k) {
    return (k % 8u) * 64u + (k & 070u) + (k / 64u) % 8u;
}

INLINE float squared(Complex a) {
    return a.re * a.re + a.im * a.im;
}

void rfft_power_f32(const RfftPower *layer, float *frame, float *power) {
    Complex *z = (Complex *)frame;
    const Complex *half_angles = (const Complex *)layer->half_angles;
    transform(z, (const Complex *)layer->rotations);
    for (size_t k = 0; k <= POINTS / 2; k++) {
        Complex a = z[place(k)], b = z[place(POINTS - k)];
        Complex even = {a.re + b.re, a.im - b.im};
        Complex odd = {a.im + b.im, b.re - a.re};
        Complex turned = multiply(odd, half_angles[k]);
        power[k] = squared(add(even, turned));
        power[POINTS - k] = squared(subtract(even, turned));
    }
}
