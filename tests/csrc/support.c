/* See support.h. */
#define _GNU_SOURCE
#include "support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *new_region(size_t page)
{
    char *region = mmap(NULL, GUARDED_BYTES + 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED || mprotect(region, page, PROT_NONE) != 0 ||
        mprotect(region + page + GUARDED_BYTES, page, PROT_NONE) != 0) {
        perror("guarded memory");
        exit(2);
    }
    return region + page;
}

void *guarded(int slot, size_t size, int at_start)
{
    static char *regions[GUARDED_SLOTS];
    if (slot >= GUARDED_SLOTS || size > GUARDED_BYTES) {
        fprintf(stderr, "guarded(%d, %zu) is more than there is\n", slot, size);
        exit(2);
    }
    if (regions[slot] == NULL)
        regions[slot] = new_region((size_t)sysconf(_SC_PAGESIZE));
    return at_start ? regions[slot] : regions[slot] + GUARDED_BYTES - size;
}

/* splitmix64. */
uint64_t hash64(uint64_t seed, uint64_t i)
{
    uint64_t z = seed * 0xd1342543de82ef95u + (i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

long double get(fa_dtype dtype, const void *values, size_t i)
{
    return dtype == FA_F32 ? (long double)((const float *)values)[i] : (long double)((const double *)values)[i];
}

void put(fa_dtype dtype, void *values, size_t i, long double value)
{
    if (dtype == FA_F32)
        ((float *)values)[i] = (float)value;
    else
        ((double *)values)[i] = (double)value;
}

static void put_bits(fa_dtype dtype, void *values, size_t i, uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    if (dtype == FA_F32)
        memcpy((float *)values + i, &low, sizeof low);
    else
        memcpy((double *)values + i, &bits, sizeof bits);
}

static uint64_t get_bits(fa_dtype dtype, const void *values, size_t i)
{
    uint32_t low;
    uint64_t bits;
    memcpy(&low, (const float *)values + i, sizeof low);
    if (dtype == FA_F32)
        return isnan(((const float *)values)[i]) ? 0x7fc00000 : low;
    memcpy(&bits, (const double *)values + i, sizeof bits);
    return isnan(((const double *)values)[i]) ? 0x7ff8000000000000u : bits;
}

/* In [-1, 1), exact in both dtypes. */
static double unit(uint64_t h) { return (double)(int64_t)(h >> 41) * 0x1p-22 - 1; }

void fill_broad(fa_dtype dtype, uint64_t seed, size_t n, void *values)
{
    static const double special[] = {0,
                                     -0.0,
                                     INFINITY,
                                     -INFINITY,
                                     NAN,
                                     1,
                                     -1,
                                     0.5,
                                     -0.5,
                                     3,
                                     -3,
                                     6,
                                     0x1p-126,
                                     -0x1p-126,
                                     0x1p-149,
                                     -0x1p-149,
                                     0x1p-140,
                                     0x1.fffffep127,
                                     -0x1.fffffep127,
                                     0x1p-24,
                                     -0x1p-24,
                                     20,
                                     -20,
                                     88.75,
                                     -88.75,
                                     -103.5,
                                     -104,
                                     -745,
                                     709.75,
                                     -709.75};
    const double wide = dtype == FA_F32 ? 110 : 760;
    for (size_t i = 0; i < n; i++) {
        const uint64_t h = hash64(seed, i);
        switch (h % 5) {
        case 0: put(dtype, values, i, special[(h >> 8) % (sizeof special / sizeof special[0])]); break;
        case 1: put_bits(dtype, values, i, h); break;
        case 2: put(dtype, values, i, wide * unit(h)); break;
        default: put(dtype, values, i, 8 * unit(h)); break;
        }
    }
}

void fill_tame(fa_dtype dtype, uint64_t seed, size_t n, void *values)
{
    for (size_t i = 0; i < n; i++) {
        const double u = 2 * unit(hash64(seed, i));
        put(dtype, values, i, u == 0 ? 1 : u);
    }
}

size_t first_difference(fa_dtype dtype, size_t n, const void *a, const void *b)
{
    for (size_t i = 0; i < n; i++)
        if (get_bits(dtype, a, i) != get_bits(dtype, b, i))
            return i;
    return n;
}

uint64_t digest_of(fa_dtype dtype, size_t n, const void *values, uint64_t digest)
{
    for (size_t i = 0; i < n; i++)
        for (size_t byte = 0; byte < fa_item_size(dtype); byte++)
            digest = (digest ^ (get_bits(dtype, values, i) >> 8 * byte & 0xff)) * 0x100000001b3u;
    return digest;
}

long double ulp_error(fa_dtype dtype, long double got, long double exact)
{
    const int digits = dtype == FA_F32 ? 24 : 53, smallest = dtype == FA_F32 ? -149 : -1074;
    const long double rounded = dtype == FA_F32 ? (long double)(float)exact : (long double)(double)exact;
    if (isnan(exact) || isinf(rounded))
        return got == rounded || (isnan(exact) && isnan(got)) ? 0 : INFINITY;
    if (isnan(got) || isinf(got))
        return INFINITY;
    int exponent = smallest + digits;
    if (rounded != 0)
        frexpl(rounded, &exponent);
    return ldexpl(fabsl(got - exact), -(exponent - digits > smallest ? exponent - digits : smallest));
}

#if defined(__x86_64__)

uint64_t floating_point_state(void) { return __builtin_ia32_stmxcsr(); }

void flush_subnormals(int on)
{
    const unsigned both = 0x8040;
    __builtin_ia32_ldmxcsr(on ? __builtin_ia32_stmxcsr() | both : __builtin_ia32_stmxcsr() & ~both);
}

#elif defined(__aarch64__)

uint64_t floating_point_state(void)
{
    uint64_t control, status;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(control), "=r"(status));
    return control << 32 | status;
}

void flush_subnormals(int on)
{
    uint64_t control;
    const uint64_t fz = 1u << 24;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    control = on ? control | fz : control & ~fz;
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
}

#else

uint64_t floating_point_state(void) { return 0; }

void flush_subnormals(int on) { (void)on; }

#endif
