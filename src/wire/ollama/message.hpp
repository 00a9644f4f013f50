// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"

/// What requests, answers and streams have in common.
namespace weir::wire::ollama {

/// An id for a call that has none: the same for the same `seed` and `ordinal`, different enough
/// otherwise. Chance is not available here, and would make a decoded stream differ each time.
std::string derived_call_id(std::string_view seed, std::size_t ordinal);

/// Reads the elements of a message's `tool_calls`. `ordinal` counts the calls of a conversation or
/// answer, for those that need an id made.
std::vector<ToolCall> read_tool_calls(json::ObjectReader& message, std::string_view id_seed,
                                      std::size_t& ordinal);

/// Writes one element of `tool_calls`, in one line whatever the arguments hold.
void write_tool_call(json::Writer& json, const ToolCall& call, std::int64_t index,
                     bool keeps_extra);

/// One object of an answer: a whole answer, or a line of a stream.
struct Answer {
  std::string model;
  std::string created_at;
  std::int64_t created = 0;
  std::string content;
  std::string thinking;
  std::vector<ToolCall> calls;
  std::string logprobs;  ///< in OpenAI's shape
  bool is_done = false;
  std::string done_reason;
  Usage usage;
  Extra message_extra;  ///< unknown members of `message`, as one member of that name
};

/// Reads what is known of an answer; the reader's other members stay unread.
Answer read_answer(json::ObjectReader& reader, std::size_t& call_ordinal);

/// The counters of an answer; those that are no counts are taken for absent ones.
Usage read_counters(json::Value answer);

/// Why an answer ended. Ollama says `stop` for tool calls too, so they are looked at.
Finish finish_of(std::string_view done_reason, bool has_calls) noexcept;
std::string_view done_reason_of(Finish finish) noexcept;

/// Writes `prompt_eval_count` and `eval_count`; zeros are left out, as Ollama does.
void write_counters(json::Writer& json, const Usage& usage);

/// Writes how long an answer took whose first piece came after `first_ns`. What came all at once
/// doesn't tell how long the prompt took: all the time is the answer's then.
void write_durations(json::Writer& json, std::int64_t total_ns, std::int64_t first_ns);

/// Writes the entries of `logprobs`, which is in OpenAI's shape, if there are any.
void write_logprobs(json::Writer& json, std::string_view logprobs);

}  // namespace weir::wire::ollama
