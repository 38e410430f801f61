#ifndef PODIUM_TTY_RESTORE_H
#define PODIUM_TTY_RESTORE_H

// Gives the terminal back whatever ends the process, and turns the terminal's signals into bytes on a pipe.
// Both work on one terminal at a time.

// Remembers the terminal's modes and watches the fatal signals: their handler restores the modes, leaves the alternate
// screen and hands over to the handler before. Returns 0, or -1 with errno.
int podium_tty_guard(int fd);

// Puts the modes back and the handlers of before.
void podium_tty_release(void);

// From now on SIGWINCH, SIGTSTP, SIGCONT and SIGHUP write their number as one byte to `fd`, which must not block.
int podium_tty_signals_begin(int fd);

// Restores the former handlers; a SIGHUP stays ignored when `ignore_hangup` is set.
void podium_tty_signals_end(int ignore_hangup);

#endif
