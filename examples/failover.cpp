// SPDX-License-Identifier: Apache-2.0
//
// A route with three targets, of which two are broken. The mock provider fails on demand, so this
// shows without a key what happens when real ones do.
#include <iostream>

#include <weir/weir.hpp>

int main() {
  weir::GatewayOptions options;
  options.routes.push_back({
      .name = "assistant",
      .targets = {"mock/error-503", "mock/error-429", "mock/works"},
      .strategy = weir::Strategy::priority,
  });
  options.default_model = "assistant";
  auto gateway = weir::Gateway::from_options(options);
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }

  weir::CallOptions wishes;
  wishes.timeout = std::chrono::seconds(20);
  const auto answer = gateway->generate("Is anybody there?", wishes);
  if (!answer) {
    std::cerr << answer.error().message << "\n";
    return 1;
  }
  std::cout << answer->text << "\nAsked, in this order:";
  for (const auto& target : answer->tried) std::cout << " " << target;
  std::cout << " (" << answer->attempts << " attempts)\n";

  // A call may do without: then the first target's error is the answer.
  wishes.may_fail_over = false;
  const auto refused = gateway->generate("Is anybody there?", wishes);
  if (refused) return 1;
  std::cout << "Without failover: " << refused.error().message << "\n";

  const weir::FailoverStatistics figures = gateway->failover();
  std::cout << figures.rescued << " of " << figures.calls << " calls rescued\n";
  return figures.rescued == 1 ? 0 : 1;
}
