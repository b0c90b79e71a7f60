/* See half_table.h. */
#include "half_table.h"

#include "convert.h"
#include "fpstate.h"
#include "threads.h"

#include <stdlib.h>
#include <string.h>

int fa_half_numbers_spread(size_t n, const void *x)
{
    enum {
        PLACES = 64,
        EACH = 8,
        LINE = 32,
        MANY = 320
    }; /* of 512, normal deviates ask for 256 lines, random bits for 454 */
    unsigned char asked[FA_HALF_NUMBERS / LINE] = {0};
    uint16_t number[EACH];
    int lines = 0;
    for (size_t place = 0; place < PLACES && n >= PLACES * EACH; place++) {
        memcpy(number, (const char *)x + n / PLACES * place * sizeof *number, sizeof number);
        for (int i = 0; i < EACH; i++) {
            lines += !asked[number[i] / LINE];
            asked[number[i] / LINE] = 1;
        }
    }
    return lines > MANY;
}

#if FA_THREADS
#include <stdatomic.h>

enum { TABLES = 256, PROBES = 16 };

/* Tables without parameters, each published once and never freed; and the last table of each function with parameters,
 * which a call takes out, so that nobody else sees it change, and puts back. */
static _Atomic(fa_half_table *) kept[TABLES], last[TABLES];

static size_t place_of(const fa_half_function *function)
{
    const uintptr_t kernel = (uintptr_t)function->kernel / 16;
    return (kernel * 0x9e3779b1u >> 8) + (size_t)function->type;
}

static int same(const fa_half_function *a, const fa_half_function *b)
{
    return a->kernel == b->kernel && a->type == b->type && a->n_parameter == b->n_parameter &&
           memcmp(a->parameter, b->parameter, sizeof a->parameter) == 0;
}

typedef char fa_stages_fill_a_table[FA_HALF_NUMBERS % FA_STAGE == 0 ? 1 : -1];

static void fill(fa_half_table *table, const fa_half_function *function)
{
    float x[FA_STAGE], y[FA_STAGE];
    const void *in[FA_MAX_IN] = {x};
    void *out[FA_MAX_OUT] = {y};
    size_t step[FA_MAX_IN] = {1};
    const fa_fp_state saved = fa_fp_enter();
    table->function = *function;
    table->before = table->after = 0;
    for (int k = 0; k < function->n_parameter; k++)
        in[k + 1] = &table->function.parameter[k];
    for (size_t start = 0; start < FA_HALF_NUMBERS; start += FA_STAGE) {
        char *numbers = (char *)&table->result[start];
        for (size_t i = start; i < start + FA_STAGE; i++)
            table->result[i] = (uint16_t)i;
        fa_read(function->type, FA_STAGE, numbers, 2, x);
        function->kernel(FA_STAGE, in, step, out, 0);
        fa_write(function->type, FA_STAGE, y, numbers, 2);
    }
    fa_fp_leave(saved);
}

static const fa_half_table *permanent(const fa_half_function *function)
{
    for (size_t probe = 0; probe < PROBES; probe++) {
        _Atomic(fa_half_table *) *place = &kept[(place_of(function) + probe) % TABLES];
        fa_half_table *table = atomic_load_explicit(place, memory_order_acquire);
        if (table == NULL) {
            fa_half_table *fresh = malloc(sizeof *fresh);
            if (fresh == NULL)
                return NULL;
            fill(fresh, function);
            if (atomic_compare_exchange_strong(place, &table, fresh))
                return fresh;
            free(fresh); /* another thread was first, perhaps with another function */
        }
        if (same(&table->function, function))
            return table;
    }
    return NULL;
}

const fa_half_table *fa_half_table_take(const fa_half_function *function)
{
    if (function->n_parameter == 0)
        return permanent(function);
    fa_half_table *table = atomic_exchange(&last[place_of(function) % TABLES], NULL);
    const int fresh = table == NULL;
    if (fresh && (table = malloc(sizeof *table)) == NULL)
        return NULL;
    if (fresh || !same(&table->function, function))
        fill(table, function);
    return table;
}

void fa_half_table_give_back(const fa_half_table *table)
{
    if (table->function.n_parameter)
        free(atomic_exchange(&last[place_of(&table->function) % TABLES], (fa_half_table *)table));
}

#else

const fa_half_table *fa_half_table_take(const fa_half_function *function)
{
    (void)function;
    return NULL;
}

void fa_half_table_give_back(const fa_half_table *table) { (void)table; }

#endif
