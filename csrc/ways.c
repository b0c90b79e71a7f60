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
    TRIALS = 3,   /* of each way, in a row: the first may fault pages in, or find the caches as another way left them */
    AGAIN = 32,   /* calls after which all ways are tried anew, and after 4 times as many, 16 times … */
    HOPELESS = 4, /* but a way that took this many times as long as the fastest one is not */
};

/* What is known of calls of one size: how many there were, after how many the trials begin anew, and of each way its trials
 * since they last did, and the least time of these in picoseconds a byte. */
typedef struct {
    cell calls, next, trials[FA_MAX_WAYS], least[FA_MAX_WAYS];
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

static int fastest(const record *known, int ways)
{
    int found = 0;
    for (int way = 1; way < ways; way++)
        if (READ(known->least[way]) < READ(known->least[found]))
            found = way;
    return found;
}

/* What disturbed a way's trials would keep it out for ever, and a time from before the machine changed its pace would keep it
 * in. */
static void begin_trials(record *known, int ways)
{
    const uint32_t least = READ(known->least[fastest(known, ways)]), next = READ(known->next);
    for (int way = 0; way < ways; way++)
        WRITE(known->trials[way], READ(known->least[way]) / HOPELESS > least ? TRIALS : 0);
    WRITE(known->next, next == 0 ? AGAIN : next < UINT32_MAX / 4 ? next * 4 : UINT32_MAX);
}

int fa_way_of(const fa_work *work)
{
    record *known = place(work);
    if (READ(known->calls) >= READ(known->next))
        begin_trials(known, work->ways);
    for (int way = 0; way < work->ways; way++)
        if (READ(known->trials[way]) < TRIALS)
            return way;
    return fastest(known, work->ways);
}

void fa_way_took(const fa_work *work, int way, uint64_t nanoseconds)
{
    record *known = place(work);
    const uint32_t trials = READ(known->trials[way]);
    const uint64_t time = nanoseconds * 1000 / work->bytes;
    const uint32_t held = time < UINT32_MAX ? (uint32_t)time : UINT32_MAX;
    if (trials == 0 || held < READ(known->least[way]))
        WRITE(known->least[way], held);
    if (trials < TRIALS)
        WRITE(known->trials[way], trials + 1);
    WRITE(known->calls, READ(known->calls) + 1);
}
