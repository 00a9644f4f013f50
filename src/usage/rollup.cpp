// SPDX-License-Identifier: Apache-2.0
#include "usage/rollup.hpp"

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "ledger/windows.hpp"

namespace weir::usage {
namespace {

constexpr std::int64_t us_per_ms = 1000;

std::string joined(std::vector<std::string> tags) {
  if (tags.empty()) return {};
  std::sort(tags.begin(), tags.end());
  tags.erase(std::unique(tags.begin(), tags.end()), tags.end());
  std::string text;
  for (const std::string& tag : tags) {
    if (tag.empty() || tag.find(tag_separator) != std::string::npos) continue;
    if (!text.empty()) text += tag_separator;
    text += tag;
  }
  return text;
}

/// The model that answered: its id at the provider, where an attempt at it is written down.
std::string_view model_of(const ledger::CallRecord& call) {
  for (auto attempt = call.attempts.rbegin(); attempt != call.attempts.rend(); ++attempt) {
    if (attempt->target == call.target) return attempt->model;
  }
  const auto slash = call.target.find('/');
  if (slash == std::string::npos) return call.model;
  return std::string_view(call.target).substr(slash + 1);
}

void add_tokens(const wire::Usage& usage, Figures& figures) {
  figures.input += usage.input;
  figures.input_cache_read += usage.input_cache_read;
  figures.input_cache_write += usage.input_cache_write + usage.input_cache_write_1h;
  figures.output += usage.output;
  figures.output_reasoning += usage.output_reasoning;
}

Figures figures_of(const ledger::AttemptRecord& attempt) {
  Figures figures;
  figures.attempts = 1;
  if (attempt.failure != "ok") figures.failures[attempt.failure] = 1;
  figures.estimated = attempt.has(ledger::flag::estimated) ? 1 : 0;
  figures.cost = attempt.cost_nanousd;
  figures.exposure = attempt.exposure_nanousd;
  if (attempt.has(ledger::flag::charged)) add_tokens(attempt.usage, figures);
  return figures;
}

/// Of the call itself, without its times.
Figures figures_of(const ledger::CallRecord& call, const Alternatives& alternatives) {
  Figures figures;
  figures.requests = 1;
  const bool is_good = call.outcome == ledger::Outcome::completed ||
                       call.outcome == ledger::Outcome::cancelled_client;
  figures.errors = is_good ? 0 : 1;
  figures.cost = call.cost_nanousd;
  figures.exposure = call.exposure_nanousd;
  add_tokens(call.usage, figures);
  figures.cheapest = alternatives.cheapest;
  figures.dearest = alternatives.dearest;
  figures.cache_savings = alternatives.uncached - call.cost_nanousd;
  return figures;
}

void add_times(const ledger::CallRecord& call, Figures& figures) {
  if (call.outcome != ledger::Outcome::unknown && call.ended_ms >= call.started_ms) {
    figures.latency.add(health::bucket_of((call.ended_ms - call.started_ms) * us_per_ms), 1);
  }
  if (call.first_content_ms > 0) {
    figures.first_content.add(health::bucket_of(call.first_content_ms * us_per_ms), 1);
  }
}

/// What the attempts have told is theirs.
void take_away(const Figures& attempt, Figures& call) {
  call.input -= attempt.input;
  call.input_cache_read -= attempt.input_cache_read;
  call.input_cache_write -= attempt.input_cache_write;
  call.output -= attempt.output;
  call.output_reasoning -= attempt.output_reasoning;
  call.cost -= attempt.cost;
  call.exposure -= attempt.exposure;
}

}  // namespace

void Rollup::set(Dimension dimension, std::string_view value) {
  std::string& label = key_.labels[static_cast<std::size_t>(dimension)];
  if (label == value) return;  // mostly it is that of the call before
  label = value;
  sum_ = nullptr;
}

Figures& Rollup::sum_of(std::string_view provider, std::string_view model) {
  set(Dimension::provider, provider);
  set(Dimension::model, model);
  if (sum_ == nullptr) sum_ = &sums_[key_];
  return *sum_;
}

void Rollup::add(const ledger::CallRecord& call, const Alternatives& alternatives) {
  ledger::add_windows(call,
                      [this](const std::string& id) -> policy::WindowUse& { return windows_[id]; });
  const std::int64_t hour_start_ms = call.ended_ms - call.ended_ms % hour_ms;
  if (std::exchange(key_.hour_start_ms, hour_start_ms) != hour_start_ms) sum_ = nullptr;
  set(Dimension::key, call.key);
  set(Dimension::user, call.user);
  set(Dimension::team, call.team);
  set(Dimension::organisation, call.organisation);
  set(Dimension::tag, joined(call.tags));
  set(Dimension::task, call.task);
  set(Dimension::route, call.route);
  set(Dimension::outcome, ledger::name(call.outcome));
  // What the list of attempts does not explain, since it was cut say, stays with the call.
  Figures rest = figures_of(call, alternatives);
  for (const ledger::AttemptRecord& attempt : call.attempts) {
    const Figures figures = figures_of(attempt);
    take_away(figures, rest);
    sum_of(attempt.provider, attempt.model) += figures;
  }
  // Mostly the last attempt is the one that answered, and its sum is at hand.
  Figures& sum = sum_of(call.provider, model_of(call));
  sum += rest;
  add_times(call, sum);
}

std::size_t Rollup::KeyHash::operator()(const Key& key) const noexcept {
  auto hash = static_cast<std::uint64_t>(key.hour_start_ms);
  for (const std::string& text : key.labels) {
    hash = mixed(hash + (text.empty() ? 0 : std::hash<std::string_view>()(text)));
  }
  return hash;
}

}  // namespace weir::usage
