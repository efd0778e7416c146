#if defined(__ARM_FEATURE_DSP) && defined(__ARM_FP)

#include "fully_connected_s8_paired_m4.inc"

blocks fully_connected_s8_paired_fours, 2, 8
blocks fully_connected_s8_paired_eights, 4, 8
blocks fully_connected_s8_paired_shared, 4, 8, rescaling=SHARED
blocks fully_connected_s8_paired_clamped, 4, 8, rescaling=CLAMPED
blocks fully_connected_s8_paired_signed, 4, 8, rescaling=SIGNED

#endif
