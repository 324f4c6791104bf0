/* A slower disk for a benchmark. Loaded by LD_PRELOAD: every fsync and fdatasync is really made, and then takes
   SLOW_DISK_MS longer. They are counted, which proves that the syncs of a library passed through here. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

static atomic_long syncs;

long slow_disk_syncs(void) { return atomic_load(&syncs); }

static int sync_slowly(const char *name, int file) {
    int (*really)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    const char *longer = getenv("SLOW_DISK_MS");
    double ms = longer ? atof(longer) : 0;
    struct timespec left = {(time_t)(ms / 1e3), (long)((ms - 1e3 * (time_t)(ms / 1e3)) * 1e6)};
    int result = really(file), error = errno;
    while (ms > 0 && nanosleep(&left, &left) != 0 && errno == EINTR) {
    }
    atomic_fetch_add(&syncs, 1);
    errno = error;
    return result;
}

int fsync(int file) { return sync_slowly("fsync", file); }

int fdatasync(int file) { return sync_slowly("fdatasync", file); }
