/* The row kernels of one instruction set and dtype, gathered into the struct of rows_api.h.  Included by kernels.inc. */
#ifndef FA_ROWS_H
#define FA_ROWS_H

#include "rows_columns.h"
#include "rows_vjp.h"

static const fa_row_kernels fa_rows_here = {
    .map = {row_softmax, row_log_softmax},
    .map_columns = {row_softmax_columns, row_log_softmax_columns},
    .panel = ROW_PANEL_ROWS,
    .logsumexp = row_logsumexp,
    .vjp = {row_vjp_softmax, row_vjp_log_softmax},
    .vjp_logsumexp = row_vjp_logsumexp,
    .loss = {row_cross_entropy, row_cross_entropy_probabilities, row_nll, row_probability_cross_entropy},
};

#endif
