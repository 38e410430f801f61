#ifndef PODIUM_MEMORY_H
#define PODIUM_MEMORY_H

#include <stddef.h>

/// Lets the allocator keep up to so many freed bytes for each of its arenas instead of giving them back at once, only to
/// have them zeroed again by the next fault. Does nothing where the C library has no such setting.
void podium_keep_freed_memory(size_t bytes);

/// From now on no more than so many arenas are made, which threads share. Does nothing where the C library has no such setting.
void podium_limit_arenas(size_t most);

/// Gives freed memory of all arenas back, but for so many bytes, also where what is in use lies behind it. Takes some milliseconds in
/// which other threads may have to wait for memory. Does nothing where the C library has no such function.
void podium_return_freed_memory(size_t kept);

/// Unmaps what has been read of the program's code. What is needed again comes back from the file cache, a large piece with
/// each fault; what only the start needed stays out. Does nothing where there is no way to find the code.
void podium_unmap_code(void);

#endif
