/* The floating-point environment around a kernel: default rounding, nothing flushed, no exception trapped or left
 * behind, whatever the process had set.  fa_fp_enter_flushing takes subnormal numbers for zero: for states that decay
 * without end, where they cost a hundredfold and mean nothing.  Nothing else belongs here. */
#ifndef FA_FPSTATE_H
#define FA_FPSTATE_H

#include <stdint.h>

#if defined(__x86_64__) || defined(_M_X64) || defined(__SSE2__)
#include <xmmintrin.h>
typedef unsigned int fa_fp_state;
enum { FA_MXCSR_DEFAULT = 0x1f80, FA_MXCSR_FLUSHING = 0x9fc0 };
static inline fa_fp_state fa_fp_enter(void)
{
    fa_fp_state saved = _mm_getcsr();
    if ((saved & ~0x3fu) != FA_MXCSR_DEFAULT)
        _mm_setcsr(FA_MXCSR_DEFAULT);
    return saved;
}
static inline fa_fp_state fa_fp_enter_flushing(void)
{
    fa_fp_state saved = _mm_getcsr();
    _mm_setcsr(FA_MXCSR_FLUSHING);
    return saved;
}
static inline void fa_fp_leave(fa_fp_state saved)
{
    if (_mm_getcsr() != saved)
        _mm_setcsr(saved);
}
#elif defined(__aarch64__) && (defined(__GNUC__) || defined(__clang__))
typedef struct {
    uint64_t control, status;
} fa_fp_state;
static inline fa_fp_state fa_fp_enter(void)
{
    fa_fp_state saved;
    __asm__ volatile("mrs %0, fpcr\n\tmrs %1, fpsr" : "=r"(saved.control), "=r"(saved.status));
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)0));
    return saved;
}
static inline fa_fp_state fa_fp_enter_flushing(void)
{
    fa_fp_state saved = fa_fp_enter();
    __asm__ volatile("msr fpcr, %0" : : "r"((uint64_t)1 << 24));
    return saved;
}
static inline void fa_fp_leave(fa_fp_state saved)
{
    __asm__ volatile("msr fpcr, %0\n\tmsr fpsr, %1" : : "r"(saved.control), "r"(saved.status));
}
#else
#include <fenv.h>
typedef fenv_t fa_fp_state;
static inline fa_fp_state fa_fp_enter(void)
{
    fa_fp_state saved;
    feholdexcept(&saved);
    fesetround(FE_TONEAREST);
    return saved;
}
static inline fa_fp_state fa_fp_enter_flushing(void) { return fa_fp_enter(); } /* C has no word for it */
static inline void fa_fp_leave(fa_fp_state saved) { fesetenv(&saved); }
#endif
#endif
