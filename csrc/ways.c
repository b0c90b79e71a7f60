/* See ways.h. */
#include "ways.h"

#include "threads.h"

#if FA_THREADS
#include <stdatomic.h>
typedef _Atomic uint32_t cell;
typedef _Atomic uintptr_t name;
#define READ(c) atomic_load_explicit(&(c), memory_order_relaxed)
#define WRITE(c, v) atomic_store_explicit(&(c), v, memory_order_relaxed)
#define CLAIM(c, free, v) atomic_compare_exchange_strong(&(c), &(free), v)
#else
typedef uint32_t cell;
typedef uintptr_t name;
#define READ(c) (c)
#define WRITE(c, v) ((c) = (v))
#define CLAIM(c, free, v) ((c) == (free) ? ((c) = (v), 1) : ((free) = (c), 0))
#endif

enum {
    SMALLEST = 18, /* the lowest class holds calls of less than twice these powers of two of bytes */
    CLASSES = 12,
    PLACES = 256, /* for kinds of work; more than there are, or some would learn together */
    TRIALS = 3,   /* calls of each way before the fastest one is kept; the first may fault pages in */
};

/* A kind of work, 0 while there is none, and the least time seen of each way, in picoseconds a byte, above two bits that count
 * the trials. */
static struct {
    name kind;
    cell least[CLASSES][2][FA_MAX_WAYS];
} seen[PLACES];

static cell *place(const fa_work *work)
{
    const uintptr_t kind = (uintptr_t)work->kernel + (uintptr_t)work->kind, first = kind * 0x9e3779b1u >> 8;
    size_t at = first % PLACES;
    int class = 0;
    while (class + 1 < CLASSES && work->bytes >> (SMALLEST + class + 1))
        class ++;
    for (size_t probe = 0; probe < PLACES; probe++, at = (at + 1) % PLACES) {
        uintptr_t found = READ(seen[at].kind);
        if (found == kind || (found == 0 && (CLAIM(seen[at].kind, found, kind) || found == kind)))
            break;
    }
    return seen[at].least[class][work->threaded != 0];
}

int fa_way_of(const fa_work *work)
{
    cell *all = place(work);
    int rarest = 0, fastest = 0;
    for (int way = 1; way < work->ways; way++) {
        if ((READ(all[way]) & 3) < (READ(all[rarest]) & 3))
            rarest = way;
        if (READ(all[way]) >> 2 < READ(all[fastest]) >> 2)
            fastest = way;
    }
    return (READ(all[rarest]) & 3) < TRIALS ? rarest : fastest;
}

void fa_way_took(const fa_work *work, int way, uint64_t nanoseconds)
{
    cell *own = &place(work)[way];
    const uint32_t before = READ(*own), count = before & 3;
    const uint64_t time = nanoseconds * 1000 / work->bytes, most = UINT32_MAX >> 2;
    uint32_t least = time < most ? (uint32_t)time : (uint32_t)most;
    if (count && before >> 2 < least)
        least = before >> 2;
    WRITE(*own, least << 2 | (count < TRIALS ? count + 1 : count));
}
