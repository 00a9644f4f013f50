// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace weir::store {

/// Leaves nothing of this process's memory in a dump of it, which would be full of keys (Y-9): no
/// file is written, and a handler that the system calls all the same gets registers only. Who wants
/// to see more allows it from outside (`prlimit`, `/proc/PID/coredump_filter`).
void keep_memory_out_of_dumps();

}  // namespace weir::store
