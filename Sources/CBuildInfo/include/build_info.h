#ifndef PODIUM_BUILD_INFO_H
#define PODIUM_BUILD_INFO_H

/// The commit this was built from, as the Makefile found it; empty in a plain `swift build`.
const char *podium_build_commit(void);

#endif
