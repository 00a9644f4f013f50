// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <string_view>
#include <utility>

#include "chaos/fault.hpp"

namespace weir::chaos {

/// Which fault the next call, or connection, meets: those that were asked for one by one, then the
/// standing one.
class FaultPlan {
 public:
  void set_standing(Fault fault) { standing_ = std::move(fault); }
  void add_next(Fault fault) { next_.push_back(std::move(fault)); }
  void clear() { *this = FaultPlan(); }

  /// Takes the `always` and the `next` of a JSON object, in the place of what was planned. Errors:
  /// `invalid_request`; nothing has changed then.
  Result<> read(std::string_view json);

  [[nodiscard]] Fault take() {
    if (next_.empty()) return standing_;
    Fault fault = std::move(next_.front());
    next_.pop_front();
    return fault;
  }

 private:
  Fault standing_;
  std::deque<Fault> next_;
};

}  // namespace weir::chaos
