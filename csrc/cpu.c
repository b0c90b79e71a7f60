/* Detection of instruction sets (cpuid, xgetbv), cache size and processors.  No choice is made here. */
#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "cpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#else
#include <unistd.h>
#endif
#if defined(__APPLE__)
#include <sys/sysctl.h>
#elif defined(__linux__)
#include <sched.h>
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

static unsigned enabled_state(void) { return (unsigned)_xgetbv(0); }

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

static int has(unsigned word, unsigned mask) { return (word & mask) == mask; }

/* Bits as in Intel's manual, volume 2A, CPUID; XCR0 in volume 1, section 13.3. */
static unsigned x86_features(void)
{
    const unsigned fma = 1u << 12, osxsave = 1u << 27, avx = 1u << 28, f16c = 1u << 29;
    const unsigned avx2 = 1u << 5;
    const unsigned avx512_f_dq_bw_vl = 1u << 16 | 1u << 17 | 1u << 30 | 1u << 31;
    const unsigned xmm_ymm_state = 0x6, masks_zmm_state = 0xe0;

    if (!has(cpuid(1, 0).ecx, fma | osxsave | avx | f16c))
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

/* "max 100000", "150000 100000": version 2 keeps quota and period in one file, version 1 in two, with −1 for no quota. */
static double read_quota(const char *folder, int version)
{
    char name[1200], text[64] = "";
    double value[2] = {0, 0};
    const char *const files[2][2] = {{"cpu.cfs_quota_us", "cpu.cfs_period_us"}, {"cpu.max", NULL}};

    for (int i = 0; i < 2 && files[version - 1][i]; i++) {
        snprintf(name, sizeof name, "%s/%s", folder, files[version - 1][i]);
        FILE *file = fopen(name, "r");
        if (file == NULL)
            return 0;
        char *end = fgets(text, sizeof text, file);
        fclose(file);
        if (end == NULL)
            return 0;
        value[i] = strtod(text, &end);
        if (version == 2)
            value[1] = strtod(end, NULL);
    }
    return value[0] > 0 && value[1] > 0 ? value[0] / value[1] : 0;
}

static double smaller_quota(double a, double b) { return a == 0 || (b != 0 && b < a) ? b : a; }

/* Inside a container the named path may lie outside of what is mounted: folders that are missing have no quota. */
static double quota_up_to_root(const char *mount, const char *controller, char *path, int version)
{
    char folder[1100];
    double quota = 0;
    for (;;) {
        snprintf(folder, sizeof folder, "%s%s%s", mount, controller, path);
        quota = smaller_quota(quota, read_quota(folder, version));
        char *last = strrchr(path, '/');
        if (last == NULL)
            return quota;
        *last = '\0';
    }
}

/* A line is "number:controllers:path"; version 2 is number 0 with no controllers. */
double fa_cgroup_quota(const char *membership, const char *mount)
{
    char line[1024];
    double quota = 0;
    FILE *file = fopen(membership, "r");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *path++ = '\0';
        *controllers++ = '\0';
        if (strcmp(line, "0") == 0 && *controllers == '\0')
            quota = smaller_quota(quota, quota_up_to_root(mount, "", path, 2));
        else if (strcmp(controllers, "cpu") == 0 || strncmp(controllers, "cpu,", 4) == 0)
            quota = smaller_quota(quota, quota_up_to_root(mount, "/cpu", path, 1));
    }
    fclose(file);
    return quota;
}

#if defined(__linux__)

/* The kernel refuses a mask shorter than the processors it could have, so grow it until it fits. */
static int processors_by_affinity(void)
{
    for (int capacity = 1024; capacity <= 1 << 20; capacity *= 2) {
        cpu_set_t *set = CPU_ALLOC(capacity);
        if (set == NULL)
            break;
        const size_t bytes = CPU_ALLOC_SIZE(capacity);
        const int count = sched_getaffinity(0, bytes, set) == 0 ? CPU_COUNT_S(bytes, set) : 0;
        CPU_FREE(set);
        if (count > 0)
            return count;
    }
    return 1;
}

#elif defined(_WIN32)

static int processors_by_affinity(void)
{
    DWORD_PTR own = 0, all = 0;
    int count = 0;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &own, &all))
        return 1;
    for (; own; own &= own - 1)
        count++;
    return count;
}

#else

static int processors_by_affinity(void) { return (int)sysconf(_SC_NPROCESSORS_ONLN); }

#endif

int fa_cpu_count(void)
{
    int count = processors_by_affinity();
#if defined(__linux__)
    const double quota = fa_cgroup_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (quota > 0 && quota < count)
        count = (int)quota + (quota > (int)quota); /* part of a processor is worth a thread */
#endif
    return count > 0 ? count : 1;
}
