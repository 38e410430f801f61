#if defined(__linux__)

#define _GNU_SOURCE

#include "readiness.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAXIMUM_EVENTS = 256 };

static int checked(int result) { return result < 0 ? -errno : result; }

int podium_readiness_open(void) { return checked(epoll_create1(EPOLL_CLOEXEC)); }

int podium_readiness_add(int queue, int descriptor, void *owner) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET, .data = {.ptr = owner}};
    return checked(epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event));
}

int podium_readiness_remove(int queue, int descriptor) {
    struct epoll_event ignored = {0};
    return checked(epoll_ctl(queue, EPOLL_CTL_DEL, descriptor, &ignored));
}

int podium_readiness_wait(int queue, struct podium_readiness *found, int capacity, int timeout) {
    struct epoll_event events[MAXIMUM_EVENTS];
    int count = epoll_wait(queue, events, capacity < MAXIMUM_EVENTS ? capacity : MAXIMUM_EVENTS, timeout);
    if (count < 0) return errno == EINTR ? 0 : -errno;
    for (int index = 0; index < count; index++) {
        uint32_t mask = events[index].events;
        found[index].owner = events[index].data.ptr;
        found[index].conditions = (mask & EPOLLIN ? PODIUM_READABLE : 0) | (mask & EPOLLOUT ? PODIUM_WRITABLE : 0) |
                                  (mask & EPOLLRDHUP ? PODIUM_INPUT_ENDED : 0) | (mask & EPOLLHUP ? PODIUM_HUNG_UP : 0) |
                                  (mask & EPOLLERR ? PODIUM_FAILED : 0);
    }
    return count;
}

int podium_notification_open(void) { return checked(eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)); }

int podium_notification_send(int descriptor) {
    uint64_t one = 1;
    return write(descriptor, &one, sizeof one) == sizeof one ? 0 : -errno;
}

int podium_accept(int listener, struct sockaddr_storage *address) {
    socklen_t length = sizeof *address;
    return checked(accept4(listener, (struct sockaddr *)address, &length, SOCK_NONBLOCK | SOCK_CLOEXEC));
}

ssize_t podium_receive(int descriptor, void *bytes, size_t count) {
    long result = syscall(SYS_recvfrom, descriptor, bytes, count, 0, NULL, NULL);
    return result < 0 ? -errno : result;
}

ssize_t podium_send(int descriptor, const void *bytes, size_t count) {
    long result = syscall(SYS_sendto, descriptor, bytes, count, MSG_NOSIGNAL, NULL, 0);
    return result < 0 ? -errno : result;
}

int podium_unsent(int descriptor) {
    int count = 0;
    return ioctl(descriptor, SIOCOUTQ, &count) < 0 ? 0 : count;
}

int podium_delivery(int descriptor, struct podium_delivery *delivery) {
    struct tcp_info info;
    socklen_t length = sizeof info;
    if (getsockopt(descriptor, IPPROTO_TCP, TCP_INFO, &info, &length) < 0) return -errno;
    delivery->unconfirmed_segments = info.tcpi_unacked;
    delivery->unconfirmed_bytes = (uint32_t)podium_unsent(descriptor);
    delivery->since_confirmation = info.tcpi_last_ack_recv;
    return 0;
}

void podium_watch_over(int descriptor, int idle, int interval, int count, unsigned patience) {
    int on = 1;
    setsockopt(descriptor, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    setsockopt(descriptor, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    setsockopt(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience, sizeof patience);
}

int podium_stream_socket(int family) {
    return checked(socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
}

void podium_name_thread(const char *name) { pthread_setname_np(pthread_self(), name); }

void podium_minimize_timer_slack(void) { prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL); }

void podium_sleep(uint32_t nanoseconds) {
    struct timespec rest = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000};
    clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, NULL);
}

#endif
