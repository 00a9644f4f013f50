// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "guard/rules.hpp"

namespace weir::guard {

/// Looks at one text that comes piece by piece, and lets through what no rule is about. Holds back
/// so much of its end that a finding which begins there can't have gone out by half; the memory is
/// bounded by that and by the longest piece.
class TextFilter {
 public:
  /// `rules` outlives the filter; `side` is not `both`.
  TextFilter(const Rules& rules, Side side);

  /// Appends what may go on to `out`. False: a rule stopped the text; nothing more may be fed.
  bool feed(std::string_view piece, std::string& out);
  /// The text is over.
  bool finish(std::string& out);

  /// The rule that stopped it; null: none.
  [[nodiscard]] const Rule* stopped_by() const noexcept { return stopped_by_; }
  [[nodiscard]] bool has_changed() const noexcept { return has_changed_; }
  /// What is beyond the longest that is allowed was cut off.
  [[nodiscard]] bool is_cut() const noexcept { return is_cut_; }
  [[nodiscard]] bool is_holding() const noexcept { return from_ < text_.size(); }

 private:
  bool look(bool is_over, std::string& out);
  bool pass(std::string_view text, std::string& out);
  void forget();

  const Rules& rules_;
  Side side_;
  Rules::LengthLimit limit_;
  std::string text_;      ///< what is held, and before it a little of what went on
  std::size_t from_ = 0;  ///< where in it begins what has not gone on
  std::int64_t characters_ = 0;
  const Rule* stopped_by_ = nullptr;
  bool has_changed_ = false;
  bool is_cut_ = false;
};

}  // namespace weir::guard
