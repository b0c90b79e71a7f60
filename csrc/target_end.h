/* Ends what target_begin.h began. */
#if defined(__clang__)
#if FA_VECTOR_BYTES >= 32
#pragma clang attribute pop
#endif
#elif defined(__GNUC__)
#pragma GCC pop_options
#endif
