// SPDX-License-Identifier: Apache-2.0
#include "sim/retry_watch.hpp"

namespace weir::sim {

using pipeline::AttemptRow;
using pipeline::Call;
using pipeline::Target;

void RetryWatch::on_start(const Call& call, const Target& target) {
  Past& past = pasts_[call.request_id];
  if (past.is_plain && past.to_be_left == &target) {
    fail_(call.request_id, target.name + " is tried again in the place of others (R-10)");
  }
  if (!call.is_stream && past.timeouts > 1) {
    fail_(call.request_id, "a slow whole answer is asked for a third time (T-14)");
  }
  past.tried.insert(&target);
}

void RetryWatch::on_end(const Call& call, const AttemptRow& row) {
  const auto found = pasts_.find(call.request_id);
  if (found == pasts_.end()) return;  // it was given up, its call is over
  Past& past = found->second;
  const policy::FailureTraits& traits = policy::traits(row.failure);
  past.to_be_left = nullptr;
  if (row.is_hedge || row.is_charged) past.is_plain = false;
  if (traits.counts_as_attempt) past.counted += 1;
  if (row.failure == policy::FailureClass::timeout_sent) past.timeouts += 1;
  const int left = call.route->retries.max_attempts - past.counted;
  const bool may_repeat = traits.same_target == policy::SameTarget::yes;
  if (!past.is_plain || !may_repeat || left <= 0) return;
  if (others_to_ask(call, past) >= static_cast<std::size_t>(left)) past.to_be_left = row.target;
}

std::size_t RetryWatch::others_to_ask(const Call& call, const Past& past) {
  std::size_t count = 0;
  for (const auto& step : call.route->steps) {
    for (const auto& target : step.targets) {
      const bool was_tried = past.tried.contains(target.get());
      const auto refused = gate_.refused_for(*target, call.loop.now());
      if (!was_tried && refused <= pipeline::milliseconds(0)) ++count;
    }
  }
  return count;
}

}  // namespace weir::sim
