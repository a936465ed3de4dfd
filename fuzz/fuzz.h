/* fuzz.h - what a fuzzer is: one function that takes any bytes and must come back. It gives
 * the bytes to a parser, and writes again what was read: what we read we can write, and what we
 * wrote reads as the same. */
#ifndef VD_FUZZ_H
#define VD_FUZZ_H
#include <stdint.h>
#include <stdlib.h>

#include "vd/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* A promise that must hold for every input; also where NDEBUG is set. */
static inline void fuzz_holds(bool promise)
{
    if (!promise) abort();
}
#endif
