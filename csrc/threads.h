/* Mutex, condition, thread start and a clock, over POSIX or Windows: the only file that knows which.  Nothing about jobs
   belongs here.  FA_THREADS is 0 where the compiler lacks C11 atomics or the system has no threads; the pool is then
   serial (MSVC before /experimental:c11atomics, WebAssembly without -pthread). */
#ifndef FA_THREADS_H
#define FA_THREADS_H

#include <stddef.h>
#include <stdint.h>

#if defined(__STDC_NO_ATOMICS__) || (defined(__EMSCRIPTEN__) && !defined(__EMSCRIPTEN_PTHREADS__))
#define FA_THREADS 0
#else
#define FA_THREADS 1
#endif

#if FA_THREADS && defined(_WIN32)

#define WIN32_LEAN_AND_MEAN
#include <windows.h>

typedef SRWLOCK fa_mutex;
typedef CONDITION_VARIABLE fa_condition;
#define FA_MUTEX_INIT SRWLOCK_INIT
#define FA_CONDITION_INIT CONDITION_VARIABLE_INIT
#define FA_THREAD_BODY static DWORD WINAPI
#define FA_THREAD_RETURN 0
typedef LPTHREAD_START_ROUTINE fa_thread_body;

static inline void fa_lock(fa_mutex *m) { AcquireSRWLockExclusive(m); }

static inline void fa_unlock(fa_mutex *m) { ReleaseSRWLockExclusive(m); }

static inline void fa_wait(fa_condition *c, fa_mutex *m) { SleepConditionVariableSRW(c, m, INFINITE, 0); }

static inline void fa_wake_one(fa_condition *c) { WakeConditionVariable(c); }

static inline void fa_wake_all(fa_condition *c) { WakeAllConditionVariable(c); }

static inline int fa_start_thread(fa_thread_body body, size_t stack_bytes)
{
    HANDLE thread = CreateThread(NULL, stack_bytes, body, NULL, STACK_SIZE_PARAM_IS_A_RESERVATION, NULL);
    if (thread == NULL)
        return 0;
    CloseHandle(thread);
    return 1;
}

static inline uint64_t fa_nanoseconds(void)
{
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (uint64_t)((double)ticks.QuadPart * 1e9 / (double)per_second.QuadPart);
}

/* Windows has no fork. */
static inline void fa_at_fork_in_child(void (*handler)(void)) { (void)handler; }

#elif FA_THREADS

#include <pthread.h>
#include <signal.h>
#include <time.h>

typedef pthread_mutex_t fa_mutex;
typedef pthread_cond_t fa_condition;
#define FA_MUTEX_INIT PTHREAD_MUTEX_INITIALIZER
#define FA_CONDITION_INIT PTHREAD_COND_INITIALIZER
#define FA_THREAD_BODY static void *
#define FA_THREAD_RETURN NULL
typedef void *(*fa_thread_body)(void *);

static inline void fa_lock(fa_mutex *m) { pthread_mutex_lock(m); }

static inline void fa_unlock(fa_mutex *m) { pthread_mutex_unlock(m); }

static inline void fa_wait(fa_condition *c, fa_mutex *m) { pthread_cond_wait(c, m); }

static inline void fa_wake_one(fa_condition *c) { pthread_cond_signal(c); }

static inline void fa_wake_all(fa_condition *c) { pthread_cond_broadcast(c); }

/* The thread blocks every signal except those that a faulty instruction raises: handlers run on the program's own threads. */
static inline int fa_start_thread(fa_thread_body body, size_t stack_bytes)
{
    const int raised_by_instructions[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
    sigset_t blocked, before;
    pthread_attr_t attributes;
    pthread_t thread;

    sigfillset(&blocked);
    for (size_t i = 0; i < sizeof raised_by_instructions / sizeof raised_by_instructions[0]; i++)
        sigdelset(&blocked, raised_by_instructions[i]);
    if (pthread_attr_init(&attributes) != 0)
        return 0;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, stack_bytes);
    pthread_sigmask(SIG_SETMASK, &blocked, &before);
    int failed = pthread_create(&thread, &attributes, body, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return !failed;
}

static inline uint64_t fa_nanoseconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static inline void fa_at_fork_in_child(void (*handler)(void)) { pthread_atfork(NULL, NULL, handler); }

#endif

#endif
