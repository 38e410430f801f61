#ifndef PODIUM_READINESS_H
#define PODIUM_READINESS_H

#if defined(__linux__)

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

// Readiness of descriptors by epoll, edge-triggered: each is registered once, for both directions.
// Every function returns 0 (or a count or descriptor) on success and -errno on failure.

enum {
    PODIUM_READABLE = 1,
    PODIUM_WRITABLE = 2,
    /// The other side has said that nothing more will come.
    PODIUM_INPUT_ENDED = 4,
    /// Both sides are closed, or something went wrong.
    PODIUM_HUNG_UP = 8,
    PODIUM_FAILED = 16,
};

struct podium_readiness {
    void *owner;
    uint32_t conditions;
};

int podium_readiness_open(void);
int podium_readiness_add(int queue, int descriptor, void *owner);
int podium_readiness_remove(int queue, int descriptor);
/// Waits up to `timeout` milliseconds (-1: for ever); a signal counts as 0. `capacity` is at most 256.
int podium_readiness_wait(int queue, struct podium_readiness *found, int capacity, int timeout);

/// A descriptor that becomes readable when it is notified.
int podium_notification_open(void);
int podium_notification_send(int descriptor);

/// A client's connection, non-blocking and close-on-exec.
int podium_accept(int listener, struct sockaddr_storage *address);
/// `recv` and `send` (with MSG_NOSIGNAL) of a socket that does not block. The C library's own are points where a thread
/// may be cancelled, for which it pays with two locked instructions a call as soon as the process has two threads.
ssize_t podium_receive(int descriptor, void *bytes, size_t count);
ssize_t podium_send(int descriptor, const void *bytes, size_t count);
/// Bytes that were sent and that the other side's kernel has not confirmed; 0 where it cannot be told.
int podium_unsent(int descriptor);

/// What the other side's kernel has confirmed of what was sent to it.
struct podium_delivery {
    /// Segments that were sent and are not confirmed.
    uint32_t unconfirmed_segments;
    /// Bytes that are not confirmed, sent or not.
    uint32_t unconfirmed_bytes;
    /// Milliseconds since it confirmed anything at all.
    uint32_t since_confirmation;
};
/// Returns 0, or -errno.
int podium_delivery(int descriptor, struct podium_delivery *delivery);

/// Has the kernel ask the other side for a sign of life after `idle` seconds of silence, `count` times, every `interval`
/// seconds, and give the connection up when nothing was confirmed for `patience` milliseconds. A listener's connections
/// inherit it.
void podium_watch_over(int descriptor, int idle, int interval, int count, unsigned patience);

/// A TCP socket, non-blocking and close-on-exec.
int podium_stream_socket(int family);

/// Lets the calling thread's timers end when they are due, and not up to 50 microseconds later.
void podium_minimize_timer_slack(void);
/// Sleeps for so many nanoseconds, or until a signal comes.
void podium_sleep(uint32_t nanoseconds);

/// Names the calling thread for debuggers; at most 15 bytes.
void podium_name_thread(const char *name);

#endif
#endif
