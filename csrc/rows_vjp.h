/* Derivatives of the softmax family, from the forward result where the function keeps it: of one contiguous row, and of rows one in
 * each vector lane, by the same additions in the same order. */
#ifndef FA_ROWS_VJP_H
#define FA_ROWS_VJP_H

#include "rows_few.h"

/* A number of float64 as two of the unit's dtype; the second is 0 where the first is not finite. */
typedef struct {
    vreal head, tail;
} row_pair;

FA_INLINE row_pair row_pair_of(double value)
{
    real head = (real)value, tail = (real)(value - head);
    return (row_pair){K(head), K(isfinite(head) ? tail : 0)};
}

FA_INLINE vreal row_some(const real *x, size_t i, size_t n)
{
    return n - i >= FA_LANES ? v_load(x + i) : v_load_part(x + i, n - i);
}

FA_INLINE void row_put(real *y, size_t i, size_t n, vreal value)
{
    if (n - i >= FA_LANES)
        v_store(y + i, value);
    else
        v_store_part(y + i, value, n - i);
}

/* y (g - sum of g y) */
static void row_vjp_softmax(const real *y, const real *g, real *dx, size_t n)
{
    row_pair dot = row_pair_of(row_dot(y, g, n));
    for (size_t i = 0; i < n; i += FA_LANES)
        row_put(dx, i, n, row_some(y, i, n) * ((row_some(g, i, n) - dot.head) - dot.tail));
}

FA_INLINE void row_less_powers(const real *y, const real *g, real *dx, size_t n, row_pair total, const row_scale *scale,
                               int form)
{
    for (size_t i = 0; i < n; i += FA_LANES) {
        vreal e = row_quotient(row_some(y, i, n), scale, form);
        row_put(dx, i, n, v_fnma(total.tail, e, v_fnma(total.head, e, row_some(g, i, n))));
    }
}

/* e^y, as e^y over a sum of e^0, which is what row_table has of it. */
FA_CALLED row_scale row_power_scale(double min, int *near)
{
    row_sum one = {.max = 0, .min = min, .own = {ROW_FACTOR * row_power_of_two(ROW_BASE), 0}};
    const row_scale_values values = row_scale_of(&one, 1.0);
    *near = values.near;
    return row_scale_splat(&values);
}

/* g - e^y sum of g */
static void row_vjp_log_softmax(const real *y, const real *g, real *dx, size_t n)
{
    double max, min;
    int near;
    row_extremes(y, n, &max, &min);
    const row_scale scale = row_power_scale(min, &near);
    const row_pair total = row_pair_of(row_dot(g, NULL, n));
    if (near)
        row_less_powers(y, g, dx, n, total, &scale, ROW_NEAR);
    else
        row_less_powers(y, g, dx, n, total, &scale, ROW_WILD);
}

/* g e^(x - inf), as the limit has it where x is not infinite. */
static void row_infinite_slopes(const real *x, double g, real *dx, size_t n)
{
    const real at_top = NAN, below = row_has_nan(x, n) ? at_top : (real)(g * 0);
    for (size_t i = 0; i < n; i++)
        dx[i] = x[i] == (real)INFINITY ? at_top : below;
}

/* g softmax(x) */
static void row_vjp_logsumexp(const real *x, double g, real *dx, size_t n)
{
    row_sum sum;
    row_powers powers;
    row_sum_of(x, n, 0, &sum, &powers, NULL);
    if (sum.max == INFINITY)
        row_infinite_slopes(x, g, dx, n);
    else
        row_write_times(x, dx, n, &sum, &powers, g);
}

/* Up to FA_LANES rows side by side. */
typedef struct {
    row_short_place y, g, dx;
    size_t n, rows;
} row_beside_vjp;

FA_INLINE vreal row_beside_at(const row_beside_vjp *v, const row_short_place *place, size_t i)
{
    return row_lanes_load(place->data + (ptrdiff_t)i * place->apart, v->rows);
}

/* row_accumulate */
FA_INLINE row_totals row_accumulate_lanes(row_totals sum, vf64 product, vf64 error)
{
    const vf64 s = sum.head + product, t = s - sum.head;
    return row_totals_of(s, row_tail(sum) + (((sum.head - (s - t)) + (product - t)) + error));
}

/* The numbers of half the rows at p, in float64. */
FA_INLINE vf64 row_beside_wide(const row_beside_vjp *v, const row_short_place *place, size_t i, int k)
{
#ifdef FA_REAL_F32
    if (v->rows == FA_LANES)
        return v_load_widened(place->data + (ptrdiff_t)i * place->apart + (ptrdiff_t)k * FA_LANES_F64);
#endif
    return row_widen(row_beside_at(v, place, i), k);
}

/* One lane of row_dot, of g with y or of g alone. */
FA_INLINE row_sums row_beside_dot_lane(const row_beside_vjp *v, size_t lane, int with_y)
{
    row_sums sum;
    ROW_EACH_HALF(k) sum.half[k] = row_totals_of(KD(0), KD(0));
    for (size_t i = lane; i < v->n; i += ROW_DOT)
        ROW_EACH_HALF(k)
        {
            const vf64 a = row_beside_wide(v, &v->g, i, k), b = with_y ? row_beside_wide(v, &v->y, i, k) : KD(1);
            const vf64 product = with_y ? a * b : a, error = with_y && ROW_TAILS ? v_fma(a, b, -product) : KD(0);
            sum.half[k] = row_accumulate_lanes(sum.half[k], product, error);
        }
    return sum;
}

/* row_dot with row_pair_of. */
FA_INLINE row_pair row_beside_dot(const row_beside_vjp *v, int with_y)
{
    row_sums sum[ROW_DOT];
    const size_t lanes = v->n < ROW_DOT ? v->n : ROW_DOT;
    for (size_t l = 0; l < lanes; l++)
        sum[l] = row_beside_dot_lane(v, l, with_y);
    for (size_t width = ROW_DOT / 2; width; width /= 2)
        for (size_t l = 0; l < width && l + width < lanes; l++)
            ROW_EACH_HALF(k)
            {
                const row_totals one = sum[l].half[k], other = sum[l + width].half[k];
                sum[l].half[k] =
                    row_accumulate_lanes(row_totals_of(one.head, KD(0)), other.head, row_tail(one) + row_tail(other));
            }
    row_wides value, rest;
    ROW_EACH_HALF(k)
    {
        const row_totals t = sum[0].half[k];
        value.half[k] = ROW_TAILS ? v_select(v_lt(v_abs(t.head), KD(INFINITY)), t.head + row_tail(t), t.head) : t.head;
    }
    const vreal head = row_narrow_all(value);
    ROW_EACH_HALF(k) rest.half[k] = value.half[k] - row_widen(head, k);
    return (row_pair){head, v_select(v_lt(v_abs(head), K(INFINITY)), row_narrow_all(rest), K(0))};
}

/* g - e^y total, by the near form in rows that `near` marks, by the wild form in the others; in all alike if it is NULL. */
FA_INLINE void row_beside_less_powers(const row_beside_vjp *v, row_pair total, const row_scale *scale,
                                      const row_scale *wild, const vmask *near)
{
    for (size_t i = 0; i < v->n; i++) {
        const vreal y = row_beside_at(v, &v->y, i);
        vreal e = row_quotient(y, scale, ROW_NEAR);
        if (near)
            e = v_select(*near, e, row_quotient(y, wild, ROW_WILD));
        const vreal dx = v_fnma(total.tail, e, v_fnma(total.head, e, row_beside_at(v, &v->g, i)));
        row_lanes_store(v->dx.data + (ptrdiff_t)i * v->dx.apart, dx, v->rows);
    }
}

FA_ONCE void row_beside_vjp_softmax(const row_beside_vjp *v)
{
    const row_pair dot = row_beside_dot(v, 1);
    for (size_t i = 0; i < v->n; i++) {
        const vreal dx = row_beside_at(v, &v->y, i) * ((row_beside_at(v, &v->g, i) - dot.head) - dot.tail);
        row_lanes_store(v->dx.data + (ptrdiff_t)i * v->dx.apart, dx, v->rows);
    }
}

FA_ONCE void row_beside_vjp_log_softmax(const row_beside_vjp *v)
{
    vreal smallest = K(INFINITY);
    real min[FA_LANES];
    int is_near;
    for (size_t i = 0; i < v->n; i++)
        smallest = v_min(row_beside_at(v, &v->y, i), smallest);
    const row_pair total = row_beside_dot(v, 0);
    const row_scale scale = row_power_scale(-row_largest_lane(-smallest), &is_near);
    if (is_near) {
        row_beside_less_powers(v, total, &scale, NULL, NULL);
        return;
    }
    v_store(min, smallest);
    for (size_t r = 0; r < FA_LANES; r++) { /* each row as by itself */
        row_power_scale(min[r], &is_near);
        min[r] = is_near ? 1 : 0;
    }
    const vmask near = v_lt(K(0), v_load(min));
    const row_scale all = row_power_scale(0, &is_near);
    row_beside_less_powers(v, total, &all, &scale, &near);
}

FA_INLINE row_short_place row_triple_place(const fa_row_triples *t, int operand, size_t row)
{
    const void *const data[3] = {t->y, t->g, t->dx};
    return (row_short_place){(real *)data[operand] + (ptrdiff_t)row * t->step[operand], t->step[operand],
                             t->apart[operand]};
}

enum { ROW_TURNED = 32 };

/* Rows of up to ROW_TURNED elements one after the other, in lanes for a while. */
FA_ONCE void row_turned_vjp(const fa_row_triples *t, size_t row, size_t rows, void (*vjp)(const row_beside_vjp *))
{
    vreal y[ROW_TURNED], g[ROW_TURNED], dx[ROW_TURNED];
    const row_short_place from[2] = {row_triple_place(t, 0, row), row_triple_place(t, 1, row)};
    const row_short_place to = row_triple_place(t, 2, row);
    row_lanes_take(y, t->n, rows, from);
    row_lanes_take(g, t->n, rows, from + 1);
    const row_beside_vjp v = {
        {(real *)y, 1, FA_LANES}, {(real *)g, 1, FA_LANES}, {(real *)dx, 1, FA_LANES}, t->n, FA_LANES};
    vjp(&v);
    row_lanes_give(dx, t->n, rows, &to);
}

FA_ONCE void row_vjps(const fa_row_triples *t, void (*one)(const real *y, const real *g, real *dx, size_t n),
                      void (*beside)(const row_beside_vjp *))
{
    const int are_columns = t->apart[2] != 1 && t->n > 1;
    for (size_t row = 0, rows; row < t->rows; row += rows) {
        rows = t->rows - row < FA_LANES ? t->rows - row : FA_LANES;
        const row_short_place y = row_triple_place(t, 0, row), g = row_triple_place(t, 1, row),
                              dx = row_triple_place(t, 2, row);
        if (are_columns) {
            const row_beside_vjp v = {y, g, dx, t->n, rows};
            beside(&v);
        } else if (FA_LANES > 1 && t->n <= ROW_TURNED && rows >= row_fewest(t->n)) {
            row_turned_vjp(t, row, rows, beside);
        } else {
            rows = 1;
            one(y.data, g.data, dx.data, t->n);
        }
    }
}

static void row_vjps_softmax(const fa_row_triples *t) { row_vjps(t, row_vjp_softmax, row_beside_vjp_softmax); }
static void row_vjps_log_softmax(const fa_row_triples *t)
{
    row_vjps(t, row_vjp_log_softmax, row_beside_vjp_log_softmax);
}

/* x stands where y does, and a double for each row where g does.  How many rows, from the first on, are done: all of contiguous
 * ones. */
static size_t row_vjps_logsumexp(const fa_row_triples *t)
{
    const double *g = t->g;
    const int are_columns = t->apart[2] != 1 && t->n > 1;
    for (size_t row = 0, done; row < t->rows; row += done) {
        const row_short_place x = row_triple_place(t, 0, row), dx = row_triple_place(t, 2, row);
        done = t->n <= ROW_SHORT ? row_short_slopes(x, g + row, dx, t->n, t->rows - row) : 0;
        if (!done && are_columns)
            return row;
        if (!done) {
            row_vjp_logsumexp(x.data, g[row], dx.data, t->n);
            done = 1;
        }
    }
    return t->rows;
}

#endif
