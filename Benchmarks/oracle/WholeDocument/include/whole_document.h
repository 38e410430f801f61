#ifndef PODIUM_WHOLE_DOCUMENT_H
#define PODIUM_WHOLE_DOCUMENT_H

#include <stddef.h>

/// What an editor that knows only whole documents does for every change: libyaml parses all of it and emits all of it.
/// Returns the number of bytes emitted, 0 on an error.
size_t whole_document_round_trip(const unsigned char *bytes, size_t count);

#endif
