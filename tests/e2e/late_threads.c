// SPDX-License-Identifier: Apache-2.0
//
// Loaded into the gateway before the C library: its threads come late, as on a machine that has
// other things to do. $LATE_PERCENT of the times that a thread is woken, or is about to change a
// file, it sleeps first, for up to $LATE_MAX_MS. Threads that serve are delayed less often, since
// they do one thing after the other. What is told before it is so shows then (`scripts/late.sh`).
#define _GNU_SOURCE
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { PERCENT_DEFAULT = 60, MAX_MS_DEFAULT = 200, SERVING_SHARE = 12 };

static uint64_t number_in(const char* name, uint64_t otherwise) {
  const char* const text = getenv(name);
  return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

/// Of the thread: xorshift, begun with its number and the time.
static uint64_t draw(void) {
  static _Thread_local uint64_t state;
  if (state == 0) {
    struct timespec now;
    syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &now);
    state = (uint64_t)now.tv_nsec * 2654435761U + (uint64_t)syscall(SYS_gettid) * 40503U + 1;
  }
  state ^= state << 13;
  state ^= state >> 7;
  state ^= state << 17;
  return state;
}

static void come_late(uint64_t one_in) {
  if (draw() % (100 * one_in) >= number_in("LATE_PERCENT", PERCENT_DEFAULT)) return;
  const uint64_t us = draw() % (number_in("LATE_MAX_MS", MAX_MS_DEFAULT) * 1000 + 1);
  const struct timespec time = {(time_t)(us / 1000000), (long)(us % 1000000) * 1000};
  syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, &time, NULL);
}

static void come_late_without(pthread_mutex_t* mutex) {
  pthread_mutex_unlock(mutex);
  come_late(1);
  pthread_mutex_lock(mutex);
}

/// The next one's, another such library's or the C library's. `version`: of several of that name,
/// the one that programs are linked with.
static void* find(const char* name, const char* version) {
  void* const found = version == NULL ? NULL : dlvsym(RTLD_NEXT, name, version);
  return found != NULL ? found : dlsym(RTLD_NEXT, name);
}

int pthread_cond_wait(pthread_cond_t* condition, pthread_mutex_t* mutex) {
  static int (*wait)(pthread_cond_t*, pthread_mutex_t*);
  if (wait == NULL) *(void**)&wait = find("pthread_cond_wait", "GLIBC_2.3.2");
  const int result = wait(condition, mutex);
  come_late_without(mutex);
  return result;
}

int pthread_cond_timedwait(pthread_cond_t* condition, pthread_mutex_t* mutex,
                           const struct timespec* until) {
  static int (*wait)(pthread_cond_t*, pthread_mutex_t*, const struct timespec*);
  if (wait == NULL) *(void**)&wait = find("pthread_cond_timedwait", "GLIBC_2.3.2");
  const int result = wait(condition, mutex, until);
  come_late_without(mutex);
  return result;
}

int pthread_cond_clockwait(pthread_cond_t* condition, pthread_mutex_t* mutex, clockid_t clock,
                           const struct timespec* until) {
  static int (*wait)(pthread_cond_t*, pthread_mutex_t*, clockid_t, const struct timespec*);
  if (wait == NULL) *(void**)&wait = find("pthread_cond_clockwait", NULL);
  const int result = wait(condition, mutex, clock, until);
  come_late_without(mutex);
  return result;
}

int epoll_wait(int epoll, struct epoll_event* events, int count, int ms) {
  static int (*wait)(int, struct epoll_event*, int, int);
  if (wait == NULL) *(void**)&wait = find("epoll_wait", NULL);
  const int result = wait(epoll, events, count, ms);
  if (result > 0) come_late(SERVING_SHARE);
  return result;
}

int fsync(int file) {
  come_late(1);
  static int (*sync)(int);
  if (sync == NULL) *(void**)&sync = find("fsync", NULL);
  return sync(file);
}

int fdatasync(int file) {
  come_late(1);
  static int (*sync)(int);
  if (sync == NULL) *(void**)&sync = find("fdatasync", NULL);
  return sync(file);
}

int rename(const char* from, const char* to) {
  come_late(1);
  static int (*move)(const char*, const char*);
  if (move == NULL) *(void**)&move = find("rename", NULL);
  return move(from, to);
}

int unlink(const char* path) {
  come_late(1);
  static int (*take_away)(const char*);
  if (take_away == NULL) *(void**)&take_away = find("unlink", NULL);
  return take_away(path);
}
