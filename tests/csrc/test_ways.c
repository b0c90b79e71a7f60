/* The choice among ways to run a call: all tried fairly, then the fastest one, for each kernel and size. */
#include "../../csrc/ways.h"
#include "check.h"

/* Calls whose time is that of the way they are told to take. */
static void take(const fa_work *work, const uint64_t *times, int calls, int *tried)
{
    for (int i = 0; i < calls; i++) {
        const int way = fa_way_of(work);
        CHECK(way >= 0 && way < work->ways, "way %d of %d", way, work->ways);
        tried[way]++;
        fa_way_took(work, way, times[way]);
    }
}

void test_ways(void)
{
    static const char kernels[4096];
    const size_t large = (size_t)64 << 20, small = (size_t)1 << 16;
    const uint64_t falling[] = {9000000, 7000000, 3000000}, rising[] = {500000, 700000, 900000};
    const uint64_t long_ones[] = {UINT64_MAX / 2000, 1, 2};
    for (int ways = 1; ways <= FA_MAX_WAYS; ways++) {
        const fa_work first = {kernels + 640 * ways, 0, large, 0, ways},
                      second = {kernels + 640 * ways + 16, 0, large, 0, ways};
        const fa_work smaller = {first.kernel, 0, large / 4, 0, ways}, threaded = {first.kernel, 0, large, 1, ways};
        const fa_work tiny = {first.kernel, 0, small, 0, ways}, huge = {second.kernel, 0, large * 64, 0, ways},
                      other = {first.kernel, 4, large, 0, ways};
        int tried[FA_MAX_WAYS] = {0}, ignored[FA_MAX_WAYS] = {0};
        take(&first, falling, 3 * ways, tried);
        for (int way = 0; way < ways; way++)
            CHECK(tried[way] == 3, "way %d of %d tried %d times", way, ways, tried[way]);
        take(&second, rising, 3 * ways, ignored);
        take(&smaller, rising, 3 * ways, ignored);
        take(&threaded, rising, 3 * ways, ignored);
        take(&other, rising, 3 * ways, ignored);
        take(&tiny, rising, 3 * ways, ignored);
        take(&huge, long_ones, 3 * ways, ignored);
        CHECK(fa_way_of(&first) == ways - 1, "the fastest of %d ways is not taken", ways);
        CHECK(fa_way_of(&second) == 0, "one kernel's times count for another");
        CHECK(fa_way_of(&smaller) == 0 && fa_way_of(&tiny) == 0, "one size's times count for another");
        CHECK(fa_way_of(&threaded) == 0, "times without threads count for those with");
        CHECK(fa_way_of(&other) == 0, "times on one type count for another");
        CHECK(fa_way_of(&huge) == (ways > 1), "a very long time is not held");
    }
}

/* Times that change: a way's may depend on what the caches hold, so on the way of the call before. */
void test_ways_anew(void)
{
    static const char kernels[64];
    const fa_work warm = {kernels, 0, (size_t)64 << 20, 0, 2}, lucky = {kernels + 16, 0, (size_t)64 << 20, 0, 2},
                  slow = {kernels + 32, 0, (size_t)64 << 20, 0, 2};
    int before = 1, slow_calls = 0;
    for (int call = 0; call < 100; call++) {
        int way = fa_way_of(&warm);
        fa_way_took(&warm, way,
                    way == 1                   ? 2000000
                    : call >= 3 && before == 0 ? 1000000
                    : call == 32               ? 30000000
                                               : 3000000);
        before = way;
        way = fa_way_of(&lucky);
        fa_way_took(&lucky, way, way == 1 ? 2000000 : call < 3 ? 1000000 : 3000000);
        way = fa_way_of(&slow);
        fa_way_took(&slow, way, way == 1 ? 90000000 : 1000000);
        slow_calls += way;
    }
    int in_three = 0;
    for (int call = 0; call < 20; call++) { /* a third way that some calls do not have, whose first call is slow */
        const fa_work work = {kernels + 48, 0, (size_t)64 << 20, 0, call < 9 ? 2 : 3};
        const int way = fa_way_of(&work);
        fa_way_took(&work, way, way == 2 ? (in_three++ ? 500000 : 9000000) : 1000000);
    }
    CHECK(in_three == 11, "a third way that came later was taken %d times of 11", in_three);
    CHECK(fa_way_of(&warm) == 0, "a way that the other leaves cold caches to is given up");
    CHECK(fa_way_of(&lucky) == 1, "a time that is long past keeps a way in");
    CHECK(slow_calls == 3, "%d calls of a way that is far slower", slow_calls);
}
