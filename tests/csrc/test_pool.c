/* The pool: each task once, real concurrency, nesting, many callers, changing limits, fork, floating-point environment. */
#define _GNU_SOURCE
#include <fenv.h>
#include <float.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../csrc/pool.h"
#include "check.h"

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Yields, so that callers overlap even where there are few processors. */
static void count_visit(void *context, size_t i)
{
    if (i % 8 == 3)
        sched_yield();
    atomic_fetch_add((atomic_int *)context + i, 1);
}

static void expect_each_once(size_t n)
{
    atomic_int *visits = calloc(n + 1, sizeof *visits);
    fa_parallel_for(n, count_visit, visits);
    for (size_t i = 0; i < n; i++)
        CHECK(visits[i] == 1, "task %zu of %zu ran %d times", i, n, (int)visits[i]);
    CHECK(visits[n] == 0, "a task past the last of %zu ran", n);
    free(visits);
}

static void test_each_once(void)
{
    const int threads[] = {1, 2, 3, 8, 64};
    const size_t counts[] = {0, 1, 2, 3, 7, 100, 5000};
    for (size_t t = 0; t < sizeof threads / sizeof threads[0]; t++)
        for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
            fa_set_num_threads(threads[t]);
            expect_each_once(counts[c]);
        }
}

static void test_limits(void)
{
    fa_set_num_threads(5);
    CHECK(fa_get_num_threads() == 5, "%d", fa_get_num_threads());
    fa_set_num_threads(-3);
    CHECK(fa_get_num_threads() == 1, "%d", fa_get_num_threads());
    fa_set_num_threads(1 << 30);
    CHECK(fa_get_num_threads() == FA_MAX_THREADS, "%d", fa_get_num_threads());
    CHECK(fa_default_num_threads() >= 1, "%d", fa_default_num_threads());
}

/* Tasks that finish only once all of them have begun, so that each needs a thread of its own; they give up after 20 s. */
typedef struct {
    int n;
    atomic_int begun, gave_up;
    pthread_t caller;
    atomic_int rounds_up[8], flushed[8], takes_alarm[8];
} meeting;

static void meet(void *context, size_t i)
{
    meeting *m = context;
    volatile double small = DBL_MIN, one = 1;
    sigset_t blocked;

    if (!pthread_equal(pthread_self(), m->caller)) {
        m->rounds_up[i] = one + 0x1p-60 > 1;
        m->flushed[i] = small / 2 == 0;
        pthread_sigmask(SIG_SETMASK, NULL, &blocked);
        m->takes_alarm[i] = !sigismember(&blocked, SIGALRM);
    }
    atomic_fetch_add(&m->begun, 1);
    for (const double start = seconds(); m->begun < m->n;) {
        if (seconds() - start > 20) {
            m->gave_up = 1;
            return;
        }
        usleep(10);
    }
}

/* 1 if n tasks ran on n threads at once. */
static int run_meeting(meeting *m, int n)
{
    *m = (meeting){.n = n, .caller = pthread_self()};
    fa_set_num_threads(n);
    fa_parallel_for((size_t)n, meet, m);
    return !m->gave_up;
}

static void test_concurrency(void)
{
    static meeting m;
    for (int n = 2; n <= 8; n++)
        CHECK(run_meeting(&m, n), "%d threads did not run %d tasks at once", n, n);
    CHECK(run_meeting(&m, 2), "fewer threads after more");
    usleep(20000);
    CHECK(run_meeting(&m, 4), "helpers that fell asleep did not wake");
}

static void flush_subnormals(int on)
{
#if defined(__x86_64__)
    const unsigned both = 0x8040;
    __builtin_ia32_ldmxcsr(on ? __builtin_ia32_stmxcsr() | both : __builtin_ia32_stmxcsr() & ~both);
#elif defined(__aarch64__)
    unsigned long control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    control = on ? control | 1ul << 24 : control & ~(1ul << 24);
    __asm__ volatile("msr fpcr, %0" : : "r"(control));
#else
    (void)on;
#endif
}

/* Run before any helper exists, so that they are made by a thread in an odd state. */
static void test_floating_point_environment(void)
{
    static meeting m;
    flush_subnormals(1);
    fesetround(FE_UPWARD);
    const int met = run_meeting(&m, 4);
    const int rounding = fegetround();
    fesetround(FE_TONEAREST);
    flush_subnormals(0);
    CHECK(met, "4 tasks at once");
    CHECK(rounding == FE_UPWARD, "the caller's rounding became %d", rounding);
    for (int i = 0; i < 4; i++) {
        CHECK(!m.rounds_up[i], "a helper rounds as its creator did");
        CHECK(!m.flushed[i], "a helper flushes subnormals");
        CHECK(!m.takes_alarm[i], "a helper takes the program's signals");
    }
}

typedef struct {
    pthread_t thread[4][16];
    atomic_int visits;
} nest;

typedef struct {
    nest *nest;
    size_t outer;
} nest_row;

static void inner_task(void *context, size_t i)
{
    nest_row *row = context;
    row->nest->thread[row->outer][i] = pthread_self();
    atomic_fetch_add(&row->nest->visits, 1);
}

static void outer_task(void *context, size_t i)
{
    nest_row row = {context, i};
    fa_parallel_for(16, inner_task, &row);
    for (int k = 0; k < 16; k++)
        CHECK(pthread_equal(row.nest->thread[i][k], pthread_self()), "a nested task left its thread");
}

static void test_nested(void)
{
    static nest n;
    fa_set_num_threads(4);
    fa_parallel_for(4, outer_task, &n);
    CHECK(n.visits == 64, "%d of 64 nested tasks ran", (int)n.visits);
    fa_set_num_threads(1);
    fa_parallel_for(4, outer_task, &n);
    static meeting m;
    CHECK(run_meeting(&m, 2), "after nested calls the pool still works in parallel");
}

static atomic_int stop;

static void *call_often(void *n_calls)
{
    for (long k = 0; k < (long)(size_t)n_calls; k++)
        expect_each_once((size_t)(k % 40));
    return NULL;
}

static void *change_limit(void *unused)
{
    (void)unused;
    for (unsigned k = 0; !stop; k++) {
        fa_set_num_threads(1 + (int)(k * 7 % 9));
        usleep(50);
    }
    return NULL;
}

static void test_many_callers(void)
{
    pthread_t callers[8], changer;
    stop = 0;
    pthread_create(&changer, NULL, change_limit, NULL);
    for (int i = 0; i < 8; i++)
        pthread_create(&callers[i], NULL, call_often, (void *)(size_t)400);
    for (int i = 0; i < 8; i++)
        pthread_join(callers[i], NULL);
    stop = 1;
    pthread_join(changer, NULL);
}

static void *call_until_stopped(void *unused)
{
    (void)unused;
    while (!stop)
        expect_each_once(64);
    return NULL;
}

/* 0 if the pool works in a child forked now. */
static int status_of_child(void)
{
    static meeting m;
    const pid_t child = fork();
    if (child == 0) {
        alarm(30);
        const int met = run_meeting(&m, 3);
        const long failures = n_failures;
        expect_each_once(1000);
        _exit(!met || n_failures > failures);
    }
    int status = -1;
    waitpid(child, &status, 0);
    return status;
}

/* The children are forked while another thread's jobs are under way, so they inherit the pool in any state.  A suite of its
   own: neither the thread sanitizer nor qemu's user mode can fork a process that has threads. */
void test_fork(void)
{
    pthread_t other;
    const int before = fa_get_num_threads();
    fa_set_num_threads(4);
    CHECK(status_of_child() == 0, "the pool does not work in a forked child");
    stop = 0;
    pthread_create(&other, NULL, call_until_stopped, NULL);
    for (int i = 0; i < 50; i++) {
        const int status = status_of_child();
        CHECK(status == 0, "child %d, forked during a job, ended with status %x", i, (unsigned)status);
    }
    stop = 1;
    pthread_join(other, NULL);
    static meeting m;
    CHECK(run_meeting(&m, 3), "the parent's pool works on");
    fa_set_num_threads(before);
}

void test_pool(void)
{
    const int before = fa_get_num_threads();
    test_floating_point_environment();
    test_limits();
    test_each_once();
    test_concurrency();
    test_nested();
    test_many_callers();
    fa_set_num_threads(before);
}
