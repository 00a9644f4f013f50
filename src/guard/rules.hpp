// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/redaction.hpp"
#include "weir/result.hpp"

/// What may stand in questions and answers: rules of an operator's own, and what they find.
namespace weir::guard {

enum class Side : std::uint8_t { both, input, output };
enum class Action : std::uint8_t { block, mask };

/// One rule, as it is written. It finds by each of its ways.
struct RuleSpec {
  std::string name;  ///< what a refusal calls it
  Side on = Side::both;
  Action action = Action::block;
  std::string with = "[removed]";  ///< what a mask writes in the place of what was found
  std::vector<std::string> words;  ///< whole words, whatever their case
  std::string pattern;             ///< a regular expression of RE2, so of linear time
  policy::PersonalKinds personal;
  /// Characters of one text of a request, or of all text of an answer; 0 = any number. A mask cuts
  /// off what is beyond.
  std::int64_t length_max = 0;
};

/// A rule made ready.
struct Rule;

/// Where something stands that a rule is about.
struct Finding {
  std::size_t begin = 0;
  std::size_t end = 0;
  const Rule* rule = nullptr;
};

/// The rules of one route, compiled. Immutable, for any thread.
class Rules {
 public:
  /// Errors: `invalid_request`: a pattern that is none, or that finds nothing at all everywhere; a
  /// rule that looks for nothing.
  static Result<std::shared_ptr<const Rules>> compile(std::vector<RuleSpec> specs);
  ~Rules();

  /// True when there is a rule for `side`, which is not `both`.
  [[nodiscard]] bool has(Side side) const;

  struct Findings {
    std::optional<Finding> blocking;  ///< of those by rules that block the one that ends first
    std::vector<Finding> masked;      ///< the others, in order and without overlap
  };
  /// What the rules for `side` find in `text` from `from` on; what stands before is only looked at
  /// as the neighbour of what follows.
  [[nodiscard]] Findings find(Side side, std::string_view text, std::size_t from = 0) const;

  struct LengthLimit {
    std::int64_t characters = 0;  ///< 0 = none
    const Rule* rule = nullptr;
  };
  /// The smallest of those for `side`.
  [[nodiscard]] LengthLimit length_limit(Side side) const;

  /// How many bytes of a stream have to be known behind a byte before that may go out.
  [[nodiscard]] std::size_t look_back() const noexcept { return look_back_; }

 private:
  explicit Rules(std::vector<Rule> rules);
  std::vector<Rule> rules_;
  std::size_t look_back_ = 0;
};

[[nodiscard]] bool is_blocking(const Rule& rule) noexcept;
[[nodiscard]] const std::string& name_of(const Rule& rule) noexcept;
[[nodiscard]] const std::string& mask_of(const Rule& rule) noexcept;

/// What a client is told whose question or answer `rule` stopped.
[[nodiscard]] std::string refusal_text(const Rule& rule);

}  // namespace weir::guard
