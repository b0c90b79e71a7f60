/* The threads: one lazy pool for the whole process.  Results never depend on it, because the caller fixes the tasks and
   each task is computed the same whoever runs it. */
#ifndef FA_POOL_H
#define FA_POOL_H

#include <stddef.h>

enum { FA_MAX_THREADS = 1024 };

/* Runs task(context, 0 … n_tasks − 1), each once and in no particular order, and returns when all are done.  The caller
   takes part.  Everything runs on the caller alone if the limit is one thread, if another caller has the pool, or inside
   a task.  Helpers run in the default floating-point environment; the caller keeps its own. */
void fa_parallel_for(size_t n_tasks, void (*task)(void *context, size_t index), void *context);

/* The threads one call may use, its caller included.  Set: clamped to 1 … FA_MAX_THREADS, from the next call on. */
int fa_get_num_threads(void);
void fa_set_num_threads(int n_threads);

/* The processors that affinity and cgroup leave to this process (fa_cpu_count), asked once. */
int fa_default_num_threads(void);

#endif
