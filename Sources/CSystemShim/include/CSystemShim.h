#ifndef PODIUM_CSYSTEMSHIM_H
#define PODIUM_CSYSTEMSHIM_H

// What Glibc's Swift module does not expose. Each part has its own header.

#include "file_operations.h"
#include "memory.h"
#include "processors.h"
#include "readiness.h"
#include "signal_pipe.h"

#if __has_include("tty_restore.h")
#include "tty_restore.h"
#endif

#endif
