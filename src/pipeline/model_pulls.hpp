// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "net/loop.hpp"
#include "net/task.hpp"
#include "pipeline/route.hpp"

namespace weir::pipeline {

/// Brings the models that servers do not have yet to those which can get them themselves (`pull:
/// auto`). One per thread.
class ModelPulls {
 public:
  virtual ~ModelPulls() = default;
  /// Lets the server of `target` pull its model, unless it does already. `route` keeps the target.
  virtual void begin(const Target& target, std::shared_ptr<const Route> route) = 0;
  /// Waits for what `begin` began, until `until` at most. True: the model is there now. The pull
  /// goes on when nobody waits for it any more.
  virtual net::Task<bool> wait(const Target& target, net::TimePoint until,
                               net::Cancellation& cancellation) = 0;
};

}  // namespace weir::pipeline
