// Both ends of the event streams that streams.py measures.
//
//   streams serve PORT                     answers every request with an event each 100 ms, for ever
//   streams run PORT STREAMS SECONDS       opens the streams, waits until all run, then counts for SECONDS
//
// Every event carries the time at which it was sent and its number within the stream. `run` prints BEGIN and END around
// the counting and then one line of JSON: events, lost ones, streams that ended, and the delay in microseconds.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { period_ms = 100, mark_length = 36, batch = 512, limit = 65536 };

static long long now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static void die(const char *what) {
    perror(what);
    exit(1);
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static void watch(int poll, int descriptor, int index) {
    int on = 1;
    fcntl(descriptor, F_SETFL, O_NONBLOCK);
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct epoll_event event = {.events = EPOLLIN, .data.u32 = index};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, descriptor, &event) < 0) die("epoll_ctl");
}

// MARK: the endpoint

struct stream {
    int descriptor, slot;
    unsigned number;
    int seen;
};

static void serve(int port) {
    static struct stream streams[limit];
    static int slots[period_ms][limit], counts[period_ms];
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1, count = 0, poll = epoll_create1(0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = loopback(port);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 4096) < 0) die("listen");
    watch(poll, listener, limit);
    long long next = now_ns();
    for (unsigned tick = 0;; tick++) {
        int *slot = slots[tick % period_ms], *slot_count = &counts[tick % period_ms];
        for (int i = 0; i < *slot_count; i++) {
            struct stream *stream = &streams[slot[i]];
            char event[512];
            int length = snprintf(event, sizeof event,
                "9c\r\nevent: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"delta\":{\"text\":\"%-24s\"},"
                "\"t\":%019lld,\"n\":%08u,\"index\":0}\n\n\r\n", "of a language model", now_ns(), stream->number++);
            if (send(stream->descriptor, event, length, MSG_NOSIGNAL | MSG_DONTWAIT) == length) continue;
            close(stream->descriptor);
            slot[i--] = slot[--*slot_count];
        }
        next += 1000000;
        for (;;) {
            long long left = next - now_ns();
            struct epoll_event events[batch];
            int found = epoll_wait(poll, events, batch, left > 0 ? (int)((left + 999999) / 1000000) : 0);
            for (int i = 0; i < found; i++) {
                if (events[i].data.u32 == limit) {
                    int descriptor = accept(listener, 0, 0);
                    if (descriptor < 0 || count == limit) die("accept");
                    streams[count] = (struct stream){.descriptor = descriptor};
                    watch(poll, descriptor, count++);
                    continue;
                }
                char request[4096];
                struct stream *stream = &streams[events[i].data.u32];
                ssize_t length = recv(stream->descriptor, request, sizeof request, 0);
                if (length <= 0) {
                    epoll_ctl(poll, EPOLL_CTL_DEL, stream->descriptor, 0);
                    if (!stream->seen) close(stream->descriptor);
                    continue;
                }
                if (stream->seen++) continue;
                static const char head[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                           "Transfer-Encoding: chunked\r\n\r\n";
                if (send(stream->descriptor, head, sizeof head - 1, MSG_NOSIGNAL) < 0) continue;
                // Spread over the period, so that no tick has more to do than another.
                int place = (int)((events[i].data.u32 * 61803LL / 1000) % period_ms);
                slots[place][counts[place]++] = events[i].data.u32;
            }
            if (now_ns() >= next) break;
        }
    }
}

// MARK: the clients

struct client {
    int descriptor, kept, alive;
    unsigned next;
    char rest[mark_length + 8];
};

static unsigned *delays;
static size_t delay_count, delay_room;
static long long events_seen, lost;

static void note(struct client *client, const char *mark, long long now, int counts) {
    long long sent = strtoll(mark + 4, 0, 10);
    unsigned number = strtoul(mark + 28, 0, 10);
    if (number != client->next) lost += (long long)number - client->next;
    client->next = number + 1;
    if (!counts) return;
    events_seen++;
    if (delay_count == delay_room) {
        delay_room = delay_room ? 2 * delay_room : 1 << 20;
        if (!(delays = realloc(delays, delay_room * sizeof *delays))) die("realloc");
    }
    delays[delay_count++] = (unsigned)((now - sent) / 1000);
}

static void take(struct client *client, int counts) {
    static char bytes[1 << 16];
    memcpy(bytes, client->rest, client->kept);
    ssize_t length = recv(client->descriptor, bytes + client->kept, sizeof bytes - client->kept, MSG_DONTWAIT);
    if (length < 0 && errno == EAGAIN) return;
    if (length <= 0) {
        client->alive = 0;
        close(client->descriptor);
        return;
    }
    long long now = now_ns();
    char *end = bytes + client->kept + length, *at = bytes, *mark;
    while ((mark = memmem(at, end - at, "\"t\":", 4)) && end - mark >= mark_length) {
        note(client, mark, now, counts);
        at = mark + mark_length;
    }
    // Part of a mark, or what may become one.
    if (!mark) mark = end - at > 3 ? end - 3 : at;
    client->kept = (int)(end - mark);
    memmove(client->rest, mark, client->kept);
}

static int compare(const void *left, const void *right) {
    unsigned a = *(const unsigned *)left, b = *(const unsigned *)right;
    return a < b ? -1 : a > b;
}

static void run(int port, int streams, int seconds) {
    static struct client clients[limit];
    if (streams > limit) exit(64);
    int poll = epoll_create1(0);
    struct sockaddr_in address = loopback(port);
    static const char request[] = "POST /v1/messages HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
    int open = 0, begun = 0;
    long long begin = 0, end = 0, give_up = now_ns() + 30000000000LL;
    for (;;) {
        for (int i = 0; i < 20 && open < streams; i++, open++) {
            int descriptor = socket(AF_INET, SOCK_STREAM, 0);
            if (descriptor < 0 || connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0) die("connect");
            clients[open] = (struct client){.descriptor = descriptor, .alive = 1};
            watch(poll, descriptor, open);
            if (send(descriptor, request, sizeof request - 1, MSG_NOSIGNAL) < 0) die("send");
        }
        struct epoll_event events[batch];
        int found = epoll_wait(poll, events, batch, open < streams ? 0 : 5);
        for (int i = 0; i < found; i++) take(&clients[events[i].data.u32], begin != 0);
        long long now = now_ns();
        if (!begin) {
            if (now > give_up) {
                fprintf(stderr, "not all streams began\n");
                exit(1);
            }
            while (begun < open && (clients[begun].next > 0 || !clients[begun].alive)) begun++;
            if (begun < streams) continue;
            begin = now;
            end = now + seconds * 1000000000LL;
            printf("BEGIN\n");
            fflush(stdout);
        } else if (now >= end) {
            break;
        }
    }
    int alive = 0;
    for (int i = 0; i < streams; i++) alive += clients[i].alive;
    printf("END\n");
    qsort(delays, delay_count, sizeof *delays, compare);
    printf("{\"events\":%lld,\"lost\":%lld,\"ended\":%d,\"p50\":%u,\"p99\":%u}\n", events_seen, lost, streams - alive,
        delay_count ? delays[delay_count / 2] : 0, delay_count ? delays[delay_count * 99 / 100] : 0);
    fflush(stdout);
    // The driver looks at the proxy's memory while the streams are open.
    getchar();
}

int main(int count, char **arguments) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (count == 3 && !strcmp(arguments[1], "serve")) serve(atoi(arguments[2]));
    if (count == 5 && !strcmp(arguments[1], "run")) {
        run(atoi(arguments[2]), atoi(arguments[3]), atoi(arguments[4]));
        return 0;
    }
    fprintf(stderr, "usage: streams serve PORT | streams run PORT STREAMS SECONDS\n");
    return 64;
}
