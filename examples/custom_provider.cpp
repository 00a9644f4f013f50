// SPDX-License-Identifier: Apache-2.0
//
// A provider of your own: here a few rules in the process, in your program perhaps a model that it
// has loaded, or a protocol that Weir does not speak. Routes, failover, deadlines and statistics
// hold for it as for any other.
#include <iostream>
#include <memory>
#include <string>

#include <weir/weir.hpp>

namespace {

class Oracle final : public weir::Provider {
 public:
  // Runs on a thread that the gateway keeps for providers: it may block.
  weir::Result<weir::ChatResponse> chat(const weir::ChatRequest& request) override {
    const auto* last = std::get_if<weir::Message>(&request.items.back());
    if (last == nullptr || last->text().find('?') == std::string::npos) {
      // Says that somebody else should try.
      return weir::Error(weir::ErrorCode::overloaded, "the oracle answers questions only");
    }
    weir::ChatResponse answer;
    answer.text = "Ask again when the river is low.";
    answer.usage.output = 7;
    return answer;
  }

  // Streaming is optional: without this, the whole answer comes as one piece.
  weir::Result<weir::ChatResponse> stream(const weir::ChatRequest& request,
                                          weir::AnswerSink& sink) override {
    auto answer = chat(request);
    if (!answer) return answer;
    for (const char c : answer->text) {
      if (!sink.text(std::string(1, c))) break;  // nobody listens any more
    }
    return answer;
  }
};

}  // namespace

int main() {
  weir::GatewayOptions options;
  options.providers.push_back({.name = "oracle", .implementation = std::make_shared<Oracle>()});
  options.routes.push_back({.name = "advice", .targets = {"oracle/delphi", "mock/fallback"}});
  options.default_model = "advice";
  auto gateway = weir::Gateway::from_options(options);
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }
  for (const char* prompt : {"Shall we sail?", "We sail."}) {
    const auto answer = gateway->generate(prompt);
    if (!answer) {
      std::cerr << answer.error().message << "\n";
      return 1;
    }
    std::cout << answer->provider << ": " << answer->text << "\n";
  }
  const auto health = gateway->health().at("oracle");
  std::cout << "oracle: " << health.successes << " answers, " << health.failures << " failures\n";
  return health.successes == 1 ? 0 : 1;
}
