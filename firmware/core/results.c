#include "results.h"

#include "submitter_implemented.h"

#define LARGEST_TRUNCATED 2000000.0f // times 1000 it still is an int32_t

static void print_value(float value) {
    th_printf("%0.3f", (double)value);
}

static void print_truncated(float value) {
    if (!(value < LARGEST_TRUNCATED && value > -LARGEST_TRUNCATED)) {
        print_value(value);
        return;
    }
    int32_t thousandths = (int32_t)(value * 1000.0f);
    int32_t magnitude = thousandths < 0 ? -thousandths : thousandths;
    th_printf("%s%ld.%03ld", thousandths < 0 ? "-" : "", (long)(magnitude / 1000), (long)(magnitude % 1000));
}

static void print_all(const Tensor *tensor, const void *data, const char *first, void (*print)(float)) {
    bool itself = tensor->scale == 0.0f && tensor->type != TENSOR_FLOAT32;
    for (size_t i = 0; i < tensor->elements; i++) {
        th_printf("%s", i == 0 ? first : ",");
        if (itself)
            th_printf("%ld", (long)tensor_integer(tensor, data, i));
        else
            print(tensor_real(tensor, data, i));
    }
}

void results_values(const Tensor *tensor, const void *data, const char *first) {
    print_all(tensor, data, first, print_value);
}

void results_truncated(const Tensor *tensor, const void *data, const char *first) {
    print_all(tensor, data, first, print_truncated);
}

float mean_squared_error(const Tensor *tensor, const void *data, const float *x) {
    float sum = 0.0f;
    for (size_t i = 0; i < tensor->elements; i++) {
        float difference = tensor_real(tensor, data, i) - x[i];
        sum += difference * difference;
    }
    return sum / (float)tensor->elements;
}
