// SPDX-License-Identifier: Apache-2.0
#include "engine/probes.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "engine/question.hpp"

namespace weir::engine {
namespace {

constexpr net::Duration gap_min = std::chrono::seconds(30);

std::optional<Listing> probed_listing(const Snapshot& snapshot, std::size_t index) {
  const config::ProviderConfig& provider = snapshot.config().providers[index];
  return provider.probe.after ? listing_of(snapshot, index) : std::nullopt;
}

/// What is asked for: a vLLM whose engine is dead lists its models on, but says so here.
std::string probed_path(const config::ProviderConfig& provider, const Listing& listing) {
  const bool is_vllm = provider.spec->name == "vllm";
  return is_vllm ? "/health" : listing.list_path;  // of the server, not below its API
}

}  // namespace

/// One provider that is probed.
struct Probes::Entry {
  Listing listing;
  Question question;
  net::Duration interval{};
  net::Cancellation cancellation;
  std::optional<net::CallbackAlarm> next;
  bool is_current = true;
};

Probes::Probes(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
               const pipeline::WallClock& wall, Random& random)
    : loop_(loop), exchanges_(exchanges), wall_(wall), random_(random) {}

Probes::~Probes() { stop(); }

bool Probes::is_needed(const Snapshot& snapshot) {
  const std::size_t count = snapshot.config().providers.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (probed_listing(snapshot, i)) return true;
  }
  return false;
}

void Probes::set_snapshot(const Snapshot& snapshot) {
  stop();
  const config::Config& config = snapshot.config();
  health::Probed figures;
  for (std::size_t i = 0; i < config.providers.size(); ++i) {
    auto listing = probed_listing(snapshot, i);
    if (!listing) continue;
    auto entry = std::make_shared<Entry>();
    entry->question.path = probed_path(config.providers[i], *listing);
    entry->listing = *std::move(listing);
    entry->interval = *config.providers[i].probe.after;
    entry->next.emplace([this, weak = std::weak_ptr(entry)] {
      if (const auto due = weak.lock()) begin(due);
    });
    arm(*entry);
    const std::lock_guard lock(mutex_);
    figures[entry->listing.provider] = figures_[entry->listing.provider];
    entries_.push_back(std::move(entry));
  }
  const std::lock_guard lock(mutex_);
  figures_ = std::move(figures);
}

void Probes::stop() {
  for (const auto& entry : std::exchange(entries_, {})) {
    entry->is_current = false;
    entry->next->disarm();
    entry->cancellation.cancel();
  }
}

health::Probed Probes::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void Probes::arm(Entry& entry) {
  const std::int64_t interval_ms =
      std::chrono::duration_cast<std::chrono::milliseconds>(entry.interval).count();
  const std::chrono::milliseconds jitter(random_.uniform(-interval_ms / 5, interval_ms / 5));
  loop_.arm_exact(*entry.next, loop_.now() + std::max(gap_min, entry.interval + jitter));
}

void Probes::begin(const std::shared_ptr<Entry>& entry) { tasks_.spawn(probe(entry)); }

net::Task<void> Probes::probe(std::shared_ptr<Entry> entry) {
  const net::TimePoint begun = loop_.now();
  const Result<std::string> answer =
      co_await ask(loop_, exchanges_, *entry->listing.target, entry->question, entry->cancellation);
  if (!entry->is_current) co_return;
  {
    const std::lock_guard lock(mutex_);
    health::ProbeFigures& figures = figures_[entry->listing.provider];
    figures.count += 1;
    figures.failures += answer ? 0 : 1;
    figures.ended_unix_ms = wall_.unix_ms();
    figures.latency_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(loop_.now() - begun).count();
    figures.error = answer ? std::string() : answer.error().message;
  }
  arm(*entry);
}

}  // namespace weir::engine
