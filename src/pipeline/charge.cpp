// SPDX-License-Identifier: Apache-2.0
#include "pipeline/charge.hpp"

#include <algorithm>
#include <chrono>

namespace weir::pipeline {
namespace {

/// S-11.8: more than this of what was to be expected is worth a look.
constexpr std::int64_t odd_factor = 4;
constexpr std::int64_t odd_input_allowance = 10'000;

bool is_impossible(const Target& target, const Operation& operation, const wire::Usage& usage) {
  if (usage.is_impossible) return true;
  const std::int64_t windows = operation.windows();
  if (target.context_tokens <= 0 || windows <= 0) return false;
  return usage.input_total() > target.context_tokens ||
         (usage.output_total() - 1) / windows >= target.context_tokens;
}

bool is_odd(const Target& target, const Operation& operation, const wire::Usage& usage) {
  const std::int64_t output_max = target.traits.output_tokens_max;
  if (output_max > 0 && usage.output_total() > odd_factor * output_max) return true;
  const std::int64_t estimate = operation.input_tokens_estimate();
  return estimate > 0 && usage.input_total() > odd_factor * estimate + odd_input_allowance;
}

}  // namespace

wire::Usage usage_estimate(const Operation& operation, const RelayFacts& facts,
                           std::uint64_t bytes_before) {
  wire::Usage usage;
  usage.input = operation.input_tokens_estimate();
  if (!facts.has_content) return usage;
  const std::uint64_t bytes = facts.content_bytes - std::min(facts.content_bytes, bytes_before);
  usage.output = std::max<std::int64_t>(1, tokens_estimate(bytes));
  return usage;
}

Charge charge(const Target& target, const Operation& operation,
              const std::optional<wire::Usage>& told, const wire::Usage& estimate,
              std::int64_t unix_ms) {
  Charge out;
  out.flags.impossible = told && is_impossible(target, operation, *told);
  out.is_estimated = !told || out.flags.impossible;
  out.usage = out.is_estimated ? estimate : *told;
  out.flags.odd = !out.is_estimated && is_odd(target, operation, *told);
  const providers::PriceConditions conditions{
      .at = std::chrono::sys_seconds(std::chrono::seconds(unix_ms / 1000))};
  const providers::Bill bill = providers::bill(target.prices, out.usage, conditions);
  out.nanousd = bill.nanousd;
  out.flags.unpriced = bill.is_unpriced;
  out.flags.price_told = bill.is_told;
  return out;
}

}  // namespace weir::pipeline
