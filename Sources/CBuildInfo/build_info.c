#include "build_info.h"

#ifndef PODIUM_COMMIT
#define PODIUM_COMMIT ""
#endif

const char *podium_build_commit(void) {
    return PODIUM_COMMIT;
}
