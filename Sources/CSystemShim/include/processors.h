#ifndef PODIUM_PROCESSORS_H
#define PODIUM_PROCESSORS_H

/// How many processors this process may run on, 0 where the system does not say.
int podium_usable_processors(void);

#endif
