/* Runs the suites named on the command line, or all of them; exit status 0 means that every check held.
   `digest ISA` prints hashes of the results instead. */
#include <string.h>

#include "check.h"

long n_checks, n_failures;

int count_failure(const char *file, int line)
{
    const long before = __atomic_fetch_add(&n_failures, 1, __ATOMIC_RELAXED);
    if (before >= 50)
        return 0;
    fprintf(stderr, "%s:%d: ", file, line);
    return 1;
}

static const struct {
    const char *name;
    void (*run)(void);
} suites[] = {{"cpu", test_cpu},
              {"pool", test_pool},
              {"fork", test_fork},
              {"ways", test_ways},
              {"ways anew", test_ways_anew},
              {"kernels", test_kernels},
              {"elementwise", test_elementwise},
              {"halves", test_halves},
              {"stored", test_half_loops},
              {"inherited", test_halves_inherited},
              {"rows", test_rows},
              {"layouts", test_row_layouts},
              {"threads", test_threads}};

static int is_named(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return 1;
    return argc == 1;
}

int main(int argc, char **argv)
{
    int n_run = 0;
    if (argc == 3 && strcmp(argv[1], "digest") == 0)
        return print_digests(argv[2]);
    for (size_t i = 0; i < sizeof suites / sizeof suites[0]; i++)
        if (is_named(suites[i].name, argc, argv)) {
            const long checks = n_checks, failures = n_failures;
            suites[i].run();
            printf("%-12s %9ld checks, %ld failed\n", suites[i].name, n_checks - checks, n_failures - failures);
            fflush(stdout);
            n_run++;
        }
    if (n_run == 0)
        fprintf(stderr, "no suite of that name\n");
    return n_run == 0 || n_failures > 0;
}
