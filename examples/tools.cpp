// SPDX-License-Identifier: Apache-2.0
//
// A function of this program that the model may call. Weir runs the loop: the model asks for the
// tool, the function runs, the model gets the result and answers.
//
//   tools [model]
#include <iostream>
#include <string>

#include <weir/weir.hpp>

int main(int argc, char** argv) {
  auto gateway = weir::Gateway::from_environment();
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }

  int readings = 0;
  const auto read_gauge = [&](std::string_view arguments) -> weir::Result<std::string> {
    // `arguments` is JSON that a model wrote: parse and check it before you rely on it.
    std::cout << "[tool called with " << arguments << "]\n";
    ++readings;
    return std::string(R"({"river":"Danube","level_cm":312,"trend":"falling"})");
  };
  const auto registered = gateway->register_tool(
      "read_gauge", "The water level of a river right now",
      R"({"type":"object","properties":{"river":{"type":"string"}},"required":["river"]})",
      read_gauge);
  if (!registered) {
    std::cerr << registered.error().message << "\n";
    return 1;
  }

  weir::ChatRequest request;
  request.model = argc > 1 ? argv[1] : "mock";
  request.items.emplace_back(weir::user_message("How high is the Danube?"));
  const auto answer = gateway->chat_with_tools(request);
  if (!answer) {
    std::cerr << answer.error().message << "\n";
    return 1;
  }
  std::cout << answer->text << "\n(" << answer->rounds << " rounds, "
            << answer->usage.input_total() + answer->usage.output_total() << " tokens)\n";
  return readings > 0 ? 0 : 1;
}
