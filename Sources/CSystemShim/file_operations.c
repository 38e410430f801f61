#define _GNU_SOURCE
#include "file_operations.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/xattr.h>
#include <unistd.h>

// PODIUM_PORTABLE compiles on Linux what other systems get, so that it stays compilable (`make lint`).
#if defined(__linux__) && !defined(PODIUM_PORTABLE)
#define PODIUM_LINUX 1
#endif

#if PODIUM_LINUX
#include <linux/fs.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#endif

static int result(int code) {
    return code < 0 ? -errno : code;
}

int podium_rename_exchange(int directory, const char *first, const char *second) {
#if PODIUM_LINUX
    return result(renameat2(directory, first, directory, second, RENAME_EXCHANGE));
#else
    return -ENOSYS;
#endif
}

int podium_allocate(int descriptor, off_t size) {
#if PODIUM_LINUX
    return result(fallocate(descriptor, 0, 0, size));
#else
    return -EOPNOTSUPP;
#endif
}

int podium_sync(int descriptor) {
#ifdef F_FULLFSYNC
    if (fcntl(descriptor, F_FULLFSYNC) == 0) return 0;
#endif
    return result(fsync(descriptor));
}

int podium_lock(int descriptor) {
    return result(flock(descriptor, LOCK_EX | LOCK_NB));
}

int podium_unlock(int descriptor) {
    return result(flock(descriptor, LOCK_UN));
}

int podium_lease_take(int descriptor) {
#if PODIUM_LINUX
    // The notice would be SIGIO, which ends a process that does not expect it; SIGURG is ignored by default.
    if (fcntl(descriptor, F_SETSIG, SIGURG) < 0) return -errno;
    return result(fcntl(descriptor, F_SETLEASE, F_RDLCK));
#else
    return -ENOSYS;
#endif
}

int podium_lease_is_undisturbed(int descriptor) {
#if PODIUM_LINUX
    // While a lease is being broken F_GETLEASE already names what it has to become.
    return fcntl(descriptor, F_GETLEASE) == F_RDLCK;
#else
    return 1;
#endif
}

int podium_lease_release(int descriptor) {
#if PODIUM_LINUX
    return result(fcntl(descriptor, F_SETLEASE, F_UNLCK));
#else
    return -ENOSYS;
#endif
}

ssize_t podium_attribute_names(int descriptor, char *names, size_t size) {
#ifndef __APPLE__
    ssize_t length = flistxattr(descriptor, names, size);
#else
    ssize_t length = flistxattr(descriptor, names, size, 0);
#endif
    return length < 0 ? -errno : length;
}

ssize_t podium_attribute_get(int descriptor, const char *name, void *value, size_t size) {
#ifndef __APPLE__
    ssize_t length = fgetxattr(descriptor, name, value, size);
#else
    ssize_t length = fgetxattr(descriptor, name, value, size, 0, 0);
#endif
    return length < 0 ? -errno : length;
}

int podium_attribute_set(int descriptor, const char *name, const void *value, size_t size) {
#ifndef __APPLE__
    return result(fsetxattr(descriptor, name, value, size, 0));
#else
    return result(fsetxattr(descriptor, name, value, size, 0, 0));
#endif
}

int podium_attribute_remove(int descriptor, const char *name) {
#ifndef __APPLE__
    return result(fremovexattr(descriptor, name));
#else
    return result(fremovexattr(descriptor, name, 0));
#endif
}

int podium_flags_get(int descriptor, uint32_t *flags) {
#if PODIUM_LINUX
    int value = 0;
    if (ioctl(descriptor, FS_IOC_GETFLAGS, &value) < 0) return -errno;
    *flags = (uint32_t)value;
    return 0;
#else
    return -ENOTTY;
#endif
}

int podium_flags_set(int descriptor, uint32_t flags) {
#if PODIUM_LINUX
    int value = (int)flags;
    return result(ioctl(descriptor, FS_IOC_SETFLAGS, &value));
#else
    return -ENOTTY;
#endif
}

int podium_watch_open(void) {
#if PODIUM_LINUX
    return result(inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
#else
    return -ENOSYS;
#endif
}

int podium_watch_add(int watch, const char *directory, int contents) {
#if PODIUM_LINUX
    return result(inotify_add_watch(
        watch, directory,
        IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD
            | (contents ? IN_CLOSE_WRITE : 0)));
#else
    return -ENOSYS;
#endif
}

int podium_watch_remove(int watch, int number) {
#if PODIUM_LINUX
    return result(inotify_rm_watch(watch, number));
#else
    return -ENOSYS;
#endif
}

int podium_watch_read(int watch, struct podium_watch_event *events, int capacity) {
#if PODIUM_LINUX
    // Room for no more events than the caller takes: none is read and then dropped.
    char buffer[sizeof(struct inotify_event) + NAME_MAX + 1] __attribute__((aligned(__alignof__(struct inotify_event))));
    int count = 0;
    while (count < capacity) {
        // The smallest events are header only; with names they are padded to 16 bytes, so a full buffer may hold
        // several. Stop while a whole buffer of the smallest still fits the caller's array.
        if (capacity - count < (int)(sizeof buffer / sizeof(struct inotify_event))) break;
        ssize_t length = read(watch, buffer, sizeof buffer);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0 && errno == EAGAIN) break;
        if (length < 0) return count > 0 ? count : -errno;
        if (length == 0) break;
        for (char *at = buffer; at < buffer + length;) {
            const struct inotify_event *event = (const struct inotify_event *)at;
            struct podium_watch_event *out = &events[count++];
            out->number = event->wd;
            out->lost = (event->mask & (IN_Q_OVERFLOW | IN_IGNORED | IN_DELETE_SELF | IN_MOVE_SELF)) != 0;
            out->name[0] = 0;
            if (event->len > 0) snprintf(out->name, sizeof out->name, "%s", event->name);
            at += sizeof(struct inotify_event) + event->len;
        }
    }
    return count;
#else
    return -ENOSYS;
#endif
}

void podium_ignore_file_size_signal(void) {
    struct sigaction present;
    if (sigaction(SIGXFSZ, 0, &present) == 0 && present.sa_handler == SIG_DFL) signal(SIGXFSZ, SIG_IGN);
}
