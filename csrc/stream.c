/* See stream.h. */
#include "stream.h"

#include "threads.h"

#if FA_THREADS
#include <stdatomic.h>
typedef _Atomic uint32_t cell;
#define READ(c) atomic_load_explicit(&(c), memory_order_relaxed)
#define WRITE(c, v) atomic_store_explicit(&(c), v, memory_order_relaxed)
#else
typedef uint32_t cell;
#define READ(c) (c)
#define WRITE(c, v) ((c) = (v))
#endif

enum {
    SMALLEST =
        22,      /* 4 MiB: below, a second cache level and a share of the third hold results that will be read again */
    CLASSES = 8, /* powers of two from there */
    KERNELS = 128, /* places by a hash; two kernels in one place learn together */
    TRIALS = 3,    /* calls of each kind before the faster one is kept; the first may fault pages in */
};

/* The least time seen, in picoseconds a byte, above two bits that count the trials. */
static cell seen[KERNELS][CLASSES][2][2];

static cell *place(const void *kernel, size_t bytes, int threaded)
{
    int class = 0;
    while (class + 1 < CLASSES && bytes >> (SMALLEST + class + 1))
        class ++;
    return seen[(uintptr_t)kernel / 16 * 0x9e3779b1u >> 8 & (KERNELS - 1)][class][threaded != 0];
}

int fa_stream_choice(const void *kernel, size_t bytes, int threaded)
{
    if (bytes < (size_t)1 << SMALLEST)
        return 0;
    cell *both = place(kernel, bytes, threaded);
    const uint32_t through = READ(both[0]), past = READ(both[1]);
    if ((through & 3) < TRIALS || (past & 3) < TRIALS)
        return (past & 3) < (through & 3);
    return past < through;
}

void fa_stream_took(const void *kernel, size_t bytes, int threaded, int choice, uint64_t nanoseconds)
{
    if (bytes < (size_t)1 << SMALLEST)
        return;
    cell *own = &place(kernel, bytes, threaded)[choice];
    const uint32_t before = READ(*own), count = before & 3;
    const uint64_t time = nanoseconds * 1000 / bytes, most = UINT32_MAX >> 2;
    uint32_t least = time < most ? (uint32_t)time : (uint32_t)most;
    if (count && before >> 2 < least)
        least = before >> 2;
    WRITE(*own, least << 2 | (count < TRIALS ? count + 1 : count));
}
