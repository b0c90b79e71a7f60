/* All 65,536 results of a function of one half-precision number, made by its kernel, so that a large call looks its results up:
 * the same bits in less time.  When that pays is decided by who asks (loops.c); no allocation that fails breaks a call. */
#ifndef FA_HALF_TABLE_H
#define FA_HALF_TABLE_H

#include "fastact.h"

enum { FA_HALF_NUMBERS = 1 << 16 };

/* Which function: a value kernel of one input, with its parameters. */
typedef struct {
    fa_kernel *kernel;
    fa_dtype type; /* FA_F16 or FA_BF16 */
    int n_parameter;
    float parameter[FA_MAX_IN]; /* the others are 0 */
} fa_half_function;

typedef struct {
    fa_half_function function;
    uint16_t before; /* translators read a neighbour with each result */
    uint16_t result[FA_HALF_NUMBERS];
    uint16_t after;
} fa_half_table;

/* The table, or NULL if memory ran out; to be given back after the call.  Tables without parameters stay for the life of the
 * process; of a function with parameters the last one stays. */
const fa_half_table *fa_half_table_take(const fa_half_function *function);
void fa_half_table_give_back(const fa_half_table *table);

/* Whether n > 0 numbers at any address, judged by a sample, are spread over so much of a table that the first cache level does
 * not hold it: unlike those of one distribution. */
int fa_half_numbers_spread(size_t n, const void *x);

#endif
