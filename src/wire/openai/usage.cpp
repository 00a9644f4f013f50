// SPDX-License-Identifier: Apache-2.0
#include "wire/openai/usage.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/money.hpp"
#include "wire/members.hpp"

namespace weir::wire::openai {
namespace {

constexpr int xai_tick_exponent = -10;

/// Reads the counts of a usage object and of the objects inside it.
class CountReader {
 public:
  explicit CountReader(bool& is_impossible) : is_impossible_(is_impossible) {}

  std::int64_t operator()(std::optional<json::Value> object, std::string_view key) const {
    return object ? told_count(object->find(key), is_impossible_) : 0;
  }

 private:
  bool& is_impossible_;
};

std::optional<std::int64_t> nano_of(std::optional<json::Value> value, int exponent) {
  if (!value || !value->is_number()) return std::nullopt;
  const auto cost = round_usd(value->raw(), exponent);
  if (!cost) return std::nullopt;
  return cost->count();
}

std::optional<std::int64_t> read_cost(json::Value usage) {
  const auto cost = usage.find("cost");
  if (cost && cost->is_object()) return nano_of(cost->find("total_cost"), 0);
  if (auto nano = nano_of(cost, 0)) return nano;
  return nano_of(usage.find("cost_in_usd_ticks"), xai_tick_exponent);
}

/// The counts as they stand on the wire.
struct Counts {
  std::int64_t prompt = 0;
  std::int64_t completion = 0;
  std::int64_t total = 0;
  std::int64_t cached = 0;
  std::int64_t cache_write = 0;
  std::int64_t reasoning = 0;
};

bool reasoning_is_outside(const Counts& counts, Quirks quirks) {
  if (counts.reasoning > counts.completion) return true;
  if (counts.total == counts.prompt + counts.completion) return false;
  return counts.total == counts.prompt + counts.completion + counts.reasoning ||
         has(quirks, Quirk::reasoning_outside_completion);
}

// xAI counts cached tokens beside the prompt at times; only the total tells.
bool cached_is_outside(const Counts& counts, Quirks quirks) {
  if (counts.cached > counts.prompt) return true;
  return has(quirks, Quirk::reasoning_outside_completion) &&
         counts.total == counts.prompt + counts.cached + counts.completion + counts.reasoning;
}

constexpr std::array written_members{"prompt_tokens", "completion_tokens", "total_tokens",
                                     "prompt_tokens_details", "completion_tokens_details"};

void write_count(json::Writer& json, std::string_view key, std::int64_t value) {
  if (value != 0) json.member(key, value);
}

}  // namespace

Usage read_usage(json::Value usage, Quirks quirks) {
  const auto prompt_details = usage.find("prompt_tokens_details");
  const auto completion_details = usage.find("completion_tokens_details");
  Usage out;
  const CountReader count(out.is_impossible);
  Counts counts;
  counts.prompt = count(usage, "prompt_tokens");
  counts.completion = count(usage, "completion_tokens");
  counts.total = count(usage, "total_tokens");
  counts.cached =
      std::max(count(prompt_details, "cached_tokens"), count(usage, "prompt_cache_hit_tokens"));
  counts.cache_write = count(prompt_details, "cache_write_tokens");
  counts.reasoning =
      std::max(count(completion_details, "reasoning_tokens"), count(usage, "reasoning_tokens"));

  out.input_cache_read = counts.cached;
  out.input_cache_write = counts.cache_write;
  out.input = counts.prompt - counts.cache_write;
  if (!cached_is_outside(counts, quirks)) out.input -= counts.cached;
  out.input = std::max<std::int64_t>(out.input, 0);
  out.output_reasoning = counts.reasoning;
  out.output = counts.completion;
  if (!reasoning_is_outside(counts, quirks)) out.output -= counts.reasoning;
  out.input_audio = count(prompt_details, "audio_tokens");
  out.output_audio = count(completion_details, "audio_tokens");
  out.input_image = count(prompt_details, "image_tokens");
  out.output_image = count(completion_details, "image_tokens");
  out.accepted_prediction = count(completion_details, "accepted_prediction_tokens");
  out.rejected_prediction = count(completion_details, "rejected_prediction_tokens");
  out.cost_nanousd = read_cost(usage);
  return out;
}

void keep_usage_members(json::Value usage, Extra& extra) {
  json::Problem ignored;
  const json::Path path;
  json::ObjectReader reader(usage, path, ignored);
  for (const auto* member : written_members) reader.skip(member);
  keep_unread_of(reader, "usage", extra);
}

void write_usage(json::Writer& json, const Usage& usage) {
  json.member("prompt_tokens", usage.input_total());
  json.member("completion_tokens", usage.output_total());
  json.member("total_tokens", usage.input_total() + usage.output_total());
  json.key("prompt_tokens_details").begin_object();
  json.member("cached_tokens", usage.input_cache_read);
  write_count(json, "cache_write_tokens", usage.input_cache_write + usage.input_cache_write_1h);
  write_count(json, "audio_tokens", usage.input_audio);
  json.end_object();
  json.key("completion_tokens_details").begin_object();
  json.member("reasoning_tokens", usage.output_reasoning);
  write_count(json, "audio_tokens", usage.output_audio);
  write_count(json, "accepted_prediction_tokens", usage.accepted_prediction);
  write_count(json, "rejected_prediction_tokens", usage.rejected_prediction);
  json.end_object();
}

Finish finish_of(std::string_view reason, bool has_calls) noexcept {
  constexpr std::array<std::pair<std::string_view, Finish>, 8> words{{
      {"length", Finish::length},
      {"model_length", Finish::length},
      {"content_filter", Finish::content_filter},
      {"tool_calls", Finish::tool_calls},
      {"function_call", Finish::tool_calls},
      {"error", Finish::other},
      {"insufficient_system_resource", Finish::other},
      {"stop_sequence", Finish::stop_sequence},
  }};
  for (const auto& [word, finish] : words) {
    const bool may_be_calls = finish == Finish::stop_sequence && has_calls;
    if (word == reason && !may_be_calls) return finish;
  }
  // OpenAI itself says `stop` after a call it was forced to make; `eos` and the like are others'.
  return has_calls ? Finish::tool_calls : Finish::stop;
}

std::string_view finish_reason_of(Finish finish) noexcept {
  switch (finish) {
    case Finish::none:
      return {};
    case Finish::length:
      return "length";
    case Finish::tool_calls:
      return "tool_calls";
    case Finish::content_filter:
      return "content_filter";
    case Finish::stop:
    case Finish::stop_sequence:
    case Finish::pause:
    case Finish::other:
      return "stop";
  }
  return {};
}

}  // namespace weir::wire::openai
