// SPDX-License-Identifier: Apache-2.0
#include "pipeline/prefill.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "tokens/counter.hpp"

namespace weir::pipeline {

void append_begun_answer(wire::ChatRequest& request, const Target& target, const StreamSoFar& begun,
                         std::int64_t output_limit) {
  if (request.output_tokens_max) {
    // By estimate, as in what the first attempt is charged for (S-11.6). Limits are for thoughts,
    // too; of a plain stream nothing else was heard beside its text.
    const auto& counter = tokens::counter_for(target.upstream->type, target.model);
    const std::int64_t left =
        *request.output_tokens_max - counter.estimate(begun.text) - counter.estimate(begun.others);
    request.output_tokens_max = std::max<std::int64_t>(1, left);
  } else if (output_limit > 0) {
    request.output_tokens_max = output_limit;  // set aside for this attempt alone
  }
  wire::Message turn;
  turn.role = wire::Role::assistant;
  turn.parts.push_back(wire::Part::text_of(begun.text));
  turn.is_plain_string = true;
  request.items.emplace_back(std::move(turn));
}

}  // namespace weir::pipeline
