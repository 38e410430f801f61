#define _GNU_SOURCE
#include "processors.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#ifdef __linux__
#include <sched.h>
#endif

int podium_usable_processors(void) {
#ifdef __linux__
    cpu_set_t allowed;
    return sched_getaffinity(0, sizeof allowed, &allowed) == 0 ? CPU_COUNT(&allowed) : 0;
#else
    return 0;
#endif
}

struct thread_body {
    void (*body)(void *);
    void *argument;
};

static void *run_thread(void *argument) {
    struct thread_body start = *(struct thread_body *)argument;
    free(argument);
    start.body(start.argument);
    return NULL;
}

int podium_run_on_thread(size_t stack_size, void (*body)(void *), void *argument) {
    struct thread_body *start = malloc(sizeof *start);
    if (!start) return -ENOMEM;
    *start = (struct thread_body){body, argument};
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, stack_size);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_t thread;
    int status = pthread_create(&thread, &attributes, run_thread, start);
    pthread_attr_destroy(&attributes);
    if (status != 0) free(start);
    return -status;
}
