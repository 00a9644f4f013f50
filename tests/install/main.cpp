// SPDX-License-Identifier: Apache-2.0
//
// A program of somebody else's: it sees what is installed and nothing more.
#include <weir/asio.hpp>
#include <weir/weir.hpp>

int main() {
  weir::GatewayOptions options;
  options.default_model = "mock/echo";
  auto gateway = weir::Gateway::from_options(options);
  if (!gateway) return 1;
  const auto answer = gateway->generate("it works");
  return answer && answer->text == "it works" ? 0 : 1;
}
