// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/shared_text.hpp"
#include "pipeline/caller.hpp"
#include "policy/limit_set.hpp"

namespace weir::shared_state {

using policy::Duration;
using policy::LimitOwner;
using policy::LimitRule;
using policy::LimitSet;
using policy::LimitUnit;
using policy::Moment;

/// What one request or attempt takes of the limits, before it is known exactly or after.
struct Demand {
  std::int64_t requests = 1;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  bool is_replay = false;  ///< nothing is under way for it, and nothing but requests matters to it

  [[nodiscard]] std::int64_t of(LimitUnit unit) const;
};

/// Why something does not fit.
struct Obstacle {
  LimitUnit unit = LimitUnit::requests;
  std::int64_t limit = 0;
  std::int64_t left = 0;
  Duration window{};
  Duration reset{};  ///< until all of it is there again
  Duration wait{};   ///< until it fits; `policy::never`: it is too much for the limit itself
};

/// A budget has passed one of its marks (U-6).
struct BudgetEvent {
  LimitOwner owner;
  policy::Period period = policy::Period::day;
  std::int64_t window_id = 0;
  std::int32_t permille = 0;  ///< the mark
  std::int64_t spent_nanousd = 0;
  std::int64_t budget_nanousd = 0;
};

/// What was used of the window with this id; nothing: not known, so nothing.
using UsedBefore = std::function<std::optional<policy::WindowUse>(const std::string& id)>;

/// One limit as it stands.
struct LimitStatus {
  LimitOwner owner;
  LimitUnit unit = LimitUnit::requests;
  std::string_view algorithm;  ///< empty of what knows no time
  std::string_view period;     ///< of a quota or budget
  std::string zone;
  Duration window{};
  std::int64_t limit = 0;
  std::int64_t in_force = 0;  ///< less after the provider refused
  std::int64_t used = 0;
  std::int64_t burst = 0;     ///< of a bucket: the most that is left; 0: `in_force`
  std::int64_t reserved = 0;  ///< of a budget: by what is under way
  Duration reset{};
  Duration wait{};  ///< until one more fits
  bool is_hard = true;
};

/// All limits and budgets of one key, user, provider, ... and what is used of them. Its user holds
/// the lock.
class Account {
 public:
  explicit Account(LimitOwner owner) : owner_(std::move(owner)), concurrency_(0) {}

  /// What was counted for a rule goes on to count where the rule is about the same (U-7, H-3), for
  /// quotas and budgets also where there was none in between (U-1).
  void set(const LimitSet& limits, const Moment& now);
  /// It has no limits any more, but their windows are not over.
  [[nodiscard]] bool has_past(const Moment& now) const;
  [[nodiscard]] const LimitOwner& owner() const { return owner_; }
  /// Has memory begin to fetch what `obstacle` will read: among many accounts it is nowhere near.
  void prefetch() const;
  /// The same for `append_windows`; after `prefetch`, which has begun to fetch the list of them.
  void prefetch_windows() const {
    for (const OpenWindow& open : windows_) __builtin_prefetch(open.id.get(), 1);
  }
  [[nodiscard]] bool has_budgets() const { return !budgets_.empty(); }

  /// Nothing: it fits. Of several obstacles the one that lasts longest.
  [[nodiscard]] std::optional<Obstacle> obstacle(const Demand& demand, pipeline::Priority priority,
                                                 bool may_use_last, const Moment& now);
  void take(const Demand& demand, const Moment& now);
  /// What was taken at `taken` was `actual` in the end.
  void settle(const Demand& demand, const Demand& actual, const Moment& taken, const Moment& now);

  /// The same of money.
  [[nodiscard]] std::optional<Obstacle> money_obstacle(std::int64_t nanousd, const Moment& now);
  /// What is left in the tightest of the hard budgets; nothing: there is none.
  [[nodiscard]] std::optional<std::int64_t> money_left(const Moment& now);
  /// The route that calls are to go to, since a budget has passed its soft mark; empty: none.
  [[nodiscard]] std::string_view downgrade(const Moment& now);
  void reserve(std::int64_t nanousd) { reserved_nanousd_ += nanousd; }
  /// Books what was reserved as `nanousd`, in the windows of `since_ms` (U-4).
  void spend(std::int64_t reserved, std::int64_t nanousd, std::int64_t since_ms, const Moment& now,
             std::vector<BudgetEvent>& events);

  [[nodiscard]] bool has_windows() const { return !windows_.empty(); }
  /// When the oldest of them began. Nothing: there are none.
  std::optional<std::int64_t> windows_start_ms(const Moment& now);
  /// Appends the ids of the windows that its quotas and budgets are in (S-11.5).
  void append_windows(std::vector<SharedText>& out, const Moment& now);
  /// Adds what was used before the start of the windows that it is in, as `used` tells it.
  void restore(const UsedBefore& used, const Moment& now);

  /// The provider refused: what is assumed of its rates is too much.
  void shrink(const Moment& now);
  /// It did not.
  void grow(const Moment& now);
  /// The provider tells of its limit itself.
  void heed(LimitUnit unit, std::optional<std::int64_t> limit, std::optional<std::int64_t> left,
            std::optional<Duration> reset, const Moment& now);

  void append_status(std::vector<LimitStatus>& out, const Moment& now);

 private:
  /// What every request asks; its rule stands at the same place in `rules_`.
  struct Meter {
    policy::Limiter limiter;
    policy::TimePoint since;
    std::int64_t in_force = 0;  ///< the rule's limit or less
    LimitUnit unit = LimitUnit::requests;
    bool is_short = true;  ///< no quota
  };
  struct Purse {
    policy::BudgetRule rule;
    policy::CalendarWindow window = {};
    std::int64_t spent = 0;
    std::int64_t ended_ms = 0;       ///< of one that was taken away: when
    std::int32_t told_permille = 0;  ///< the highest mark that was told
    void advance(std::int64_t unix_ms);
    [[nodiscard]] bool has_passed(std::int32_t permille) const {
      return static_cast<Int128>(spent) * 1000 >= static_cast<Int128>(rule.nanousd) * permille;
    }
    [[nodiscard]] std::int64_t left(std::int64_t reserved) const {
      return rule.nanousd - spent - reserved;
    }
  };
  /// A quota that was taken away.
  struct PastQuota {
    LimitRule rule;
    policy::Limiter limiter;
    policy::CalendarWindow window;
    policy::TimePoint ended;
  };
  /// What its quotas and budgets of one calendar are in.
  struct OpenWindow {
    policy::Calendar calendar;
    policy::CalendarWindow window;
    SharedText id;
  };
  /// The provider said that there is nothing left until then.
  struct Closed {
    LimitUnit unit = LimitUnit::requests;
    policy::TimePoint until;
    std::int64_t limit = 0;
  };
  [[nodiscard]] LimitRule& rule_of(const Meter& meter) {
    return rules_[static_cast<std::size_t>(&meter - meters_.data())];
  }
  /// The share of every limit that is for requests of a higher priority.
  [[nodiscard]] std::int64_t kept_permille(pipeline::Priority priority) const;
  void set_rates(const std::vector<LimitRule>& rates, const Moment& now);
  void set_budgets(const std::vector<policy::BudgetRule>& rules, const Moment& now);
  [[nodiscard]] Meter new_meter(const LimitRule& rule, const Moment& now);
  void collect_calendars();
  void advance_windows(const Moment& now);
  void tell_marks(Purse& purse, std::vector<BudgetEvent>& events) const;

  LimitOwner owner_;
  std::vector<Meter> meters_;
  std::vector<LimitRule> rules_;  ///< of the meters
  policy::Concurrency concurrency_;
  std::vector<Purse> budgets_;
  std::vector<PastQuota> past_quotas_;  // one of each kind
  std::vector<Purse> past_budgets_;     // one for each calendar
  std::vector<OpenWindow> windows_;     ///< one for each calendar
  std::int64_t reserved_nanousd_ = 0;
  std::array<std::int32_t, policy::priority_count> reserved_permille_{};
  std::int32_t spill_permille_ = 1'000;
  std::vector<Closed> closed_;      // by unit
  policy::TimePoint changed_at_{};  ///< when `shrink` or `grow` last did
};

}  // namespace weir::shared_state
