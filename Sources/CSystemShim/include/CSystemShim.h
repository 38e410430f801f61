#ifndef PODIUM_CSYSTEMSHIM_H
#define PODIUM_CSYSTEMSHIM_H

// What Glibc's Swift module does not expose. Each part has its own header.

#endif
