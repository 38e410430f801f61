#ifndef PODIUM_CBROTLI_ENCODER_SHIM_H
#define PODIUM_CBROTLI_ENCODER_SHIM_H

#include <brotli/encode.h>

#endif
