#ifndef PODIUM_SIGNAL_PIPE_H
#define PODIUM_SIGNAL_PIPE_H

/// From now on the signal is no longer what it was but one byte, its number, written to the pipe that the first call
/// made. Nothing that comes after the return is lost. Returns 0, or -errno.
int podium_signal_catch(int number);

/// The read end of that pipe, non-blocking and close-on-exec; -1 before the first call.
int podium_signal_pipe(void);

/// Ends the process by the signal, as if nobody had ever caught it.
void podium_signal_die(int number);

#endif
