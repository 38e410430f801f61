#ifndef PODIUM_FILE_OPERATIONS_H
#define PODIUM_FILE_OPERATIONS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

// Every function returns 0 (or a count or descriptor) on success and -errno on failure, so that no caller has to
// read errno across a language border. What a platform lacks answers -ENOSYS.

/// Swaps two entries of one directory atomically.
int podium_rename_exchange(int directory, const char *first, const char *second);

/// Reserves space, so that a full disk shows before anything is written. Advisory: -EOPNOTSUPP is normal.
int podium_allocate(int descriptor, off_t size);

/// Makes everything written durable, the drive's cache included.
int podium_sync(int descriptor);

/// Whole-file advisory lock, not waiting: -EWOULDBLOCK if another open file description holds it.
int podium_lock(int descriptor);
int podium_unlock(int descriptor);

/// Takes a read lease: fails with -EAGAIN while anyone has the file open for writing, and makes later writers wait
/// until the lease is given back. The kernel's notice of a waiting writer is turned into an ignored signal.
int podium_lease_take(int descriptor);
/// 1 while the lease is undisturbed, 0 once a writer waits for it or it is gone.
int podium_lease_is_undisturbed(int descriptor);
int podium_lease_release(int descriptor);

/// Names of the extended attributes (access lists included), NUL-separated; returns the length. `size` 0 asks for it.
ssize_t podium_attribute_names(int descriptor, char *names, size_t size);
ssize_t podium_attribute_get(int descriptor, const char *name, void *value, size_t size);
int podium_attribute_set(int descriptor, const char *name, const void *value, size_t size);
int podium_attribute_remove(int descriptor, const char *name);

/// The flags of a file as `chattr` sets them (`FS_..._FL` of <linux/fs.h>); -ENOTTY where the file system has none.
int podium_flags_get(int descriptor, uint32_t *flags);
int podium_flags_set(int descriptor, uint32_t flags);

/// A non-blocking, close-on-exec descriptor that becomes readable when the watched directories change.
int podium_watch_open(void);
/// Watches one directory for names that come, go or are renamed, and with `contents` for files in it that were written;
/// returns the watch's number. Watching it again adds to what is watched.
int podium_watch_add(int watch, const char *directory, int contents);
int podium_watch_remove(int watch, int number);
/// What one read of the descriptor found.
struct podium_watch_event {
    int number;
    /// The directory itself went away, was moved, or events were lost.
    int lost;
    char name[256];
};
/// Reads the next events into `events`; returns how many, 0 when there are none now.
int podium_watch_read(int watch, struct podium_watch_event *events, int capacity);

/// Writing past RLIMIT_FSIZE then fails with EFBIG instead of ending the process; another handler is left alone.
void podium_ignore_file_size_signal(void);

#endif
