// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "wire/canonical.hpp"

namespace weir::wire {

/// The tokens of both.
Usage sum(Usage a, const Usage& b);

}  // namespace weir::wire
