// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the gateway before the C library: while the file $FAILING_SYNC/fails is there, the
// disk can't sync what lies below $FAILING_SYNC/data. While there is a pipe $FAILING_SYNC/held,
// whoever syncs waits for somebody to open it for writing. What was tried stands in
// $FAILING_SYNC/syncs, a line each: `ok PATH` or `failed PATH`.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef int (*Sync)(int file);

static int is_watched(int file, const char* folder, char* path) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", file);
  const ssize_t size = readlink(link, path, PATH_MAX - 1);
  if (size < 0) return 0;
  path[size] = '\0';
  char data[PATH_MAX];
  snprintf(data, sizeof data, "%s/data/", folder);
  return strncmp(path, data, strlen(data)) == 0;
}

static void note(const char* folder, const char* what, const char* path) {
  char place[PATH_MAX];
  char line[PATH_MAX + 16];
  snprintf(place, sizeof place, "%s/syncs", folder);
  const int size = snprintf(line, sizeof line, "%s %s\n", what, path);
  const int file = open(place, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  if (write(file, line, (size_t)size) != size) abort();
  close(file);
}

static int synced(const char* name, int file) {
  char path[PATH_MAX];
  char held[PATH_MAX];
  char fails[PATH_MAX];
  const char* const folder = getenv("FAILING_SYNC");
  if (folder != NULL && is_watched(file, folder, path)) {
    snprintf(held, sizeof held, "%s/held", folder);
    const int gate = open(held, O_RDONLY | O_CLOEXEC);
    if (gate >= 0) close(gate);
    snprintf(fails, sizeof fails, "%s/fails", folder);
    const int is_failing = access(fails, F_OK) == 0;
    note(folder, is_failing ? "failed" : "ok", path);
    if (is_failing) {
      errno = EIO;
      return -1;
    }
  }
  return ((Sync)dlsym(RTLD_NEXT, name))(file);
}

int fsync(int file) { return synced("fsync", file); }
int fdatasync(int file) { return synced("fdatasync", file); }
