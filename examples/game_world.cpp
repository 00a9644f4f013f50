// SPDX-License-Identifier: Apache-2.0
//
// A game world: 50 characters talk at once while the game goes on drawing frames. Calls are started
// without waiting; answers come on a thread of the gateway and are put into a mailbox that the game
// empties once per frame.
#include <chrono>
#include <iostream>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <weir/weir.hpp>

namespace {

constexpr int character_count = 50;

struct Line {
  int character = 0;
  std::string text;
  bool is_fallback = false;
};

/// What characters have said and the game has not shown yet.
class Mailbox {
 public:
  void put(Line line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
  }
  std::vector<Line> take_all() {
    const std::lock_guard lock(mutex_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<Line> lines_;
};

weir::ChatRequest greeting_of(int character) {
  weir::ChatRequest request;
  request.model = "villagers";
  request.output_tokens_max = 40;
  request.items.emplace_back(weir::system_message(
      "You are villager number " + std::to_string(character) + ". Speak one short sentence."));
  request.items.emplace_back(weir::user_message("A traveller greets you."));
  return request;
}

}  // namespace

int main() {
  weir::GatewayOptions options;
  // Two models share the village; whoever is less busy speaks next.
  options.routes.push_back({.name = "villagers",
                            .targets = {"mock/slow-30", "mock/slow-60"},
                            .strategy = weir::Strategy::least_busy});
  options.calls_in_flight_max = 20;  // what the local machine serves well at once
  Mailbox mailbox;                   // before the gateway: calls end before it does
  auto gateway = weir::Gateway::from_options(options);
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }

  for (int character = 0; character < character_count; ++character) {
    weir::CallOptions call;
    call.timeout = std::chrono::seconds(10);
    call.priority = character < 5 ? 1 : 0;  // those who stand near the player speak first
    const auto on_answer = [&mailbox, character](weir::Result<weir::ChatResponse> answer) {
      // The show goes on: a character without an answer nods.
      mailbox.put({character, answer ? answer->text : "(nods)", !answer});
    };
    static_cast<void>(gateway->start_chat(greeting_of(character), on_answer, call));
  }

  int heard = 0;
  int fallbacks = 0;
  int frames = 0;
  while (heard < character_count) {
    ++frames;
    for (const Line& line : mailbox.take_all()) {
      ++heard;
      fallbacks += line.is_fallback ? 1 : 0;
      if (line.character < 3)
        std::cout << "villager " << line.character << ": " << line.text << "\n";
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(16));  // draw
  }
  std::cout << heard << " characters spoke within " << frames << " frames, " << fallbacks
            << " only nodded\n";
  return fallbacks == 0 ? 0 : 1;
}
