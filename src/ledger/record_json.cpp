// SPDX-License-Identifier: Apache-2.0
#include "ledger/record_json.hpp"

#include <array>
#include <utility>

namespace weir::ledger {
namespace {

constexpr std::array<std::pair<std::string_view, std::int64_t wire::Usage::*>, 12> counts{{
    {"input", &wire::Usage::input},
    {"input_cache_read", &wire::Usage::input_cache_read},
    {"input_cache_write", &wire::Usage::input_cache_write},
    {"input_cache_write_1h", &wire::Usage::input_cache_write_1h},
    {"output", &wire::Usage::output},
    {"output_reasoning", &wire::Usage::output_reasoning},
    {"input_audio", &wire::Usage::input_audio},
    {"output_audio", &wire::Usage::output_audio},
    {"accepted_prediction", &wire::Usage::accepted_prediction},
    {"rejected_prediction", &wire::Usage::rejected_prediction},
    {"audio_ms", &wire::Usage::audio_ms},
    {"search_units", &wire::Usage::search_units},
}};

void write_usage(json::Writer& json, const wire::Usage& usage) {
  json.key("usage").begin_object();
  for (const auto& [name, count] : counts) {
    const bool is_always = count == &wire::Usage::input || count == &wire::Usage::output;
    if (is_always || usage.*count != 0) json.member(name, usage.*count);
  }
  json.end_object();
}

void write_texts(json::Writer& json, std::string_view name, const std::vector<std::string>& texts) {
  json.key(name).begin_array();
  for (const std::string& text : texts) json.string(text);
  json.end_array();
}

void write_attempt(json::Writer& json, const AttemptRecord& attempt) {
  json.begin_object()
      .member("number", attempt.number)
      .member("target", attempt.target)
      .member("provider", attempt.provider)
      .member("model", attempt.model)
      .member("end", attempt.failure)
      .member("started_ms", attempt.started_ms)
      .member("ended_ms", attempt.ended_ms)
      .member("hedge", attempt.has(flag::hedge))
      .member("charged", attempt.has(flag::charged))
      .member("estimated", attempt.has(flag::estimated))
      .member("recovered_by", attempt.recovered_by);
  write_usage(json, attempt.usage);
  json.member("cost_nanousd", attempt.cost_nanousd)
      .member("exposure_nanousd", attempt.exposure_nanousd);
  write_texts(json, "windows", attempt.windows);
  json.end_object();
}

}  // namespace

void write_json(json::Writer& json, const CallRecord& call) {
  json.begin_object()
      .member("request_id", call.request_id)
      .member("started_ms", call.started_ms)
      .member("ended_ms", call.ended_ms)
      .member("first_content_ms", call.first_content_ms)
      .member("outcome", name(call.outcome))
      .member("error", call.error)
      .member("key", call.key)
      .member("user", call.user)
      .member("team", call.team)
      .member("organisation", call.organisation)
      .member("task", call.task)
      .member("priority", call.priority)
      .member("endpoint", call.endpoint)
      .member("model", call.model)
      .member("route", call.route)
      .member("target", call.target)
      .member("provider", call.provider)
      .member("stream", call.has(flag::stream))
      .member("cached", call.has(flag::cached))
      .member("estimated", call.has(flag::estimated))
      .member("odd_usage", call.has(flag::odd_usage))
      .member("impossible_usage", call.has(flag::impossible_usage))
      .member("usage_source", name(call.source));
  write_texts(json, "tags", call.tags);
  write_usage(json, call.usage);
  json.member("cost_nanousd", call.cost_nanousd)
      .member("exposure_nanousd", call.exposure_nanousd)
      .member("price_version", call.price_version);
  write_texts(json, "windows", call.windows);
  json.key("attempts").begin_array();
  for (const AttemptRecord& attempt : call.attempts) write_attempt(json, attempt);
  json.end_array().end_object();
}

}  // namespace weir::ledger
