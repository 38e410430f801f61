#ifndef PODIUM_PROCESSORS_H
#define PODIUM_PROCESSORS_H

#include <stddef.h>

/// How many processors this process may run on, 0 where the system does not say.
int podium_usable_processors(void);

/// Runs `body` on a thread of its own, which ends with it. Returns 0, or -errno where the system gives no more threads.
int podium_run_on_thread(size_t stack_size, void (*body)(void *argument), void *argument);

#endif
