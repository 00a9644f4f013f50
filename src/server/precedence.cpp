// SPDX-License-Identifier: Apache-2.0
#include "server/precedence.hpp"

#include <cstdint>

#include <sched.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace weir::server {
namespace {

/// What the kernel calls `sched_attr`; the C library of many systems doesn't know it yet.
struct SchedulingAttributes {
  std::uint32_t size = sizeof(SchedulingAttributes);
  std::uint32_t policy = 0;
  std::uint64_t flags = 0;
  std::int32_t nice = 0;
  std::uint32_t priority = 0;
  std::uint64_t runtime_ns = 0;  ///< of an ordinary thread: how long a turn is
  std::uint64_t deadline_ns = 0;
  std::uint64_t period_ns = 0;
};

}  // namespace

void go_first() {
  constexpr std::uint64_t turn_ns = 100'000;  // the shortest there is
  SchedulingAttributes attributes;
  if (::syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) return;
  if (attributes.policy != SCHED_OTHER) return;  // somebody has seen to it
  attributes.size = sizeof attributes;
  attributes.runtime_ns = turn_ns;
  static_cast<void>(::syscall(SYS_sched_setattr, 0, &attributes, 0));
}

void stand_back() {
  // Each step is a fourth more or less. With far more of them a reload of a busy gateway would take
  // seconds.
  constexpr int steps = 5;
  const auto self = static_cast<id_t>(::syscall(SYS_gettid));
  static_cast<void>(::setpriority(PRIO_PROCESS, self, ::getpriority(PRIO_PROCESS, self) + steps));
}

}  // namespace weir::server
