// SPDX-License-Identifier: Apache-2.0
//
// The program's own `new` and `delete`. What a request takes and gives back while it is served goes
// through the lists of its thread, also what the standard library and others take on its behalf.
// Here and not in a library: whoever links those chooses an allocator for himself.

#include <cstddef>
#include <new>

#include "base/recycled.hpp"

void* operator new(std::size_t bytes) { return weir::take_recycled(bytes); }

void operator delete(void* memory) noexcept { weir::detail::let_go(memory); }

void operator delete(void* memory, std::size_t bytes) noexcept {
  if (memory != nullptr) weir::give_back(memory, bytes);
}
