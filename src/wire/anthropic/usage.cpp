// SPDX-License-Identifier: Apache-2.0
#include "wire/anthropic/usage.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "wire/members.hpp"

namespace weir::wire::anthropic {
namespace {

constexpr std::array<std::pair<std::string_view, Finish>, 7> stop_reasons{{
    {"end_turn", Finish::stop},
    {"stop_sequence", Finish::stop_sequence},
    {"max_tokens", Finish::length},
    {"tool_use", Finish::tool_calls},
    {"refusal", Finish::content_filter},
    {"pause_turn", Finish::pause},
    {"model_context_window_exceeded", Finish::length},
}};

}  // namespace

void UsageCounters::take(json::Value object, std::string_view key, std::int64_t& count) {
  const auto value = object.find(key);
  if (!value || value->is_null()) return;
  bool is_nonsense = false;
  const std::int64_t told = told_count(value, is_nonsense);
  is_impossible_ = is_impossible_ || is_nonsense;
  if (!is_nonsense) count = told;
}

void UsageCounters::update(json::Value usage) {
  take(usage, "input_tokens", input_);
  take(usage, "cache_read_input_tokens", cache_read_);
  take(usage, "cache_creation_input_tokens", cache_write_);
  take(usage, "output_tokens", output_);
  if (const auto by_lifetime = usage.find("cache_creation")) {
    take(*by_lifetime, "ephemeral_5m_input_tokens", cache_write_5m_);
    take(*by_lifetime, "ephemeral_1h_input_tokens", cache_write_1h_);
  }
  if (const auto details = usage.find("output_tokens_details")) {
    take(*details, "thinking_tokens", thinking_);
  }
}

Usage UsageCounters::canonical() const {
  // The total is the older member; servers that tell only one of the two exist.
  const std::int64_t written = std::max(cache_write_, cache_write_5m_ + cache_write_1h_);
  Usage usage;
  usage.input = input_;
  usage.input_cache_read = cache_read_;
  usage.input_cache_write_1h = cache_write_1h_;
  usage.input_cache_write = written - cache_write_1h_;
  usage.output_reasoning = std::min(thinking_, output_);
  usage.output = output_ - usage.output_reasoning;
  usage.is_impossible = is_impossible_;
  return usage;
}

void write_usage(json::Writer& json, const Usage& usage) {
  json.member("input_tokens", usage.input);
  json.member("cache_creation_input_tokens", usage.input_cache_write + usage.input_cache_write_1h);
  json.member("cache_read_input_tokens", usage.input_cache_read);
  json.key("cache_creation").begin_object();
  json.member("ephemeral_5m_input_tokens", usage.input_cache_write);
  json.member("ephemeral_1h_input_tokens", usage.input_cache_write_1h);
  json.end_object();
  json.member("output_tokens", usage.output_total());
  json.key("output_tokens_details").begin_object();
  json.member("thinking_tokens", usage.output_reasoning);
  json.end_object();
}

Finish finish_of(std::string_view stop_reason) noexcept {
  for (const auto& [name, finish] : stop_reasons) {
    if (name == stop_reason) return finish;
  }
  return Finish::other;
}

std::string_view stop_reason_of(Finish finish, bool has_calls) noexcept {
  switch (finish) {
    case Finish::none:
      return {};
    case Finish::stop:
    case Finish::other:
      return has_calls ? "tool_use" : "end_turn";
    case Finish::stop_sequence:
      return "stop_sequence";
    case Finish::length:
      return "max_tokens";
    case Finish::tool_calls:
      return "tool_use";
    case Finish::content_filter:
      return "refusal";
    case Finish::pause:
      return "pause_turn";
  }
  return {};
}

}  // namespace weir::wire::anthropic
