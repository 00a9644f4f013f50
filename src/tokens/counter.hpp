// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tokens/text_features.hpp"

/// How many tokens a text is to a model: exactly where the encoding is known, else by an estimate
/// that was fitted to tokenizers of its family.
namespace weir::tokens {

/// How far a count can be trusted.
enum class Method : std::uint8_t {
  exact,      ///< what the model's own tokenizer counts
  estimated,  ///< fitted to the model's tokenizer; the error is in docs/concepts/token-counting.md
  unmeasured  ///< the tokenizer is not public; fitted to the nearest that is
};
std::string_view name_of(Method method) noexcept;

/// Tokenizers with weights of their own.
enum class Tokenizer : std::uint8_t {
  o200k,
  cl100k,
  claude_2,
  gemma_3,
  llama_2,
  llama_3,
  mistral_v3,
  tekken,
  qwen_3,
  deepseek_v3,
};
inline constexpr std::size_t tokenizer_count = 10;

/// Counts for one family of models. Constant, and any thread may use it.
class Counter {
 public:
  constexpr Counter(std::string_view name, Tokenizer tokenizer, Method method)
      : name_(name), tokenizer_(tokenizer), method_(method) {}

  /// Tokens of `text`, at least 1 where it is not empty; what would be a special token counts as
  /// plain text, as it is sent. Bytes that are no UTF-8 count as signs.
  /// Cost: exact above 10 MB/s after the first use, which takes about 50 ms; else as `estimate`.
  [[nodiscard]] std::int64_t count(std::string_view text) const;
  /// The same by estimate only: far above 50 MB/s, and nothing to load.
  [[nodiscard]] std::int64_t estimate(std::string_view text) const;
  [[nodiscard]] std::int64_t estimate(const TextFeatures& features) const;

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] Tokenizer tokenizer() const noexcept { return tokenizer_; }
  [[nodiscard]] Method method() const noexcept { return method_; }

 private:
  std::string_view name_;
  Tokenizer tokenizer_;
  Method method_;
};

/// The counter for `model` (an id as a provider calls it, with or without a vendor before a slash)
/// at a provider of this type (`openai`, `anthropic` ...; may be empty). Always answers; for the
/// unknown with `Method::unmeasured`.
const Counter& counter_for(std::string_view provider, std::string_view model) noexcept;

/// Counts a text that comes in pieces, such as a streamed answer.
///
/// The same figure as `count` of the whole however it is cut, except where one word, number or run
/// of signs exceeds `pending_bytes_max`; then a few tokens more. Bounded memory.
class StreamCounter {
 public:
  static constexpr std::size_t pending_bytes_max = std::size_t{64} << 10;

  explicit StreamCounter(const Counter& counter) : counter_(&counter) {}

  void feed(std::string_view piece);
  /// Of all that was fed: at least 1 when that was not empty.
  [[nodiscard]] std::int64_t total() const;

 private:
  void settle();

  const Counter* counter_;
  TextFeatures features_;
  std::string pending_;
  std::size_t settle_at_ = 256;  ///< bytes pending that make it worth to look for settled pieces
  std::int64_t settled_ = 0;
};

}  // namespace weir::tokens
