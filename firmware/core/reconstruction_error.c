#include "reconstruction_error.h"

float mean_squared_error_s8(const int8_t *q, const float *x, size_t n, float scale, int32_t zero_point) {
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        float difference = (float)(q[i] - zero_point) * scale - x[i];
        sum += difference * difference;
    }
    return sum / (float)n;
}

float mean_squared_error_f32(const float *y, const float *x, size_t n) {
    float sum = 0.0f;
    for (size_t i = 0; i < n; i++) {
        float difference = y[i] - x[i];
        sum += difference * difference;
    }
    return sum / (float)n;
}
