// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <string>

namespace weir {

/// Empties `text` and leaves nothing of it in its memory, the part behind its end included; the
/// compiler may not leave that out. For secrets, when they are not needed any more.
inline void wipe(std::string& text) {
  text.resize(text.capacity());
  ::explicit_bzero(text.data(), text.size());
  text.clear();
}

}  // namespace weir
