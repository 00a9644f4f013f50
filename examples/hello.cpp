// SPDX-License-Identifier: Apache-2.0
//
// The smallest program: one question, one answer.
//
//   hello                                  the built-in mock: no key, no network
//   hello anthropic/claude-sonnet-4-5      with ANTHROPIC_API_KEY in the environment
#include <iostream>

#include <weir/weir.hpp>

int main(int argc, char** argv) {
  // Providers are those whose keys or addresses are in the environment.
  auto gateway = weir::Gateway::from_environment();
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }
  weir::ChatRequest request;
  request.model = argc > 1 ? argv[1] : "mock";
  request.items.emplace_back(weir::user_message("In one sentence: what is a weir?"));

  const auto answer = gateway->chat(request);
  if (!answer) {
    // The kind tells what to do about it, the message tells why.
    std::cerr << weir::name(answer.error().kind()) << ": " << answer.error().message << "\n";
    return 1;
  }
  std::cout << answer->text << "\n\n"
            << answer->provider << "/" << answer->model << ", " << answer->usage.output_total()
            << " tokens, " << answer->cost_nanousd << " nano-dollars, " << answer->latency.count()
            << " ms\n";
}
