/* What the processor and the operating system offer.  Detection only: which kernels are then chosen is decided in dispatch.c. */
#ifndef FA_CPU_H
#define FA_CPU_H

#include <stddef.h>

enum {
    FA_CPU_AVX2 = 1u << 0,   /* AVX2 and FMA, and an operating system that saves the ymm registers */
    FA_CPU_AVX512 = 1u << 1, /* F, DQ, BW, VL, and an operating system that saves zmm and the masks */
    FA_CPU_NEON = 1u << 2,   /* 64-bit Arm, where NEON is mandatory */
};

/* Bit set of FA_CPU_*.  Asks the processor each time: keep the answer. */
unsigned fa_cpu_features(void);

/* Bytes of the last cache before memory, as the system reports it: all cores, and on a shared machine all tenants, have
   it in common.  8 MiB where the system does not tell.  Keep the answer. */
size_t fa_cache_bytes(void);

/* Processors this process may use at once, at least 1: its affinity mask, bounded by the CPU quota of its cgroup. */
int fa_cpu_count(void);

/* The CPU quota, in processors, of the cgroup (version 2 or 1) that the file `membership` (/proc/self/cgroup) names, in the
   hierarchy mounted at `mount` (/sys/fs/cgroup): the smallest of its own and its ancestors'.  0 if there is none. */
double fa_cgroup_quota(const char *membership, const char *mount);

#endif
