// The least that a proxy costs which is woken for each message: passes bytes between each client and a connection of its own
// to the endpoint, and looks at none of them. Two reads and two writes a request, as few as there can be; the rest is the
// kernel's.
//
//   relay PORT ENDPOINT_PORT
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { backlog = 4096, batch = 256, descriptors = 16384, buffer_size = 64 * 1024 };

// Whom the bytes of a descriptor go to.
static int peers[descriptors];

static void die(const char *what) {
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void watch(int queue, int descriptor) {
    struct epoll_event event = {.events = EPOLLIN | EPOLLRDHUP | EPOLLET, .data.fd = descriptor};
    if (descriptor >= descriptors || epoll_ctl(queue, EPOLL_CTL_ADD, descriptor, &event) != 0) die("epoll_ctl");
    int on = 1;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static void pair_with_endpoint(int queue, int client, struct sockaddr_in endpoint) {
    int server = socket(AF_INET, SOCK_STREAM, 0);
    if (server < 0 || connect(server, (struct sockaddr *)&endpoint, sizeof endpoint) != 0) die("connect");
    watch(queue, client);
    watch(queue, server);
    peers[client] = server;
    peers[server] = client;
}

// Small messages on a local socket: what does not fit at once would be lost, so it ends the benchmark.
static void pass(int from) {
    static char buffer[buffer_size];
    ssize_t count = recv(from, buffer, sizeof buffer, MSG_DONTWAIT);
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
        int to = peers[from];
        if (to >= 0) {
            peers[from] = peers[to] = -1;
            close(from);
            close(to);
        }
        return;
    }
    if (send(peers[from], buffer, (size_t)count, MSG_NOSIGNAL | MSG_DONTWAIT) != count && errno != EPIPE) die("send");
}

int main(int count, char **arguments) {
    if (count != 3) return fprintf(stderr, "usage: relay PORT ENDPOINT_PORT\n"), 64;
    struct sockaddr_in here = loopback(arguments[1]), endpoint = loopback(arguments[2]);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) != 0 || listen(listener, backlog) != 0) die("listen");
    int queue = epoll_create1(0);
    struct epoll_event accepting = {.events = EPOLLIN, .data.fd = listener}, events[batch];
    epoll_ctl(queue, EPOLL_CTL_ADD, listener, &accepting);
    for (;;) {
        int ready = epoll_wait(queue, events, batch, -1);
        if (ready < 0 && errno != EINTR) die("epoll_wait");
        for (int index = 0; index < ready; index++) {
            int descriptor = events[index].data.fd;
            if (descriptor != listener) {
                if (peers[descriptor] >= 0) pass(descriptor);
                continue;
            }
            int client = accept(listener, NULL, NULL);
            if (client >= 0) pair_with_endpoint(queue, client, endpoint);
        }
    }
}
