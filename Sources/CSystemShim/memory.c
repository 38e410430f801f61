#include "memory.h"

#include <limits.h>
#include <stdlib.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

void podium_keep_freed_memory(size_t bytes) {
#if defined(__GLIBC__)
    int kept = bytes < INT_MAX ? (int)bytes : INT_MAX;
    mallopt(M_TRIM_THRESHOLD, kept);
    // Setting one switches off how the library adapts the other.
    mallopt(M_MMAP_THRESHOLD, 1 << 20);
#else
    (void)bytes;
#endif
}
