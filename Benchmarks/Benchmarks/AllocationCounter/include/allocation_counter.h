#pragma once

#include <stdint.h>

/// Heap allocations of this process so far. The executable's malloc stands before glibc's, also for Swift's runtime.
uint64_t allocation_count(void);
