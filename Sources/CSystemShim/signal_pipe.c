#define _GNU_SOURCE
#include "signal_pipe.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

static int read_end = -1;
static volatile sig_atomic_t write_end = -1;

static void on_signal(int number) {
    int saved = errno;
    unsigned char byte = (unsigned char)number;
    // A full pipe holds enough of them already.
    ssize_t ignored = write((int)write_end, &byte, 1);
    (void)ignored;
    errno = saved;
}

static int make_pipe(void) {
    int ends[2];
    if (pipe(ends) != 0) return -errno;
    for (int index = 0; index < 2; index++) {
        fcntl(ends[index], F_SETFD, FD_CLOEXEC);
        fcntl(ends[index], F_SETFL, O_NONBLOCK);
    }
    read_end = ends[0];
    write_end = ends[1];
    return 0;
}

static int unblock(int number) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, number);
    return pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

int podium_signal_catch(int number) {
    if (read_end < 0) {
        int failure = make_pipe();
        if (failure != 0) return failure;
    }
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    action.sa_flags = SA_RESTART;
    sigemptyset(&action.sa_mask);
    if (sigaction(number, &action, NULL) != 0) return -errno;
    // Whoever started this process may have left it blocked.
    return -unblock(number);
}

int podium_signal_pipe(void) {
    return read_end;
}

void podium_signal_die(int number) {
    signal(number, SIG_DFL);
    // The threads of a pool have it blocked, and a pending signal ends nothing.
    unblock(number);
    raise(number);
    _exit(128 + number);
}
