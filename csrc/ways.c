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

/* What is known of calls of one size: how many there were, and of each way the least time seen, in picoseconds a byte, above two
 * bits that count its trials. */
typedef struct {
    cell calls, least[FA_MAX_WAYS];
} record;

static struct {
    name kind; /* of work; 0 while there is none */
    record of[CLASSES][2];
} seen[PLACES];

static record *place(const fa_work *work)
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
    return &seen[at].of[class][work->threaded != 0];
}

/* What disturbed all trials of a way would keep it out for ever: after 16, 32, 64, … calls the ways are tried again in turn. */
static int again(const record *known, int ways)
{
    const uint32_t calls = READ(known->calls);
    int doublings = 0;
    while (calls >> doublings > 1)
        doublings++;
    return doublings >= 4 && calls == (uint32_t)1 << doublings ? doublings % ways : -1;
}

int fa_way_of(const fa_work *work)
{
    record *known = place(work);
    int fastest = 0;
    for (int way = 0; way < work->ways; way++) {
        if ((READ(known->least[way]) & 3) < TRIALS)
            return way; /* one way's trials in a row: what a call leaves in the caches matters to the next */
        if (READ(known->least[way]) >> 2 < READ(known->least[fastest]) >> 2)
            fastest = way;
    }
    const int next = again(known, work->ways);
    return next >= 0 ? next : fastest;
}

void fa_way_took(const fa_work *work, int way, uint64_t nanoseconds)
{
    record *known = place(work);
    const uint32_t before = READ(known->least[way]), count = before & 3;
    const uint64_t time = nanoseconds * 1000 / work->bytes, most = UINT32_MAX >> 2;
    uint32_t least = time < most ? (uint32_t)time : (uint32_t)most;
    if (count && before >> 2 < least)
        least = before >> 2;
    WRITE(known->least[way], least << 2 | (count < TRIALS ? count + 1 : count));
    WRITE(known->calls, READ(known->calls) + 1);
}
