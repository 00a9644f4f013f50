// SPDX-License-Identifier: Apache-2.0
#include "store/dumps.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "store/descriptor.hpp"

namespace weir::store {

void keep_memory_out_of_dumps() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_CORE, &limit) == 0) {
    limit.rlim_cur = 0;
    ::setrlimit(RLIMIT_CORE, &limit);
  }
  // Handlers (`|/usr/lib/...` in core_pattern) are called whatever that limit says.
  const Descriptor filter(::open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC));
  const bool is_set = filter.is_open() && ::write(filter.get(), "0", 1) == 1;
  if (!is_set) ::prctl(PR_SET_DUMPABLE, 0);
}

}  // namespace weir::store
