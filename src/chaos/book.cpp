// SPDX-License-Identifier: Apache-2.0
#include "chaos/book.hpp"

#include <utility>

#include "json/writer.hpp"

namespace weir::chaos {

void Book::add(Entry entry) {
  ++calls_;
  if (entry.output_tokens > 0) {
    ++billed_calls_;
    input_tokens_ += entry.input_tokens;
    output_tokens_ += entry.output_tokens;
  } else {
    entry.input_tokens = 0;
  }
  latest_.push_back(std::move(entry));
  if (latest_.size() > latest_max) latest_.pop_front();
}

std::string Book::json() const {
  std::string out;
  json::Writer json(out);
  json.begin_object().member("calls", calls_).member("billed_calls", billed_calls_);
  json.member("input_tokens", input_tokens_).member("output_tokens", output_tokens_);
  json.key("latest").begin_array();
  for (const Entry& entry : latest_) {
    json.begin_object().member("model", entry.model).member("outcome", entry.outcome);
    json.member("stream", entry.is_stream).member("input_tokens", entry.input_tokens);
    json.member("output_tokens", entry.output_tokens).end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace weir::chaos
