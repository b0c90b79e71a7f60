/* One choice, made once: which instruction set's kernels run.  The table's text lives here too, since it is the same
 * for all of them.  No kernel, no loop. */
#include "fastact.h"
#include "build.h"
#include "cpu.h"

#include <stdlib.h>
#include <string.h>

#define FA_TEXT_0() ""
#define FA_TEXT_1(p, v) #p "=" #v
#define FA_TEXT_2(p, v, q, w) #p "=" #v ", " #q "=" #w
const fa_activation fa_activations[FA_N_ACTIVATIONS] = {
#define FA_TEXTS(n_input, n_gradient, name, n, parameters, range, formula, derivative, summary, source)                \
    {#name, FA_TEXT_##n parameters, formula, derivative, summary, source, n_input, n, n_gradient},
#define FA_ACTIVATION(...) FA_TEXTS(1, 1, __VA_ARGS__)
#define FA_LEARNED(...) FA_TEXTS(1, 2, __VA_ARGS__)
#define FA_GATED(...) FA_TEXTS(2, 2, __VA_ARGS__)
#include "activations.def"
};

#define FA_DECLARE(isa) extern const fa_kernels fa_kernels_f32_##isa, fa_kernels_f64_##isa;
#define FA_CHOICE(isa, feature)                                                                                        \
    {                                                                                                                  \
#isa, feature, { &fa_kernels_f32_##isa, &fa_kernels_f64_##isa }                                                \
    }
#ifdef FA_BUILD_AVX512
FA_DECLARE(avx512)
#endif
#ifdef FA_BUILD_AVX2
FA_DECLARE(avx2)
#endif
#ifdef FA_BUILD_NEON
FA_DECLARE(neon)
#endif
FA_DECLARE(base)

typedef struct {
    const char *name;
    unsigned feature; /* what the processor must have; 0: nothing */
    const fa_kernels *kernels[FA_N_DTYPES];
} fa_choice;

static const fa_choice choices[] = {
#ifdef FA_BUILD_AVX512
    FA_CHOICE(avx512, FA_CPU_AVX512),
#endif
#ifdef FA_BUILD_AVX2
    FA_CHOICE(avx2, FA_CPU_AVX2),
#endif
#ifdef FA_BUILD_NEON
    FA_CHOICE(neon, FA_CPU_NEON),
#endif
    FA_CHOICE(base, 0),
};
enum { N_CHOICES = sizeof choices / sizeof *choices };

/* Written by fa_select_isa only: at the first call, which the Python module makes while it is imported. */
static const fa_choice *selected;
static const char *refused;

const char *fa_compiled_isa(size_t position) { return position < N_CHOICES ? choices[position].name : NULL; }

int fa_isa_available(size_t position)
{
    unsigned wanted = choices[position].feature;
    return (fa_cpu_features() & wanted) == wanted;
}

int fa_select_isa(const char *name)
{
    for (size_t i = 0; i < N_CHOICES; i++)
        if (fa_isa_available(i) && (name == NULL || strcmp(name, choices[i].name) == 0)) {
            selected = &choices[i];
            return 0;
        }
    return -1;
}

static const fa_choice *choice(void)
{
    if (selected == NULL) {
        const char *wanted = getenv("FASTACT_ISA");
        if (wanted != NULL && *wanted == '\0')
            wanted = NULL;
        if (fa_select_isa(wanted) != 0) {
            refused = wanted;
            fa_select_isa(NULL);
        }
    }
    return selected;
}

const fa_kernels *fa_kernels_for(fa_dtype dtype) { return choice()->kernels[dtype]; }
const char *fa_selected_isa(void) { return choice()->name; }

const char *fa_refused_isa(void)
{
    choice();
    return refused;
}

size_t fa_item_size(fa_dtype dtype)
{
    static const unsigned char item[FA_N_TYPES] = {4, 8, 2, 2, 1, 1, 2, 2, 4, 4, 8, 8};
    return item[dtype];
}

const char *fa_compiler(void)
{
#if defined(__clang__)
    return "clang " __clang_version__;
#elif defined(__GNUC__)
    return "gcc " __VERSION__;
#elif defined(_MSC_VER)
    return "MSVC";
#else
    return "unknown";
#endif
}
