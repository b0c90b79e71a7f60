/* The choice between stores through the caches and past them: tried fairly, then the faster one, for each kernel and size. */
#include "../../csrc/stream.h"
#include "check.h"

static void take(const void *kernel, size_t bytes, uint64_t through, uint64_t past, int calls)
{
    for (int i = 0; i < calls; i++) {
        const int choice = fa_stream_choice(kernel, bytes, 0);
        fa_stream_took(kernel, bytes, 0, choice, choice ? past : through);
    }
}

void test_stream(void)
{
    static const char kernels[4096];
    const size_t large = (size_t)64 << 20, small = (size_t)1 << 20;
    const void *first = kernels, *second = kernels + 16;
    int tried[2] = {0, 0};
    for (int i = 0; i < 6; i++) {
        const int choice = fa_stream_choice(first, large, 0);
        tried[choice]++;
        fa_stream_took(first, large, 0, choice, choice ? 7000000 : 9000000);
    }
    CHECK(tried[0] == 3 && tried[1] == 3, "tried %d and %d times", tried[0], tried[1]);
    CHECK(fa_stream_choice(first, large, 0) == 1, "the faster way past the caches is not taken");
    take(second, large, 5000000, 7000000, 6);
    CHECK(fa_stream_choice(second, large, 0) == 0, "the faster way through the caches is not taken");
    CHECK(fa_stream_choice(first, large, 0) == 1, "one kernel's times count for another");
    take(first, large / 4, 100, 200, 6);
    CHECK(fa_stream_choice(first, large / 4, 0) == 0 && fa_stream_choice(first, large, 0) == 1,
          "one size's times count for another");
    take(first, small, 9, 1, 20);
    CHECK(fa_stream_choice(first, small, 0) == 0, "small results pass the caches");
    take(second, large * 64, UINT64_MAX / 2000, 1, 8);
    CHECK(fa_stream_choice(second, large * 64, 0) == 1, "a very long time is not held");
}
