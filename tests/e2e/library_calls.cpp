// SPDX-License-Identifier: Apache-2.0
//
// A program that links the library, for test_library.py: makes calls from several threads until it
// has made so many, one fails in each, or it is killed, and tells of each answer once it has it.
//
//   library_calls CONFIG CALLS        prints `<request id> <cost in nano-dollars>`, a line each
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include "weir/weir.hpp"

namespace {

/// In one piece, so that a kill leaves whole lines.
void tell(const weir::ChatResponse& answer) {
  const std::string line =
      answer.metadata.at("request-id") + " " + std::to_string(answer.cost_nanousd) + "\n";
  if (::write(STDOUT_FILENO, line.data(), line.size()) < 0) std::abort();
}

weir::Result<weir::ChatResponse> call(weir::Gateway& gateway, long number) {
  weir::ChatRequest request;
  request.items.emplace_back(weir::user_message("call " + std::to_string(number)));
  weir::CallOptions options;
  options.tags = {{"kind", number % 2 == 0 ? "whole" : "stream"}};
  if (number % 2 == 0) return gateway.chat(std::move(request), std::move(options));
  return gateway.stream(std::move(request), [](const weir::StreamPiece&) {}, std::move(options));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) return EXIT_FAILURE;
  const long calls = std::strtol(argv[2], nullptr, 10);
  auto gateway = weir::Gateway::from_file(argv[1]);
  if (!gateway) {
    std::fprintf(stderr, "%s\n", gateway.error().message.c_str());
    return EXIT_FAILURE;
  }
  std::atomic<long> next = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (long number = next++; number < calls; number = next++) {
        const auto answer = call(*gateway, number);
        if (!answer) return;  // a budget is used up, say
        tell(*answer);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  return EXIT_SUCCESS;
}
