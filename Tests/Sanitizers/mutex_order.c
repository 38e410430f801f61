// The order that a contended Mutex gives, told to the thread sanitizer.
//
// `Mutex` locks and unlocks in code that is compiled into the program, where the sanitizer sees it. Where a thread has to
// wait, libswiftSynchronization does both, which is not instrumented: whatever such a lock guards would be called a race.
// Loaded before the program (LD_PRELOAD, `make test-sanitizers`), this stands in between.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define SWIFT __attribute__((swiftcall))
#define SELF __attribute__((swift_context))
#define LOCK_SLOW "$s15Synchronization12_MutexHandleV9_lockSlowyys6UInt32VF"
#define UNLOCK_SLOW "$s15Synchronization12_MutexHandleV11_unlockSlowyyF"

typedef SWIFT void (*LockSlow)(uint32_t thread, SELF void *mutex);
typedef SWIFT void (*UnlockSlow)(SELF void *mutex);
typedef void (*Order)(void *);

static LockSlow lock_slow;
static UnlockSlow unlock_slow;
static Order acquire, release;

__attribute__((constructor)) static void look_up(void) {
    lock_slow = (LockSlow)dlsym(RTLD_NEXT, LOCK_SLOW);
    unlock_slow = (UnlockSlow)dlsym(RTLD_NEXT, UNLOCK_SLOW);
    acquire = (Order)dlsym(RTLD_DEFAULT, "__tsan_acquire");
    release = (Order)dlsym(RTLD_DEFAULT, "__tsan_release");
    // Programs that the tests start are loaded with this too: they have no sanitizer, some no Mutex.
    if (acquire && !(release && lock_slow && unlock_slow)) {
        fputs("mutex_order: Mutex has other functions in this Swift\n", stderr);
        abort();
    }
}

SWIFT void ordered_lock(uint32_t thread, SELF void *mutex) __asm__(LOCK_SLOW);
SWIFT void ordered_lock(uint32_t thread, SELF void *mutex) {
    lock_slow(thread, mutex);
    if (acquire) acquire(mutex);
}

SWIFT void ordered_unlock(SELF void *mutex) __asm__(UNLOCK_SLOW);
SWIFT void ordered_unlock(SELF void *mutex) {
    if (release) release(mutex);
    unlock_slow(mutex);
}
