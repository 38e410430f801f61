#ifndef PODIUM_CLIBYAML_SHIM_H
#define PODIUM_CLIBYAML_SHIM_H

#include <yaml.h>

#endif
