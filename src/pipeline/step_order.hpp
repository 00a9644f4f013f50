// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/random.hpp"
#include "pipeline/call.hpp"

namespace weir::pipeline {

/// The targets of one step in the order of its strategy (F-1), each found as it is asked for.
///
/// Most requests are served by the first, so that it alone is looked for, in one pass over the
/// step; those behind it are put into a heap when somebody asks for the second.
class StepOrder {
 public:
  /// All that is referred to outlives this.
  StepOrder(const Call& call, const Operation& operation, Random& random, std::int64_t unix_ms)
      : call_(call), operation_(operation), random_(random), unix_ms_(unix_ms) {}

  /// Begins with the targets of `step`, which outlives this.
  void begin(const Step& step);
  [[nodiscard]] bool is_done() const { return step_ == nullptr || taken_ == step_->targets.size(); }
  /// The next one. Precondition: !is_done().
  const Target& take();

 private:
  /// The lower, the earlier.
  struct Score {
    double value = 0;
    std::uint64_t among_equals = 0;
    bool operator<(const Score& other) const {
      return value != other.value ? value < other.value : among_equals < other.among_equals;
    }
  };
  struct Ranked {
    Score score;
    std::size_t turn = 0;
    /// For a heap, which has the greatest on top.
    bool operator<(const Ranked& other) const {
      if (other.score < score) return true;
      return !(score < other.score) && other.turn < turn;
    }
  };

  [[nodiscard]] const Target& at(std::size_t turn) const;
  [[nodiscard]] std::size_t first();
  [[nodiscard]] std::size_t lowest() const;
  [[nodiscard]] std::int64_t fair_share() const;
  [[nodiscard]] std::size_t drawn_by_weight();
  [[nodiscard]] std::size_t faster_of_two();
  void rank_all_but(std::size_t turn);
  template <class Use>
  void with_score(const Use& use) const;

  const Call& call_;
  const Operation& operation_;
  Random& random_;
  std::int64_t unix_ms_;
  const Step* step_ = nullptr;
  std::size_t taken_ = 0;
  std::size_t offset_ = 0;       ///< place in the step of the one whose turn comes first
  std::size_t first_ = 0;        ///< the turn that was taken first
  std::int64_t fair_share_ = 0;  ///< of the running requests; sticky
  std::vector<Ranked> rest_;     ///< a heap
};

/// What this request may cost at `target`, in nano-dollars; the answer's length is a guess where
/// the client did not limit it. Nothing: no price is known.
std::optional<std::int64_t> expected_cost(const Target& target, const Operation& operation);

}  // namespace weir::pipeline
