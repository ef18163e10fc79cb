#include "kernels/cpu/simd.h"

#include "kernels/code_path.h"

const struct simd *simd_for(size_t channels) {
#if defined(__x86_64__)
    if (platform_path() == PLATFORM_X86_AVX512)
        return channels % 16 == 0 ? &simd_avx512_16 : &simd_avx512_8;
    if (platform_path() == PLATFORM_X86_AVX2)
        return &simd_avx2_8;
#endif
    (void)channels;
    return &simd_portable_4;
}
