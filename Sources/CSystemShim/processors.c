#define _GNU_SOURCE
#include "processors.h"

#ifdef __linux__
#include <sched.h>
#endif

int podium_usable_processors(void) {
#ifdef __linux__
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
#else
    return 0;
#endif
}
