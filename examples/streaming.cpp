// SPDX-License-Identifier: Apache-2.0
//
// Text as it is written: once by callback, once as a range.
//
//   streaming [model]
#include <iostream>

#include <weir/weir.hpp>

namespace {

weir::ChatRequest question(const char* model) {
  weir::ChatRequest request;
  request.model = model;
  request.items.emplace_back(weir::user_message("Count the rivers of Austria."));
  return request;
}

}  // namespace

int main(int argc, char** argv) {
  const char* model = argc > 1 ? argv[1] : "mock";
  auto gateway = weir::Gateway::from_environment();
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }

  // By callback: each piece comes on this thread, and the result is the whole answer.
  const auto answer = gateway->stream(question(model), [](const weir::StreamPiece& piece) {
    std::cout << piece.text << std::flush;
  });
  if (!answer) {
    std::cerr << answer.error().message << "\n";
    return 1;
  }
  std::cout << "\n(" << answer->usage.output_total() << " tokens)\n";

  // As a range: leave it whenever you have seen enough. What is left of the answer is cancelled.
  int pieces = 0;
  weir::ChatStream stream = gateway->open_stream(question(model));
  for (const weir::StreamPiece& piece : stream) {
    std::cout << piece.text;
    if (++pieces == 3) break;
  }
  std::cout << "... enough.\n";
  return pieces == 3 ? 0 : 1;
}
