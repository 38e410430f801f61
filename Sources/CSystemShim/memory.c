#define _GNU_SOURCE

#include "memory.h"

#include <limits.h>
#include <stdlib.h>

#if defined(__GLIBC__)
#include <link.h>
#include <malloc.h>
#include <stdint.h>
#include <sys/mman.h>
#include <unistd.h>
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

void podium_limit_arenas(size_t most) {
#if defined(__GLIBC__)
    mallopt(M_ARENA_MAX, most < INT_MAX ? (int)most : INT_MAX);
#else
    (void)most;
#endif
}

void podium_return_freed_memory(size_t kept) {
#if defined(__GLIBC__)
    malloc_trim(kept);
#else
    (void)kept;
#endif
}

#if defined(__GLIBC__)
static int unmap_code_of_first(struct dl_phdr_info *info, size_t size, void *unused) {
    (void)size;
    (void)unused;
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < info->dlpi_phnum; index++) {
        const ElfW(Phdr) *part = &info->dlpi_phdr[index];
        // What can be written to would lose what was written. Some linkers give tables that are only read a part of their own.
        if (part->p_type != PT_LOAD || (part->p_flags & PF_W)) continue;
        uintptr_t start = (info->dlpi_addr + part->p_vaddr) & ~(page - 1);
        uintptr_t end = info->dlpi_addr + part->p_vaddr + part->p_filesz;
        madvise((void *)start, end - start, MADV_DONTNEED);
    }
    // The program is the first; its libraries are small.
    return 1;
}
#endif

void podium_unmap_code(void) {
#if defined(__GLIBC__)
    dl_iterate_phdr(unmap_code_of_first, NULL);
#endif
}
