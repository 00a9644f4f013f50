// SPDX-License-Identifier: Apache-2.0
#include "tokens/counter.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "tokens/byte_pairs.hpp"
#include "tokens/embedded.hpp"
#include "tokens/splitter.hpp"

namespace weir::tokens {
namespace {

using Weights = std::array<float, TextFeatures::feature_count>;

// One row for each Tokenizer, one column for each Feature.
// clang-format off
constexpr std::array<Weights, tokenizer_count> weights{{
#include "tokens/weights.inc"
}};
// clang-format on

struct Encoding {
  Vocabulary vocabulary;
  SplitRule rule;
};

/// The table behind an exact counter, unpacked when it is first asked for.
const Encoding& encoding_of(Tokenizer tokenizer) {
  if (tokenizer == Tokenizer::cl100k) {
    static const Encoding cl100k{Vocabulary(embedded::cl100k_base()), SplitRule::cl100k};
    return cl100k;
  }
  static const Encoding o200k{Vocabulary(embedded::o200k_base()), SplitRule::o200k};
  return o200k;
}

}  // namespace

std::string_view name_of(Method method) noexcept {
  switch (method) {
    case Method::exact:
      return "exact";
    case Method::estimated:
      return "estimated";
    case Method::unmeasured:
      return "unmeasured";
  }
  return {};
}

std::int64_t Counter::count(std::string_view text) const {
  if (method_ != Method::exact) return estimate(text);
  const Encoding& encoding = encoding_of(tokenizer_);
  Splitter splitter(encoding.rule, text);
  BytePairs pairs(encoding.vocabulary);
  std::int64_t tokens = 0;
  for (std::string_view piece; splitter.next(piece);) tokens += pairs.count(piece);
  return tokens;
}

std::int64_t Counter::estimate(std::string_view text) const {
  TextFeatures features;
  features.add(text);
  return estimate(features);
}

std::int64_t Counter::estimate(const TextFeatures& features) const {
  if (features.bytes() == 0) return 0;
  const Weights& row = weights[static_cast<std::size_t>(tokenizer_)];
  double tokens = 0;
  for (std::size_t i = 0; i < row.size(); ++i) {
    tokens += static_cast<double>(row[i]) * static_cast<double>(features[i]);
  }
  // Half a character that was cut off is not a whole one: no token is less than a byte.
  const auto most = static_cast<std::int64_t>(features.bytes());
  return std::clamp<std::int64_t>(std::llround(tokens), 1, most);
}

void StreamCounter::feed(std::string_view piece) {
  features_.add(piece);
  if (counter_->method() != Method::exact) return;
  while (!piece.empty()) {
    const std::size_t room = pending_bytes_max - pending_.size();
    pending_.append(piece.substr(0, room));
    piece.remove_prefix(std::min(room, piece.size()));
    if (pending_.size() >= settle_at_) settle();
  }
}

/// Counts the pieces that no further text can change.
void StreamCounter::settle() {
  const Encoding& encoding = encoding_of(counter_->tokenizer());
  Splitter splitter(encoding.rule, pending_);
  BytePairs pairs(encoding.vocabulary);
  std::size_t end = 0;
  const bool is_full = pending_.size() == pending_bytes_max;
  for (std::string_view piece; splitter.next(piece) && !splitter.has_seen_end();) {
    settled_ += pairs.count(piece);
    end = splitter.position();
  }
  if (is_full && end == 0) {
    settled_ += counter_->count(pending_);
    end = pending_.size();
  }
  pending_.erase(0, end);
  // A long piece is looked through again only when it has doubled.
  constexpr std::size_t settle_bytes_min = 256;
  settle_at_ = std::clamp(pending_.size() * 2, settle_bytes_min, pending_bytes_max);
}

std::int64_t StreamCounter::total() const {
  if (counter_->method() != Method::exact) return counter_->estimate(features_);
  return settled_ + counter_->count(pending_);
}

}  // namespace weir::tokens
