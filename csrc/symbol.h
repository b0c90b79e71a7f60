/* Names of exported objects: fa_<op>_<dtype>_<isa> of the unit that includes this.  Nothing else belongs here. */
#ifndef FA_SYMBOL_H
#define FA_SYMBOL_H

#define FA_NAMED2(prefix, name, isa, dtype) prefix##name##_##dtype##_##isa
#define FA_NAMED(prefix, name, isa, dtype) FA_NAMED2(prefix, name, isa, dtype)
#ifdef FA_REAL_F32
#define FA_SYMBOL(prefix, name) FA_NAMED(prefix, name, FA_ISA, f32)
#else
#define FA_SYMBOL(prefix, name) FA_NAMED(prefix, name, FA_ISA, f64)
#endif

#endif
