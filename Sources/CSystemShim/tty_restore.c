#include "tty_restore.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

static const int fatal_signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGTRAP, SIGFPE, SIGABRT, SIGSYS, SIGQUIT, SIGTERM, SIGINT};
enum { fatal_count = sizeof fatal_signals / sizeof fatal_signals[0] };
static const int tty_signals[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGHUP};
enum { tty_count = sizeof tty_signals / sizeof tty_signals[0] };

static struct termios saved_modes;
static struct sigaction fatal_before[fatal_count];
static int fatal_installed[fatal_count];
static struct sigaction tty_before[tty_count];
static int null_fd = -1;
// Whichever thread a signal comes to reads these.
static atomic_int guarded_fd = -1;
static atomic_int signal_fd = -1;

// End synchronized output, bracketed paste, mouse; leave the alternate screen; show the cursor; plain attributes;
// cursor keys and keypad as before.
static const char reset[] = "\033[?2026l\033[?2004l\033[?1006l\033[?1002l\033[?1000l\033[?1049l\033[?25h\033[0m\033[?1l\033>";

static void on_fatal(int number, siginfo_t *info, void *context) {
    (void)context;
    int fd = guarded_fd;
    if (fd >= 0) {
        guarded_fd = -1;
        tcsetattr(fd, TCSANOW, &saved_modes);
        ssize_t ignored = write(fd, reset, sizeof reset - 1);
        (void)ignored;
        // Threads that still draw must not spoil the restored screen.
        if (null_fd >= 0) dup2(null_fd, fd);
    }
    for (int index = 0; index < fatal_count; index++) {
        if (fatal_signals[index] == number) sigaction(number, &fatal_before[index], NULL);
    }
    // A fault happens again on return, with its true context for the handler before; anything that was sent does not.
    if (info->si_code <= 0 || number == SIGTRAP || number == SIGABRT) raise(number);
}

int podium_tty_guard(int fd) {
    if (tcgetattr(fd, &saved_modes) != 0) return -1;
    if (null_fd < 0) null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    guarded_fd = fd;
    for (int index = 0; index < fatal_count; index++) {
        int number = fatal_signals[index];
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_sigaction = on_fatal;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        sigemptyset(&action.sa_mask);
        fatal_installed[index] = 0;
        if (sigaction(number, NULL, &fatal_before[index]) != 0) continue;
        // Who handles or ignores these ends the process in an orderly way and needs no rescue.
        int is_polite = number == SIGTERM || number == SIGINT || number == SIGQUIT;
        if (is_polite && ((fatal_before[index].sa_flags & SA_SIGINFO) != 0 || fatal_before[index].sa_handler != SIG_DFL)) continue;
        if (sigaction(number, &action, NULL) == 0) fatal_installed[index] = 1;
    }
    return 0;
}

void podium_tty_release(void) {
    for (int index = 0; index < fatal_count; index++) {
        if (!fatal_installed[index]) continue;
        struct sigaction present;
        // Somebody else's handler that came later stays.
        if (sigaction(fatal_signals[index], NULL, &present) == 0 && (present.sa_flags & SA_SIGINFO) != 0 &&
            present.sa_sigaction == on_fatal) {
            sigaction(fatal_signals[index], &fatal_before[index], NULL);
        }
        fatal_installed[index] = 0;
    }
    int fd = guarded_fd;
    guarded_fd = -1;
    if (fd >= 0) tcsetattr(fd, TCSANOW, &saved_modes);
}

static void on_tty_signal(int number) {
    int saved = errno;
    int fd = signal_fd;
    if (fd >= 0) {
        unsigned char byte = (unsigned char)number;
        ssize_t ignored = write(fd, &byte, 1);
        (void)ignored;
    }
    errno = saved;
}

int podium_tty_signals_begin(int fd) {
    signal_fd = fd;
    for (int index = 0; index < tty_count; index++) {
        struct sigaction action;
        memset(&action, 0, sizeof action);
        action.sa_handler = on_tty_signal;
        action.sa_flags = SA_RESTART;
        sigemptyset(&action.sa_mask);
        if (sigaction(tty_signals[index], &action, &tty_before[index]) != 0) return -1;
    }
    return 0;
}

void podium_tty_signals_end(int ignore_hangup) {
    for (int index = 0; index < tty_count; index++) {
        if (tty_signals[index] == SIGHUP && ignore_hangup) {
            struct sigaction action;
            memset(&action, 0, sizeof action);
            action.sa_handler = SIG_IGN;
            sigaction(SIGHUP, &action, NULL);
        } else {
            sigaction(tty_signals[index], &tty_before[index], NULL);
        }
    }
    signal_fd = -1;
}
