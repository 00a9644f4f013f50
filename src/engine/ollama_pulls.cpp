// SPDX-License-Identifier: Apache-2.0
#include "engine/ollama_pulls.hpp"

#include <utility>
#include <vector>

#include "engine/question.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "wire/sse.hpp"

namespace weir::engine {
namespace {

constexpr std::chrono::seconds silence_max{120};  ///< while it checks what it has got
constexpr std::chrono::hours total_max{6};
/// Names are the clients' to choose.
constexpr std::size_t pulls_max = 8;
constexpr std::size_t line_bytes_max = std::size_t{64} << 10;

/// What the lines of progress come to.
struct Progress {
  wire::LineParser lines{line_bytes_max};
  bool is_there = false;

  void take(std::string_view piece) {
    lines.feed(piece);
    std::string_view line;
    while (lines.next(line)) {
      json::Document document;
      const auto status = document.parse(line) ? document.root().find("status") : std::nullopt;
      is_there = status && status->equals("success");
    }
  }
};

/// One request that waits for a pull; woken by its end or by its client's leaving.
class Waiter final : private net::Cancellable {
 public:
  explicit Waiter(net::Cancellation& client) {
    if (client.is_cancelled()) {
      wake_.cancel();
    } else {
      client.add(*this);
    }
  }
  [[nodiscard]] net::Cancellation& wake() { return wake_; }

 private:
  void on_cancel() override { wake_.cancel(); }
  net::Cancellation wake_;
};

}  // namespace

struct OllamaPulls::Pull {
  const pipeline::Target* target = nullptr;  ///< lives with the route
  std::shared_ptr<const pipeline::Route> route;
  Question question;
  Progress progress;
  net::Cancellation cancellation;
  std::vector<Waiter*> waiters;
  bool has_succeeded = false;
};

OllamaPulls::~OllamaPulls() { stop(); }

void OllamaPulls::stop() {
  const auto all = pulls_;
  for (const auto& [name, pull] : all) pull->cancellation.cancel();
}

void OllamaPulls::begin(const pipeline::Target& target,
                        std::shared_ptr<const pipeline::Route> route) {
  if (pulls_.contains(target.name) || pulls_.size() >= pulls_max) return;
  auto pull = std::make_shared<Pull>();
  pull->target = &target;
  pull->route = std::move(route);
  pull->question.path = target.base_path + "/api/pull";
  json::Writer json(pull->question.body.emplace());
  json.begin_object().member("model", target.model).member("stream", true).end_object();
  pull->question.silence_max = silence_max;
  pull->question.total_max = total_max;
  pull->question.on_piece = [&progress = pull->progress](std::string_view piece) {
    progress.take(piece);
  };
  pulls_.emplace(target.name, pull);
  tasks_.spawn(perform(std::move(pull)));
}

net::Task<void> OllamaPulls::perform(std::shared_ptr<Pull> pull) {
  const Result<std::string> asked =
      co_await ask(loop_, exchanges_, *pull->target, pull->question, pull->cancellation);
  pull->has_succeeded = asked && pull->progress.is_there;
  if (pull->has_succeeded) gate_.note_model_came(*pull->target, loop_.now());
  pulls_.erase(pull->target->name);
  // Each that wakes may run to its end, and begin another pull.
  while (!pull->waiters.empty()) {
    Waiter& waiter = *pull->waiters.back();
    pull->waiters.pop_back();
    waiter.wake().cancel();
  }
}

net::Task<bool> OllamaPulls::wait(const pipeline::Target& target, net::TimePoint until,
                                  net::Cancellation& cancellation) {
  const auto found = pulls_.find(target.name);
  if (found == pulls_.end()) co_return false;
  const std::shared_ptr<Pull> pull = found->second;
  Waiter waiter(cancellation);
  pull->waiters.push_back(&waiter);
  net::Sleep pause(loop_, until, waiter.wake());
  const bool is_late = co_await pause;
  std::erase(pull->waiters, &waiter);
  co_return !is_late && pull->has_succeeded;
}

}  // namespace weir::engine
