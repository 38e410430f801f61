#ifndef PODIUM_MEMORY_H
#define PODIUM_MEMORY_H

#include <stddef.h>

/// Lets the allocator keep up to so many freed bytes for each of its arenas instead of giving them back at once, only to
/// have them zeroed again by the next fault. Does nothing where the C library has no such setting.
void podium_keep_freed_memory(size_t bytes);

#endif
