/* Which instruction sets this compiler builds for this machine.  setup.py adds -DFA_NO_AVX512 or -DFA_NO_AVX2 when
 * the compiler turns out not to know one; every stub in isa/ and the dispatch read the answer here. */
#ifndef FA_BUILD_H
#define FA_BUILD_H

#ifndef FA_GNU_VECTORS /* -DFA_GNU_VECTORS=0 gives the portable build of one lane with any compiler */
#if defined(__GNUC__) || defined(__clang__)
#define FA_GNU_VECTORS 1
#else
#define FA_GNU_VECTORS 0
#endif
#endif

#if FA_GNU_VECTORS && defined(__x86_64__)
#ifndef FA_NO_AVX512
#define FA_BUILD_AVX512 1
#endif
#ifndef FA_NO_AVX2
#define FA_BUILD_AVX2 1
#endif
#define FA_BASE_VECTOR_BYTES 16
#else
#define FA_BASE_VECTOR_BYTES 0
#endif

#if FA_GNU_VECTORS && defined(__aarch64__)
#define FA_BUILD_NEON 1
#endif

#endif
