/* How a row of the table becomes a lane function of the loops' form (fa_lane in blocks.h).  Macros only. */
#ifndef FA_LANE_H
#define FA_LANE_H

#define FA_REST_0(at)
#define FA_REST_1(at) , rest[at]
#define FA_REST_2(at) , rest[at], rest[at + 1]
#define FA_LANE(prefix, name, ...)                                                                                     \
    FA_INLINE fa_gradients prefix##name(vreal x, const vreal *rest, fa_mode mode)                                      \
    {                                                                                                                  \
        (void)rest;                                                                                                    \
        return __VA_ARGS__;                                                                                            \
    }

#endif
