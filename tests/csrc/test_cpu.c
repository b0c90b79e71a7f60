/* Detection: features, processors by affinity, CPU quota of cgroups from made-up hierarchies. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../csrc/cpu.h"
#include "check.h"

static char root[] = "/tmp/fastact_cgroup_XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", root, name);
    for (char *slash = strchr(path + sizeof root, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    FILE *file = fopen(path, "w");
    CHECK(file != NULL, "cannot write %s", path);
    fputs(text, file);
    fclose(file);
}

static double quota_of(const char *membership)
{
    char path[256];
    write_file("membership", membership);
    snprintf(path, sizeof path, "%s/membership", root);
    return fa_cgroup_quota(path, root);
}

static void expect_quota(double expected, const char *membership)
{
    const double quota = quota_of(membership);
    CHECK(quota == expected, "quota %g, expected %g, for %s", quota, expected, membership);
}

static void test_cgroup(void)
{
    CHECK(mkdtemp(root) != NULL, "mkdtemp");
    expect_quota(0, "");
    expect_quota(0, "nonsense\n0:\n");
    expect_quota(0, "0::/missing/folder\n");
    write_file("free/cpu.max", "max 100000\n");
    expect_quota(0, "0::/free\n");
    write_file("pod/cpu.max", "150000 100000\n");
    expect_quota(1.5, "0::/pod\n");
    expect_quota(1.5, "0::/pod/inner/missing\n");
    write_file("pod/wide/cpu.max", "800000 100000\n");
    expect_quota(1.5, "0::/pod/wide\n");
    write_file("pod/narrow/cpu.max", "50000 100000\n");
    expect_quota(0.5, "1:name=systemd:/\n0::/pod/narrow\n");
    write_file("cpu.max", "25000 100000\n");
    expect_quota(0.25, "0::/\n");
    expect_quota(0.25, "0::/outside/of/the/mount\n");
    write_file("cpu.max", "rubbish\n");
    expect_quota(0, "0::/\n");
    write_file("cpu/job/cpu.cfs_quota_us", "200000\n");
    write_file("cpu/job/cpu.cfs_period_us", "100000\n");
    expect_quota(2, "4:cpu,cpuacct:/job\n");
    expect_quota(0, "4:cpuset:/job\n");
    write_file("cpu/job/cpu.cfs_quota_us", "-1\n");
    expect_quota(0, "4:cpu:/job\n");
    CHECK(fa_cgroup_quota("/nonexistent", root) == 0, "a missing membership file means no quota");

    char command[300];
    snprintf(command, sizeof command, "rm -r %s", root);
    CHECK(system(command) == 0, "%s", command);
}

static void test_affinity(void)
{
    CHECK(fa_cpu_count() >= 1, "fa_cpu_count() = %d", fa_cpu_count());
#if defined(__linux__)
    const pid_t child = fork();
    if (child == 0) {
        cpu_set_t all, one;
        sched_getaffinity(0, sizeof all, &all);
        int first = 0;
        while (!CPU_ISSET(first, &all))
            first++;
        CPU_ZERO(&one);
        CPU_SET(first, &one);
        sched_setaffinity(0, sizeof one, &one);
        _exit(fa_cpu_count());
    }
    int status;
    waitpid(child, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 1, "one processor allowed, status %x", (unsigned)status);
#endif
}

static void test_features(void)
{
    const unsigned features = fa_cpu_features();
    CHECK(features == fa_cpu_features(), "features change between calls");
    CHECK(!(features & FA_CPU_AVX512) || (features & FA_CPU_AVX2), "AVX-512 without AVX2: %x", features);
#if defined(__x86_64__)
    __builtin_cpu_init();
    const int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const int avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                       __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
    CHECK(!!(features & FA_CPU_AVX2) == avx2, "features %x, compiler's runtime says avx2 %d", features, avx2);
    CHECK(!!(features & FA_CPU_AVX512) == avx512, "features %x, compiler's runtime says avx512 %d", features, avx512);
#elif defined(__aarch64__)
    CHECK(features == FA_CPU_NEON, "features %x", features);
#endif
    CHECK(fa_cache_bytes() >= 1 << 16, "a last cache of %zu bytes", fa_cache_bytes());
}

void test_cpu(void)
{
    test_features();
    test_affinity();
    test_cgroup();
}
