// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Which of the program's threads goes first where they share a core. Left alone, the kernel lets
/// each have turns of some milliseconds, and a request waits for as many of them as there are
/// threads with much to do (H-2).
namespace weir::server {

/// For threads that serve requests: asks for turns of a tenth of a millisecond, so that the thread
/// runs soon after there is something to do. It gets no more of the core than before. Linux before
/// 6.12 knows nothing of it.
void go_first();

/// For threads that nobody waits for by the millisecond: a third of what one that serves gets,
/// where both want all of a core, and none of its turns is waited for.
void stand_back();

}  // namespace weir::server
