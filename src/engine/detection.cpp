// SPDX-License-Identifier: Apache-2.0
#include "engine/detection.hpp"

#include <utility>

#include "base/thread.hpp"

namespace weir::engine {

Detection::Detection(const EngineContext& context, std::uint64_t seed, Detector::OnChange on_change)
    : engine_(context, seed),
      detector_(engine_.loop(), engine_.exchanges(), context.wall, engine_.random(), {},
                std::move(on_change)),
      load_watch_(engine_.loop(), engine_.exchanges(), context.wall),
      probes_(engine_.loop(), engine_.exchanges(), context.wall, engine_.random()) {}

Detection::~Detection() {
  stop();
  join();
}

void Detection::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  if (is_stopped_) return;
  if (!is_started_) {
    const bool is_needed = Detector::is_needed(*snapshot) || LoadWatch::is_needed(*snapshot) ||
                           Probes::is_needed(*snapshot);
    if (!is_needed) return;
    thread_ = try_thread([this] { engine_.loop().run(); });
    if (!thread_.joinable()) return;  // the next snapshot tries again
    is_started_ = true;
  }
  engine_.loop().post([this, snapshot = std::move(snapshot)]() mutable {
    load_watch_.set_snapshot(*snapshot);
    probes_.set_snapshot(*snapshot);
    detector_.set_snapshot(std::move(snapshot));
  });
}

void Detection::look_again() {
  if (is_started_) engine_.loop().post([this] { detector_.look_again(); });
}

void Detection::look_now(std::string provider, std::function<void()> on_known) {
  if (!is_started_) {
    if (on_known) on_known();
    return;
  }
  engine_.loop().post([this, provider = std::move(provider), on_known = std::move(on_known)] {
    static_cast<void>(detector_.look_now(provider, on_known));
  });
}

config::Looks Detection::looks() const { return detector_.looks(); }

void Detection::stop() {
  if (is_stopped_.exchange(true) || !is_started_) return;
  engine_.loop().post([this] {
    load_watch_.stop();
    probes_.stop();
    detector_.stop([this] { engine_.finish(); });
  });
}

void Detection::join() {
  if (thread_.joinable()) thread_.join();
}

}  // namespace weir::engine
