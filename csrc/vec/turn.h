/* A square of as many vectors as a vector has lanes, turned: its rows become its columns.  Included by turned.h. */
#ifndef FA_VEC_TURN_H
#define FA_VEC_TURN_H

#include "../vec.h"

#ifdef __has_builtin
#if __has_builtin(__builtin_shufflevector) && FA_VECTOR_BYTES
#define FA_SHUFFLES 1
#endif
#endif

#if FA_LANES == 16
#define FA_LOW 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23
#define FA_HIGH 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31
#elif FA_LANES == 8
#define FA_LOW 0, 8, 1, 9, 2, 10, 3, 11
#define FA_HIGH 4, 12, 5, 13, 6, 14, 7, 15
#elif FA_LANES == 4
#define FA_LOW 0, 4, 1, 5
#define FA_HIGH 2, 6, 3, 7
#elif FA_LANES == 2
#define FA_LOW 0, 2
#define FA_HIGH 1, 3
#endif

/* Each round shuffles the two halves of the rows into each other; after log2(FA_LANES) rounds rows are columns. */
FA_INLINE void fa_turn_square(vreal *rows)
{
#ifdef FA_SHUFFLES
    for (int round = 1; round < FA_LANES; round *= 2) {
        vreal shuffled[FA_LANES];
        for (int i = 0; i < FA_LANES / 2; i++) {
            shuffled[2 * i] = __builtin_shufflevector(rows[i], rows[i + FA_LANES / 2], FA_LOW);
            shuffled[2 * i + 1] = __builtin_shufflevector(rows[i], rows[i + FA_LANES / 2], FA_HIGH);
        }
        for (int i = 0; i < FA_LANES; i++)
            rows[i] = shuffled[i];
    }
#else
    real square[FA_LANES][FA_LANES], turned[FA_LANES][FA_LANES];
    memcpy(square, rows, sizeof square);
    for (int i = 0; i < FA_LANES; i++)
        for (int k = 0; k < FA_LANES; k++)
            turned[k][i] = square[i][k];
    memcpy(rows, turned, sizeof turned);
#endif
}

#endif
