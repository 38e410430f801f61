#ifndef PODIUM_CCODECS_SHIM_H
#define PODIUM_CCODECS_SHIM_H

#include <brotli/decode.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

// The functions that begin a stream are macros, which Swift does not import.
static inline int podium_inflate_init(z_stream *stream, int window_bits) { return inflateInit2(stream, window_bits); }

static inline int podium_deflate_init(z_stream *stream, int level, int window_bits) {
    return deflateInit2(stream, level, Z_DEFLATED, window_bits, 8, Z_DEFAULT_STRATEGY);
}

#endif
