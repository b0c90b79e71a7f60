/* Detection of instruction sets (cpuid, xgetbv) and of the cache size.  No choice is made here. */
#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "cpu.h"

#if defined(__x86_64__) || defined(__i386__) || defined(_M_X64) || defined(_M_IX86)
#define FA_X86 1
#else
#define FA_X86 0
#endif

#if FA_X86 && defined(_MSC_VER) && !defined(__clang__)
#include <immintrin.h>
#include <intrin.h>
#elif FA_X86
#include <cpuid.h>
#endif

#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif !defined(_WIN32)
#include <unistd.h>
#endif

#if FA_X86

typedef struct {
    unsigned eax, ebx, ecx, edx;
} cpuid_leaf;

#if defined(_MSC_VER) && !defined(__clang__)

static cpuid_leaf cpuid(unsigned leaf, unsigned subleaf)
{
    int r[4];
    __cpuid(r, 0);
    if ((unsigned)r[0] < leaf)
        return (cpuid_leaf){0, 0, 0, 0};
    __cpuidex(r, (int)leaf, (int)subleaf);
    return (cpuid_leaf){(unsigned)r[0], (unsigned)r[1], (unsigned)r[2], (unsigned)r[3]};
}

static unsigned enabled_state(void)
{
    return (unsigned)_xgetbv(0);
}

#else

static cpuid_leaf cpuid(unsigned leaf, unsigned subleaf)
{
    cpuid_leaf r = {0, 0, 0, 0};
    if (!__get_cpuid_count(leaf, subleaf, &r.eax, &r.ebx, &r.ecx, &r.edx))
        return (cpuid_leaf){0, 0, 0, 0};
    return r;
}

static unsigned enabled_state(void)
{
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
}

#endif

static int has(unsigned word, unsigned mask)
{
    return (word & mask) == mask;
}

/* Bits as in Intel's manual, volume 2A, CPUID; XCR0 in volume 1, section 13.3. */
static unsigned x86_features(void)
{
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28;
    const unsigned avx2 = 1u << 5;
    const unsigned avx512_f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    const unsigned xmm_ymm_state = 0x6, masks_zmm_state = 0xe0;

    if (!has(cpuid(1, 0).ecx, fma | osxsave | avx))
        return 0;
    const unsigned state = enabled_state();
    const unsigned extended = cpuid(7, 0).ebx;
    if (!has(state, xmm_ymm_state) || !has(extended, avx2))
        return 0;
    if (!has(state, masks_zmm_state) || !has(extended, avx512_f_dq_bw_vl))
        return FA_CPU_AVX2;
    return FA_CPU_AVX2 | FA_CPU_AVX512;
}

#endif

unsigned fa_cpu_features(void)
{
#if FA_X86
    return x86_features();
#elif defined(__aarch64__) || defined(_M_ARM64)
    return FA_CPU_NEON;
#else
    return 0;
#endif
}

size_t fa_cache_bytes(void)
{
    const size_t guess = (size_t)8 << 20;
#if defined(__APPLE__)
    size_t bytes = 0, length = sizeof bytes;
    if (sysctlbyname("hw.l3cachesize", &bytes, &length, NULL, 0) == 0 && bytes > 0)
        return bytes;
    length = sizeof bytes;
    if (sysctlbyname("hw.l2cachesize", &bytes, &length, NULL, 0) == 0 && bytes > 0)
        return bytes;
#elif defined(_SC_LEVEL3_CACHE_SIZE)
    long bytes = sysconf(_SC_LEVEL3_CACHE_SIZE);
    if (bytes <= 0)
        bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes > 0)
        return (size_t)bytes;
#endif
    return guess;
}
