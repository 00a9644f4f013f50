// SPDX-License-Identifier: Apache-2.0
#include "pipeline/ollama_answers.hpp"

#include "wire/ollama/codec.hpp"

namespace weir::pipeline {

void OllamaAnswers::encode_response(const wire::ChatResponse& response, std::string& out) const {
  wire::ollama::encode_response(response, stopwatch_.elapsed_ns(), out);
}

std::unique_ptr<wire::StreamEncoder> OllamaAnswers::make_stream_encoder(
    const wire::StreamOptions& options) const {
  return wire::ollama::make_stream_encoder(options, stopwatch_);
}

}  // namespace weir::pipeline
