/* Whether a kernel's results had better pass the caches: learned from the calls themselves, since it depends on the machine, the
 * kernel, the size and the threads.  The same bits either way.  No copying here: kernels do that (memory.h). */
#ifndef FA_STREAM_H
#define FA_STREAM_H

#include <stddef.h>
#include <stdint.h>

/* How to run a call of this many bytes of results: 1 past the caches, 0 through them. */
int fa_stream_choice(const void *kernel, size_t bytes, int threaded);

/* What such a call took. */
void fa_stream_took(const void *kernel, size_t bytes, int threaded, int choice, uint64_t nanoseconds);

#endif
