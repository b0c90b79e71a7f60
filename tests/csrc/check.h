/* What every suite of the C test program shares: CHECK, the suites' entry points.  No test belongs here. */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>

extern long n_checks, n_failures;

/* Counts and, on failure, prints where and what: CHECK(condition, format, values…).  The first 50 failures print. */
#define CHECK(condition, ...)                                                                                          \
    do {                                                                                                               \
        __atomic_fetch_add(&n_checks, 1, __ATOMIC_RELAXED);                                                            \
        if (!(condition) && count_failure(__FILE__, __LINE__)) {                                                       \
            fprintf(stderr, __VA_ARGS__);                                                                              \
            fputc('\n', stderr);                                                                                       \
        }                                                                                                              \
    } while (0)

int count_failure(const char *file, int line);

void test_cpu(void);
void test_elementwise(void);
void test_fork(void);
void test_halves(void);
void test_halves_inherited(void);
void test_half_loops(void);
void test_kernels(void);
void test_pool(void);
void test_row_layouts(void);
void test_rows(void);
void test_ways(void);
void test_ways_anew(void);
void test_threads(void);

/* One line a kernel, the hash of its results on fixed inputs: compare them between machines.  Exit status. */
int print_digests(const char *isa);
void print_row_digests(void);

#endif
