// SPDX-License-Identifier: Apache-2.0
#include "pipeline/step_order.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "base/money.hpp"

namespace weir::pipeline {
namespace {

constexpr double last_of_all = std::numeric_limits<double>::infinity();

template <class Value>
Value value_of(const std::atomic<Value>& counter) {
  return counter.load(std::memory_order_relaxed);
}

/// Its server has said so, or doesn't answer when it is asked.
bool is_unwell(const Target& target) { return value_of(target.upstream->counters->is_unwell); }

/// How long an answer is expected to wait at `target`, in microseconds: its usual time to the first
/// content, once more for each request that waits there, and ten seconds for each failure to come.
/// A failure is forgotten by half each minute, so that a target which had a bad time is tried
/// again.
double expected_wait_us(const Target& target, std::int64_t unix_ms) {
  constexpr double failure_costs_us = 10e6;
  constexpr double half_life_ms = 60e3;
  const TrafficCounters& counters = *target.counters;
  if (is_unwell(target)) return last_of_all;
  const std::int64_t queued = value_of(target.upstream->counters->queued);
  const double usual =
      static_cast<double>(value_of(counters.first_content_us)) * static_cast<double>(1 + queued);
  const std::int64_t failing = value_of(counters.failing_permille);
  if (failing == 0) return usual;
  const std::int64_t since =
      std::max<std::int64_t>(0, unix_ms - value_of(counters.last_failure_ms));
  const double fresh = std::exp2(-static_cast<double>(since) / half_life_ms);
  return usual + static_cast<double>(failing) / 1000 * fresh * failure_costs_us;
}

std::int64_t output_tokens_expected(const Operation& operation) {
  constexpr std::int64_t output_guess = 500;
  const std::int64_t wanted = operation.output_tokens_wanted();
  return wanted > 0 ? wanted : output_guess;
}

/// A chance that is never 0.
double chance(Random& random) {
  constexpr double smallest = 0x1p-53;
  return static_cast<double>((random.next() >> 11U) + 1) * smallest;
}

}  // namespace

std::optional<std::int64_t> expected_cost(const Target& target, const Operation& operation) {
  if (target.upstream->is_local) return 0;
  const auto input = target.prices.of(providers::PriceKind::input);
  const auto output = target.prices.of(providers::PriceKind::output);
  if (!input || !output) return std::nullopt;
  CostSum sum;
  sum.add(operation.input_tokens_estimate(), *input);
  sum.add(output_tokens_expected(operation), *output);
  const auto total = sum.total();
  if (!total) return std::nullopt;
  return total->count();
}

/// Calls `use` with what scores a target by the step's strategy.
template <class Use>
void StepOrder::with_score(const Use& use) const {
  switch (step_->strategy) {
    case Strategy::priority:
    case Strategy::round_robin:
      return use([](const Target&) { return Score{}; });
    case Strategy::weighted:
      // The smallest of such numbers is each target's with the chance that its weight gives it,
      // and so is the next among those left (Efraimidis and Spirakis, "Weighted random sampling
      // with a reservoir").
      return use([&](const Target& target) {
        return Score{target.weight > 0
                         ? -std::log(chance(random_)) / static_cast<double>(target.weight)
                         : last_of_all};
      });
    case Strategy::least_recently_used:
      return use([](const Target& target) {
        return Score{static_cast<double>(value_of(target.counters->last_used_ms))};
      });
    case Strategy::least_latency:
      return use([](const Target& target) {
        return Score{static_cast<double>(value_of(target.counters->first_content_us))};
      });
    case Strategy::least_cost:
      // Sums of products as they are: rounding each to a nano-dollar would take half the time.
      return use(
          [input = static_cast<double>(operation_.input_tokens_estimate()),
           output = static_cast<double>(output_tokens_expected(operation_))](const Target& target) {
            if (target.upstream->is_local) return Score{};
            const auto input_price = target.prices.base.stated(providers::PriceKind::input);
            const auto output_price = target.prices.base.stated(providers::PriceKind::output);
            if (!input_price || !output_price) return Score{last_of_all};
            return Score{input * static_cast<double>(input_price->nano_per_million()) +
                         output * static_cast<double>(output_price->nano_per_million())};
          });
    case Strategy::least_busy:
      // Requests of ours that run there, and those of anyone that wait at a server which tells of
      // them; of equals the one with more room in its KV cache.
      return use([](const Target& target) {
        if (is_unwell(target)) return Score{last_of_all};
        const TrafficCounters& server = *target.upstream->counters;
        const std::int32_t busy = value_of(target.counters->in_flight) + value_of(server.queued);
        const std::int32_t cache_used = value_of(server.cache_permille);
        return Score{static_cast<double>(busy),
                     static_cast<std::uint64_t>(std::max(0, cache_used))};
      });
    case Strategy::health:
      return use([unix_ms = unix_ms_](const Target& target) {
        return Score{expected_wait_us(target, unix_ms)};
      });
    case Strategy::sticky:
      // Requests that begin alike go to the same target, whichever others come and go (rendezvous
      // hashing). One that has its share already comes last.
      return use([share = fair_share_, hash = operation_.prefix_hash()](const Target& target) {
        const bool is_full = value_of(target.counters->in_flight) >= share;
        return Score{is_full ? 1.0 : 0.0, mixed(hash ^ target.name_hash)};
      });
  }
}

void StepOrder::begin(const Step& step) {
  step_ = &step;
  taken_ = 0;
  offset_ = 0;
  const std::size_t count = step.targets.size();
  if (count < 2) return;
  if (step.strategy == Strategy::round_robin) {
    offset_ = call_.route->turn->fetch_add(1, std::memory_order_relaxed) % count;
  }
  // Equals take turns.
  if (step.strategy == Strategy::least_busy) offset_ = random_.next() % count;
  if (step.strategy == Strategy::sticky) fair_share_ = fair_share();
}

const Target& StepOrder::take() {
  WEIR_ASSERT(!is_done());
  const std::size_t turn = taken_++;
  const bool is_as_it_stands =
      step_->strategy == Strategy::priority || step_->strategy == Strategy::round_robin;
  if (is_as_it_stands || step_->targets.size() == 1) return at(turn);
  if (turn == 0) {
    first_ = first();
    return at(first_);
  }
  if (turn == 1) rank_all_but(first_);
  std::pop_heap(rest_.begin(), rest_.end());
  const std::size_t found = rest_.back().turn;
  rest_.pop_back();
  return at(found);
}

const Target& StepOrder::at(std::size_t turn) const {
  const std::size_t count = step_->targets.size();
  const std::size_t place = turn + offset_;
  return *step_->targets[place < count ? place : place - count];
}

std::size_t StepOrder::first() {
  switch (step_->strategy) {
    case Strategy::weighted:
      return drawn_by_weight();
    case Strategy::least_latency:
      return faster_of_two();
    default:
      return lowest();
  }
}

std::size_t StepOrder::lowest() const {
  const auto& targets = step_->targets;
  std::size_t lowest = offset_;
  with_score([&](const auto& score) {
    Score best = score(*targets[offset_]);
    const auto look = [&](std::size_t begin, std::size_t end) {
      for (std::size_t place = begin; place < end; ++place) {
        const Score own = score(*targets[place]);
        if (!(own < best)) continue;
        best = own;
        lowest = place;
      }
    };
    look(offset_ + 1, targets.size());
    look(0, offset_);
  });
  return lowest >= offset_ ? lowest - offset_ : lowest + targets.size() - offset_;
}

/// A quarter more than a target's share of the running requests: a popular beginning must not
/// starve the others or drown its own.
std::int64_t StepOrder::fair_share() const {
  std::int64_t all = 1;
  for (const auto& target : step_->targets) all += value_of(target->counters->in_flight);
  const auto count = static_cast<std::int64_t>(step_->targets.size());
  return (all * 5 + count * 4 - 1) / (count * 4);
}

std::size_t StepOrder::drawn_by_weight() {
  std::int64_t all = 0;
  for (const auto& target : step_->targets) all += target->weight;
  if (all <= 0) return 0;
  std::int64_t ticket = random_.uniform(0, all - 1);
  std::size_t drawn = 0;
  while (ticket >= step_->targets[drawn]->weight) ticket -= step_->targets[drawn++]->weight;
  return drawn;
}

/// Of two drawn at random the faster comes first, so that the fastest does not get everything and
/// be slow for it; those not measured yet are faster than any.
std::size_t StepOrder::faster_of_two() {
  const auto last = static_cast<std::int64_t>(step_->targets.size()) - 1;
  const auto one = static_cast<std::size_t>(random_.uniform(0, last));
  auto two = static_cast<std::size_t>(random_.uniform(0, last - 1));
  if (two >= one) ++two;
  const bool is_one =
      value_of(at(one).counters->first_content_us) <= value_of(at(two).counters->first_content_us);
  return is_one ? one : two;
}

void StepOrder::rank_all_but(std::size_t taken) {
  rest_.clear();
  rest_.reserve(step_->targets.size() - 1);
  with_score([&](const auto& score) {
    for (std::size_t turn = 0; turn < step_->targets.size(); ++turn) {
      if (turn != taken) rest_.push_back({score(at(turn)), turn});
    }
  });
  std::make_heap(rest_.begin(), rest_.end());
}

}  // namespace weir::pipeline
