// SPDX-License-Identifier: Apache-2.0
#include "engine/detector.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace weir::engine {
namespace {

bool is_wanted(const config::Config& config, const config::ProviderConfig& provider) {
  if (!config.detection_interval.after) return false;
  switch (provider.detect) {
    case config::Choice::off:
      return false;
    case config::Choice::on:
      return true;
    case config::Choice::automatic:
      break;
  }
  return provider.local || provider.spec->name == providers::custom_provider;
}

}  // namespace

/// One provider that is asked.
struct Detector::Entry {
  Listing listing;
  std::shared_ptr<const config::DetectedList> list;  ///< null: it never told one
  std::optional<net::TimePoint> asked;
  net::TimePoint next{};
  bool is_under_way = false;
  bool is_asked_again = false;  ///< the look under way may have come too soon
  bool is_current = true;       ///< false: the provider is gone or elsewhere
  std::vector<std::function<void()>> waiting;
  net::Cancellation cancellation;

  void tell_waiting() {
    for (const auto& on_known : std::exchange(waiting, {})) on_known();
  }
};

Detector::Detector(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                   const pipeline::WallClock& wall, Random& random, Options options,
                   OnChange on_change)
    : loop_(loop),
      exchanges_(exchanges),
      wall_(wall),
      random_(random),
      options_(options),
      on_change_(std::move(on_change)),
      next_([this] { ask_those_due(); }) {}

Detector::~Detector() = default;

bool Detector::is_needed(const Snapshot& snapshot) {
  const auto& all = snapshot.config().providers;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (is_wanted(snapshot.config(), all[i]) && listing_of(snapshot, i)) return true;
  }
  return false;
}

void Detector::set_snapshot(std::shared_ptr<const Snapshot> snapshot) {
  if (is_stopped_) return;
  const config::Config& config = snapshot->config();
  if (config.detection_interval.after) interval_ = *config.detection_interval.after;
  std::map<std::string, std::shared_ptr<Entry>, std::less<>> entries;
  bool is_list_lost = false;
  for (std::size_t i = 0; i < config.providers.size(); ++i) {
    auto listing = is_wanted(config, config.providers[i]) ? listing_of(*snapshot, i) : std::nullopt;
    if (!listing) continue;
    const std::string name = listing->provider;
    const auto before = entries_.find(name);
    const bool is_same =
        before != entries_.end() && before->second->listing.identity == listing->identity;
    auto entry = is_same ? before->second : std::make_shared<Entry>();
    // A look under way goes on with the listing it was begun with.
    if (!entry->is_under_way) entry->listing = *std::move(listing);
    if (before == entries_.end()) {
      // What was found before this began counts until it is asked again.
      const auto found = snapshot->resolver().detected().find(name);
      if (found != snapshot->resolver().detected().end()) entry->list = found->second;
    } else if (!is_same) {
      is_list_lost = is_list_lost || before->second->list != nullptr;
    }
    if (!is_same) entry->next = loop_.now();
    entries.emplace(name, std::move(entry));
  }
  for (const auto& [name, entry] : entries_) {
    const auto kept = entries.find(name);
    if (kept != entries.end() && kept->second == entry) continue;
    entry->is_current = false;
    entry->cancellation.cancel();
  }
  entries_ = std::move(entries);
  {
    const std::lock_guard lock(looks_mutex_);
    std::erase_if(looks_, [this](const auto& look) { return !entries_.contains(look.first); });
    for (const auto& [name, entry] : entries_) looks_.try_emplace(name);
  }
  if (is_list_lost) tell_change();
  arm();
}

void Detector::look_again() {
  for (const auto& [name, entry] : entries_) {
    const net::TimePoint earliest =
        entry->asked ? *entry->asked + jittered(options_.gap_min) : loop_.now();
    entry->next = std::min(entry->next, std::max(earliest, loop_.now()));
  }
  arm();
}

bool Detector::look_now(std::string_view provider, std::function<void()> on_known) {
  const auto found = entries_.find(provider);
  if (found == entries_.end() || is_stopped_) {
    if (on_known) on_known();
    return false;
  }
  if (on_known) found->second->waiting.push_back(std::move(on_known));
  if (found->second->is_under_way) {
    found->second->is_asked_again = true;
  } else {
    start_look(found->second);
  }
  return true;
}

void Detector::stop(std::function<void()> on_idle) {
  is_stopped_ = true;
  next_.disarm();
  on_idle_ = std::move(on_idle);
  const auto all = std::move(entries_);
  for (const auto& [name, entry] : all) entry->cancellation.cancel();
  if (tasks_.running() == 0) std::exchange(on_idle_, nullptr)();
}

config::Looks Detector::looks() const {
  const std::lock_guard lock(looks_mutex_);
  return looks_;
}

// ---- when -----------------------------------------------------------------------------------

void Detector::arm() {
  next_.disarm();
  std::optional<net::TimePoint> soonest;
  for (const auto& [name, entry] : entries_) {
    if (!entry->is_under_way) soonest = std::min(soonest.value_or(entry->next), entry->next);
  }
  if (soonest && *soonest != net::TimePoint::max()) loop_.arm_exact(next_, *soonest);
}

void Detector::ask_those_due() {
  const net::TimePoint now = loop_.now();
  const auto entries = entries_;  // a look that ends at once may bring another snapshot
  for (const auto& [name, entry] : entries) {
    if (!entry->is_under_way && entry->is_current && entry->next <= now) start_look(entry);
  }
  arm();
}

/// Longer by up to the jitter, so that the gap holds and many gateways don't ask at once.
net::Duration Detector::jittered(net::Duration wait) {
  return wait + wait * random_.uniform(0, options_.jitter_permille) / 1000;
}

net::Duration Detector::wait_after(bool was_answered) {
  const net::Duration spread = interval_ * options_.jitter_permille / 1000;
  const net::Duration regular = was_answered ? jittered(interval_ - spread / 2) : options_.gap_min;
  return std::max(regular, jittered(options_.gap_min));
}

// ---- asking ---------------------------------------------------------------------------------

void Detector::start_look(const std::shared_ptr<Entry>& entry) {
  entry->is_under_way = true;
  entry->asked = loop_.now();
  {
    const std::lock_guard lock(looks_mutex_);
    config::Look& look = looks_[entry->listing.provider];
    ++look.count;
    look.asked_unix_ms = wall_.unix_ms();
  }
  tasks_.spawn(look(entry));
}

net::Task<void> Detector::look(std::shared_ptr<Entry> entry) {
  ListResult result = co_await ask_for_models(loop_, exchanges_, entry->listing, entry->list, true,
                                              entry->cancellation);
  entry->is_under_way = false;
  if (is_stopped_) {
    entry->tell_waiting();
    // The task itself counts as running until it has returned.
    loop_.post([this] {
      if (tasks_.running() == 0 && on_idle_) std::exchange(on_idle_, nullptr)();
    });
    co_return;
  }
  if (entry->is_current) note(*entry, std::move(result));
  const bool is_asked_again = std::exchange(entry->is_asked_again, false);
  if (is_asked_again && entry->is_current) {
    start_look(entry);
  } else {
    entry->tell_waiting();
  }
  arm();
}

void Detector::note(Entry& entry, ListResult result) {
  entry.next = *entry.asked + wait_after(result.has_value());
  if (result) {
    auto list = std::make_shared<const config::DetectedList>(*result);
    const bool is_other = !entry.list || *entry.list != *list;
    if (is_other) entry.list = std::move(list);
    if (is_other) tell_change();
  }
  // Last: who sees that it was answered may ask for what it told.
  const std::lock_guard lock(looks_mutex_);
  config::Look& look = looks_[entry.listing.provider];
  look.error = result ? std::string() : result.error().message;
  if (result) look.answered_unix_ms = wall_.unix_ms();
}

void Detector::tell_change() {
  config::DetectedModels all;
  for (const auto& [name, entry] : entries_) {
    if (entry->list) all.emplace(name, entry->list);
  }
  on_change_(std::move(all));
}

}  // namespace weir::engine
