// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "pipeline/relay.hpp"
#include "wire/stopwatch.hpp"

namespace weir::pipeline {

/// Chats for Ollama's clients with how long they took: clients divide the counters by that.
class OllamaAnswers final : public AnswerForm {
 public:
  /// `stopwatch` outlives the form and its encoders.
  explicit OllamaAnswers(const wire::Stopwatch& stopwatch) : stopwatch_(stopwatch) {}

  void encode_response(const wire::ChatResponse& response, std::string& out) const override;
  [[nodiscard]] std::unique_ptr<wire::StreamEncoder> make_stream_encoder(
      const wire::StreamOptions& options) const override;

 private:
  const wire::Stopwatch& stopwatch_;
};

}  // namespace weir::pipeline
