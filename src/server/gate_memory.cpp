// SPDX-License-Identifier: Apache-2.0
#include "server/gate_memory.hpp"

#include <chrono>
#include <optional>

#include "json/object_reader.hpp"
#include "json/writer.hpp"

namespace weir::server {
namespace {

using shared_state::KeptState;
using State = policy::CircuitBreaker::State;

/// A cooldown's end moves by the time between two clocks' readings; what is nearer is the same.
constexpr std::int64_t step_ms = 1'000;

std::optional<policy::FailureClass> failure_called(std::string_view name) {
  for (std::size_t i = 0; i < policy::failure_class_count; ++i) {
    const auto failure = static_cast<policy::FailureClass>(i);
    if (policy::name(failure) == name) return failure;
  }
  return std::nullopt;
}

std::optional<KeptState> read_row(json::Value value, std::int64_t now_ms) {
  json::Problem problem;
  const json::Path root;
  json::ObjectReader reader(value, root, problem);
  KeptState state;
  state.name = reader.required_string("name");
  const auto order = reader.string("order");
  if (order == policy::name(State::forced_open)) state.order = State::forced_open;
  if (order == policy::name(State::disabled)) state.order = State::disabled;
  state.key = static_cast<std::uint64_t>(reader.integer("key").value_or(0));
  const std::int64_t left_ms = reader.integer("until_unix_ms").value_or(0) - now_ms;
  if (left_ms > 0) state.cooldown = std::chrono::milliseconds(left_ms);
  state.cause = failure_called(reader.string("cause").value_or("")).value_or(state.cause);
  if (problem.is_set()) return std::nullopt;
  return state;
}

}  // namespace

std::string gate_text(const std::vector<KeptState>& states, std::int64_t now_ms) {
  using std::chrono::duration_cast;
  using std::chrono::milliseconds;
  std::string out;
  json::Writer json(out);
  json.begin_object().key("states").begin_array();
  for (const KeptState& state : states) {
    json.begin_object().member("name", state.name);
    if (state.order != State::closed) json.member("order", policy::name(state.order));
    if (state.cooldown > net::Duration::zero()) {
      const std::int64_t until_ms = now_ms + duration_cast<milliseconds>(state.cooldown).count();
      json.member("key", static_cast<std::int64_t>(state.key));
      json.member("until_unix_ms", (until_ms + step_ms - 1) / step_ms * step_ms);
      json.member("cause", policy::name(state.cause));
    }
    json.end_object();
  }
  json.end_array().end_object();
  out.push_back('\n');
  return out;
}

std::vector<KeptState> read_gate_text(std::string_view text, std::int64_t now_ms) {
  std::vector<KeptState> states;
  json::Document document;
  if (!document.parse(text)) return states;
  const auto rows = document.root().find("states");
  if (!rows || !rows->is_array()) return states;
  for (const json::Value row : rows->elements()) {
    if (auto state = read_row(row, now_ms)) states.push_back(*std::move(state));
  }
  return states;
}

}  // namespace weir::server
