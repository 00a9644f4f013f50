// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "tokens/counter.hpp"

namespace weir::tokens {

/// An image of a request; zeros where its size is not known.
struct ImageSize {
  std::int64_t width = 0;
  std::int64_t height = 0;
  bool is_low_detail = false;
};

/// What an image costs `model`, by the rule its provider documents; where the size is not known, or
/// the rule is not published, a usual size of about one megapixel.
std::int64_t image_tokens(std::string_view provider, std::string_view model,
                          const ImageSize& image);

/// A count and how far it can be trusted.
struct Tally {
  std::int64_t tokens = 0;
  Method method = Method::estimated;
};

/// Adds up the input of a chat, whatever dialect it came in: say what is there in any order.
///
/// Messages cost what OpenAI publishes for its chat models (three tokens each, one for a name,
/// three for the answer's begin); other families' templates cost about as much. How tools are
/// written into a prompt is not published, so a tally with tools or images is at best an estimate.
/// Source: OpenAI cookbook, "How to count tokens with tiktoken"; from memory, not checked against
/// it.
class ChatTally {
 public:
  /// Both as for `counter_for`; they must outlive the tally.
  ChatTally(std::string_view provider, std::string_view model)
      : counter_(&counter_for(provider, model)), provider_(provider), model_(model) {}

  /// A message begins.
  void message(std::string_view role, std::string_view name = {});
  /// Text of a message, reasoning, or the result of a tool.
  void text(std::string_view text) { tokens_ += counter_->count(text); }
  void image(const ImageSize& image);
  /// A call the model made, with its arguments as JSON text.
  void tool_call(std::string_view name, std::string_view arguments);
  /// A tool it may call, with its parameters as JSON text.
  void tool(std::string_view name, std::string_view description, std::string_view parameters);
  /// The JSON schema that the answer must keep to.
  void output_schema(std::string_view schema);

  [[nodiscard]] Tally total() const;

 private:
  const Counter* counter_;
  std::string_view provider_;
  std::string_view model_;
  std::int64_t tokens_ = 0;
  bool has_tools_ = false;
  bool is_doubtful_ = false;
};

}  // namespace weir::tokens
