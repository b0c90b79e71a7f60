/* Which of several ways to run a call is the fastest: learned from the calls themselves, since it depends on the machine, the
 * kernel, the size and the threads.  All ways give the same bits.  What the ways are is the caller's business. */
#ifndef FA_WAYS_H
#define FA_WAYS_H

#include <stddef.h>
#include <stdint.h>

enum { FA_MAX_WAYS = 3 };

/* What is learned together: calls of one kernel, of so many bytes of results (its power of two), with or without threads. */
typedef struct {
    const void *kernel;
    int kind; /* numbers from 0 on for work of a kernel that differs otherwise: types in memory, … */
    size_t bytes;
    int threaded;
    int ways; /* how many there are */
} fa_work;

/* The way to take, from 0 on. */
int fa_way_of(const fa_work *work);

/* What a call that took it lasted. */
void fa_way_took(const fa_work *work, int way, uint64_t nanoseconds);

#endif
