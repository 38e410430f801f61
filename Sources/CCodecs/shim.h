#ifndef PODIUM_CCODECS_SHIM_H
#define PODIUM_CCODECS_SHIM_H

#include <brotli/decode.h>
#include <malloc.h>
#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

// The functions that begin a stream are macros, which Swift does not import.
static inline int podium_inflate_init(z_stream *stream, int window_bits) { return inflateInit2(stream, window_bits); }

static inline int podium_deflate_init(z_stream *stream, int level, int window_bits) {
    return deflateInit2(stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
}

// brotli says what it takes, but not how much: its window grows with what the sender chose.
static inline void *podium_counted_alloc(void *counter, size_t size) {
    void *memory = malloc(size);
    if (memory) *(size_t *)counter += malloc_usable_size(memory);
    return memory;
}

static inline void podium_counted_free(void *counter, void *memory) {
    if (memory) *(size_t *)counter -= malloc_usable_size(memory);
    free(memory);
}

/// - counter: how many bytes it has taken at any time; has to outlive it
static inline BrotliDecoderState *podium_brotli_create(size_t *counter) {
    return BrotliDecoderCreateInstance(podium_counted_alloc, podium_counted_free, counter);
}

#endif
