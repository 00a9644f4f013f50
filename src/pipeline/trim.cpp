// SPDX-License-Identifier: Apache-2.0
#include "pipeline/trim.hpp"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/count_chat.hpp"

namespace weir::pipeline {
namespace {

/// Room for an answer where nobody said how long it may be.
constexpr std::int64_t output_wanted = 1024;

bool is_system(const wire::Item& item) {
  const auto* message = std::get_if<wire::Message>(&item);
  return message != nullptr &&
         (message->role == wire::Role::system || message->role == wire::Role::developer);
}

bool is_user(const wire::Item& item) {
  const auto* message = std::get_if<wire::Message>(&item);
  return message != nullptr && message->role == wire::Role::user;
}

/// Where the turns begin: each with a message of the user's that follows something else. A result
/// stands with its call, so that no turn begins between them.
std::vector<std::size_t> turn_begins(const std::vector<wire::Item>& items) {
  std::vector<std::size_t> begins;
  bool follows_user = false;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (is_system(items[i])) continue;
    const bool follows_result = i > 0 && std::holds_alternative<wire::ToolResult>(items[i - 1]);
    if (is_user(items[i]) && !follows_user && !follows_result) begins.push_back(i);
    follows_user = is_user(items[i]);
  }
  return begins;
}

/// `request` without what the user and the model said before `begin`.
wire::ChatRequest without_before(const wire::ChatRequest& request, std::size_t begin) {
  wire::ChatRequest shorter = request;
  std::vector<wire::Item> kept;
  for (std::size_t i = 0; i < shorter.items.size(); ++i) {
    if (i >= begin || is_system(shorter.items[i])) kept.push_back(std::move(shorter.items[i]));
  }
  shorter.items = std::move(kept);
  return shorter;
}

std::int64_t tokens_of(const wire::ChatRequest& request, const Target& target) {
  const tokens::Tally tally = count_chat(target.upstream->type, target.model, request);
  // What is estimated is within 30 % nearly always; here too long is worse than too short.
  return tally.method == tokens::Method::exact ? tally.tokens : tally.tokens * 13 / 10;
}

std::int64_t room_for_output(const wire::ChatRequest& request, const Target& target) {
  const std::int64_t wanted = request.output_tokens_max.value_or(output_wanted);
  return std::min(wanted, target.context_tokens / 2);
}

void limit_output(wire::ChatRequest& request, const Target& target, std::int64_t input) {
  const std::int64_t left = target.context_tokens - input;
  const std::int64_t most = target.traits.output_tokens_max;
  if (request.output_tokens_max.value_or(left + 1) <= left) return;
  request.output_tokens_max = most > 0 ? std::min(left, most) : left;
}

}  // namespace

Result<std::size_t> trim_to_window(wire::ChatRequest& request, const Target& target) {
  const std::int64_t input_max = target.context_tokens - room_for_output(request, target);
  std::int64_t input = tokens_of(request, target);
  std::size_t dropped = 0;
  if (input > input_max) {
    const std::vector<std::size_t> begins = turn_begins(request.items);
    // The fewest turns to leave out: the first of `begins` from which on everything fits.
    const auto fits_from = [&](std::size_t begin) {
      return tokens_of(without_before(request, begin), target) <= input_max;
    };
    const auto first = std::partition_point(begins.begin(), begins.end(),
                                            [&](std::size_t begin) { return !fits_from(begin); });
    if (first == begins.end()) {
      return Error(ErrorCode::context_length_exceeded,
                   target.name + ": the last turn alone is too long for the context window");
    }
    dropped = static_cast<std::size_t>(first - begins.begin());
    request = without_before(request, *first);
    input = tokens_of(request, target);
  }
  limit_output(request, target, input);
  return dropped;
}

}  // namespace weir::pipeline
