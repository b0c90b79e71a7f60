/* The pool of threads: one job at a time, tasks claimed by an atomic counter.  What a task computes, and from which size
   on threads pay, is the caller's business.

   A job is published by opening `gate` with as many seats as it wants helpers.  A helper takes a seat by compare and
   swap, claims tasks until none is left and leaves.  The caller, when it finds no task left, closes the gate and waits
   only for helpers that took a seat: one that is still asleep, or was never given a processor, delays nobody. */
#if !defined(_WIN32) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "pool.h"

#include "cpu.h"
#include "fpstate.h"
#include "threads.h"

static int clamp_threads(int n) { return n < 1 ? 1 : n > FA_MAX_THREADS ? FA_MAX_THREADS : n; }

static void run_alone(size_t n_tasks, void (*task)(void *, size_t), void *context)
{
    for (size_t i = 0; i < n_tasks; i++)
        task(context, i);
}

#if !FA_THREADS

static int limit = 1;

int fa_default_num_threads(void) { return 1; }

int fa_get_num_threads(void) { return limit; }

void fa_set_num_threads(int n_threads) { limit = clamp_threads(n_threads); }

void fa_parallel_for(size_t n_tasks, void (*task)(void *context, size_t index), void *context)
{
    run_alone(n_tasks, task, context);
}

#else

#include <stdalign.h>
#include <stdatomic.h>

/* A helper out of work looks for the next job this long before it sleeps: calls of one training step follow each other
   within it and start in less than a microsecond instead of a system call. */
#define SPIN_NANOSECONDS 50000u
#define STACK_BYTES ((size_t)1 << 20)

/* `gate`: the low half counts helpers inside the job, the high half seats still free.  0: closed, and nobody inside. */
#define ONE_INSIDE 1u
#define ONE_SEAT 0x10000u
#define INSIDE_MASK 0xffffu

static struct {
    alignas(64) atomic_uint gate;
    atomic_uint spin_nanoseconds;
    alignas(64) atomic_size_t next_task;
    alignas(64) size_t n_tasks;
    void (*task)(void *, size_t);
    void *context;

    atomic_int busy; /* held by the caller whose job this is; guards n_started and start_failed too */
    int n_started;
    int start_failed;

    fa_mutex lock;
    fa_condition job_posted, job_done;
    atomic_int n_asleep;
    atomic_int caller_asleep;
} pool = {.lock = FA_MUTEX_INIT, .job_posted = FA_CONDITION_INIT, .job_done = FA_CONDITION_INIT};

static atomic_int limit;         /* 0: not asked yet */
static atomic_int default_limit; /* 0: not asked yet */
static _Thread_local int inside_task;

static void pause_briefly(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#elif defined(__aarch64__)
    __asm__ volatile("isb" ::: "memory");
#elif defined(_WIN32)
    YieldProcessor();
#endif
}

static int seats_free(unsigned gate) { return gate >= ONE_SEAT; }

static int nobody_inside(unsigned gate) { return (gate & INSIDE_MASK) == 0; }

static int spin_until(int (*wanted)(unsigned gate))
{
    unsigned patience = atomic_load_explicit(&pool.spin_nanoseconds, memory_order_relaxed);
    uint64_t start = patience ? fa_nanoseconds() : 0;
    do {
        for (int i = 0; i < 16; i++) {
            if (wanted(atomic_load_explicit(&pool.gate, memory_order_acquire)))
                return 1;
            pause_briefly();
        }
    } while (patience && fa_nanoseconds() - start < patience);
    return 0;
}

/* Counting itself asleep and then looking at the gate, while the caller opens the gate and then looks at the count, all
   sequentially consistent, is why no post is missed. */
static void sleep_until_posted(void)
{
    fa_lock(&pool.lock);
    atomic_fetch_add(&pool.n_asleep, 1);
    while (!seats_free(atomic_load(&pool.gate)))
        fa_wait(&pool.job_posted, &pool.lock);
    atomic_fetch_sub(&pool.n_asleep, 1);
    fa_unlock(&pool.lock);
}

static int take_seat(void)
{
    unsigned gate = atomic_load_explicit(&pool.gate, memory_order_relaxed);
    while (seats_free(gate))
        if (atomic_compare_exchange_weak(&pool.gate, &gate, gate - ONE_SEAT + ONE_INSIDE))
            return 1;
    return 0;
}

static void leave(void)
{
    unsigned before = atomic_fetch_sub(&pool.gate, ONE_INSIDE);
    if (before == ONE_INSIDE && atomic_load(&pool.caller_asleep)) {
        fa_lock(&pool.lock);
        fa_unlock(&pool.lock);
        fa_wake_one(&pool.job_done);
    }
}

static void claim_tasks(void)
{
    for (;;) {
        size_t i = atomic_fetch_add_explicit(&pool.next_task, 1, memory_order_relaxed);
        if (i >= pool.n_tasks)
            return;
        pool.task(pool.context, i);
    }
}

FA_THREAD_BODY helper(void *unused)
{
    (void)unused;
    fa_fp_enter(); /* a thread starts with its creator's state */
    inside_task = 1;
    for (;;) {
        if (!spin_until(seats_free))
            sleep_until_posted();
        if (take_seat()) {
            claim_tasks();
            leave();
        }
    }
    return FA_THREAD_RETURN;
}

/* Only the forking thread lives on in the child, whatever the others were doing. */
static void start_afresh_in_child(void)
{
    pool.lock = (fa_mutex)FA_MUTEX_INIT;
    pool.job_posted = (fa_condition)FA_CONDITION_INIT;
    pool.job_done = (fa_condition)FA_CONDITION_INIT;
    atomic_store(&pool.gate, 0);
    atomic_store(&pool.n_asleep, 0);
    atomic_store(&pool.caller_asleep, 0);
    atomic_store(&pool.busy, 0);
    pool.n_started = 0;
    pool.start_failed = 0;
}

static void start_helpers(int wanted)
{
    static int fork_handler_set;
    if (!fork_handler_set) {
        fork_handler_set = 1;
        fa_at_fork_in_child(start_afresh_in_child);
    }
    while (pool.n_started < wanted && !pool.start_failed) {
        if (fa_start_thread(helper, STACK_BYTES))
            pool.n_started++;
        else
            pool.start_failed = 1;
    }
}

static void wake_helpers(int n_seats)
{
    int asleep = atomic_load(&pool.n_asleep);
    int needed = n_seats - (pool.n_started - asleep);
    if (needed <= 0)
        return;
    fa_lock(&pool.lock);
    fa_unlock(&pool.lock);
    if (needed >= asleep)
        fa_wake_all(&pool.job_posted);
    else
        for (int i = 0; i < needed; i++)
            fa_wake_one(&pool.job_posted);
}

static void wait_for_helpers(void)
{
    atomic_fetch_and(&pool.gate, INSIDE_MASK);
    if (!spin_until(nobody_inside)) {
        fa_lock(&pool.lock);
        atomic_store(&pool.caller_asleep, 1);
        while (!nobody_inside(atomic_load(&pool.gate)))
            fa_wait(&pool.job_done, &pool.lock);
        atomic_store(&pool.caller_asleep, 0);
        fa_unlock(&pool.lock);
    }
}

static void run_together(int n_helpers, size_t n_tasks, void (*task)(void *, size_t), void *context)
{
    const int crowded = n_helpers >= fa_default_num_threads();
    atomic_store_explicit(&pool.spin_nanoseconds, crowded ? 0 : SPIN_NANOSECONDS, memory_order_relaxed);
    start_helpers(n_helpers);
    pool.n_tasks = n_tasks;
    pool.task = task;
    pool.context = context;
    atomic_store_explicit(&pool.next_task, 0, memory_order_relaxed);
    atomic_store(&pool.gate, (unsigned)n_helpers * ONE_SEAT);
    wake_helpers(n_helpers);
    claim_tasks();
    wait_for_helpers();
}

void fa_parallel_for(size_t n_tasks, void (*task)(void *context, size_t index), void *context)
{
    int n_threads = inside_task || n_tasks < 2 ? 1 : fa_get_num_threads();
    int was_inside = inside_task;
    inside_task = 1;
    if (n_threads > 1 && !atomic_exchange_explicit(&pool.busy, 1, memory_order_acquire)) {
        int n_helpers = (size_t)n_threads < n_tasks ? n_threads - 1 : (int)(n_tasks - 1);
        run_together(n_helpers, n_tasks, task, context);
        atomic_store_explicit(&pool.busy, 0, memory_order_release);
    } else {
        run_alone(n_tasks, task, context);
    }
    inside_task = was_inside;
}

int fa_default_num_threads(void)
{
    int n = atomic_load_explicit(&default_limit, memory_order_relaxed);
    if (n == 0) {
        n = clamp_threads(fa_cpu_count());
        atomic_store_explicit(&default_limit, n, memory_order_relaxed);
    }
    return n;
}

int fa_get_num_threads(void)
{
    int n = atomic_load_explicit(&limit, memory_order_relaxed);
    return n ? n : fa_default_num_threads();
}

void fa_set_num_threads(int n_threads)
{
    atomic_store_explicit(&limit, clamp_threads(n_threads), memory_order_relaxed);
}

#endif
