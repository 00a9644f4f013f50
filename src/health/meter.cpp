// SPDX-License-Identifier: Apache-2.0
#include "health/meter.hpp"

namespace weir::health {
namespace {

using policy::failure_class_count;
using policy::FailureClass;

constexpr auto relaxed = std::memory_order_relaxed;

std::size_t place_of(FailureClass failure) { return static_cast<std::size_t>(failure); }

/// Somebody's but the caller's.
bool is_blamed(FailureClass failure) {
  using policy::Fault;
  const Fault fault = policy::traits(failure).fault;
  return fault == Fault::provider || fault == Fault::network || fault == Fault::key ||
         fault == Fault::model;
}

std::uint64_t amount(std::int64_t value) {
  return value > 0 ? static_cast<std::uint64_t>(value) : 0;
}

}  // namespace

// ---- Counts ---------------------------------------------------------------------------------

Counts& Counts::operator+=(const Counts& other) {
  for (std::size_t i = 0; i < ends.size(); ++i) ends[i] += other.ends[i];
  latency_us += other.latency_us;
  first_content_us += other.first_content_us;
  output_tokens += other.output_tokens;
  generating_us += other.generating_us;
  cost_nanousd += other.cost_nanousd;
  return *this;
}

Counts Counts::since(const Counts& before) const {
  Counts gained = *this;
  for (std::size_t i = 0; i < ends.size(); ++i) gained.ends[i] -= before.ends[i];
  gained.latency_us -= before.latency_us;
  gained.first_content_us -= before.first_content_us;
  gained.output_tokens -= before.output_tokens;
  gained.generating_us -= before.generating_us;
  gained.cost_nanousd -= before.cost_nanousd;
  return gained;
}

std::uint64_t Counts::successes() const { return ends[place_of(FailureClass::ok)]; }

std::uint64_t Counts::failures() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    if (is_blamed(static_cast<FailureClass>(i))) sum += ends[i];
  }
  return sum;
}

std::uint64_t Counts::others() const {
  std::uint64_t sum = 0;
  for (const std::uint64_t count : ends) sum += count;
  return sum - successes() - failures();
}

// ---- Figures --------------------------------------------------------------------------------

Figures& Figures::operator+=(const Figures& other) {
  counts += other.counts;
  latency += other.latency;
  first_content += other.first_content;
  return *this;
}

Figures Figures::since(const Figures& before) const {
  return {counts.since(before.counts), latency.since(before.latency),
          first_content.since(before.first_content)};
}

std::optional<double> Figures::success_rate() const {
  const std::uint64_t good = counts.successes();
  const std::uint64_t judged = good + counts.failures();
  if (judged == 0) return std::nullopt;
  return static_cast<double>(good) / static_cast<double>(judged);
}

std::optional<double> Figures::tokens_per_second() const {
  if (counts.generating_us == 0) return std::nullopt;
  return static_cast<double>(counts.output_tokens) * 1e6 /
         static_cast<double>(counts.generating_us);
}

void Figures::encode(std::string& out) const {
  // The number of classes goes first, so that a later program with more of them can read it.
  append_varint(out, counts.ends.size());
  for (const std::uint64_t count : counts.ends) append_varint(out, count);
  for (const std::uint64_t sum : {counts.latency_us, counts.first_content_us, counts.output_tokens,
                                  counts.generating_us, counts.cost_nanousd}) {
    append_varint(out, sum);
  }
  latency.encode(out);
  first_content.encode(out);
}

bool Figures::decode(std::string_view& bytes) {
  *this = Figures();
  std::uint64_t classes = 0;
  if (!take_varint(bytes, classes) || classes > counts.ends.size()) return false;
  for (std::size_t i = 0; i < classes; ++i) {
    if (!take_varint(bytes, counts.ends[i])) return false;
  }
  for (std::uint64_t* sum : {&counts.latency_us, &counts.first_content_us, &counts.output_tokens,
                             &counts.generating_us, &counts.cost_nanousd}) {
    if (!take_varint(bytes, *sum)) return false;
  }
  return latency.decode(bytes) && first_content.decode(bytes);
}

// ---- Meter ----------------------------------------------------------------------------------

void Meter::note(const AttemptFigures& attempt) {
  ends_[place_of(attempt.failure)].fetch_add(1, relaxed);
  if (attempt.cost_nanousd > 0) cost_nanousd_.fetch_add(amount(attempt.cost_nanousd), relaxed);
  if (attempt.first_content) {
    first_content_us_.fetch_add(amount(attempt.first_content->count()), relaxed);
    first_content_.add(attempt.first_content->count());
  }
  if (attempt.failure != FailureClass::ok) return;
  latency_us_.fetch_add(amount(attempt.duration.count()), relaxed);
  latency_.add(attempt.duration.count());
  if (attempt.generating <= microseconds(0)) return;
  output_tokens_.fetch_add(amount(attempt.output_tokens), relaxed);
  generating_us_.fetch_add(amount(attempt.generating.count()), relaxed);
}

Figures Meter::read() const {
  Figures figures;
  for (std::size_t i = 0; i < failure_class_count; ++i) {
    figures.counts.ends[i] = ends_[i].load(relaxed);
  }
  figures.counts.latency_us = latency_us_.load(relaxed);
  figures.counts.first_content_us = first_content_us_.load(relaxed);
  figures.counts.output_tokens = output_tokens_.load(relaxed);
  figures.counts.generating_us = generating_us_.load(relaxed);
  figures.counts.cost_nanousd = cost_nanousd_.load(relaxed);
  figures.latency = latency_.read();
  figures.first_content = first_content_.read();
  return figures;
}

}  // namespace weir::health
