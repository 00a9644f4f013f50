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
#include "policy/rate_headers.hpp"

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
  Demand operator-(const Demand& other) const;
};

/// What was taken by one request or attempt.
struct Taking {
  Demand demand;
  Moment at;
  std::uint64_t number = 0;  ///< the later, the higher, whoever takes
};

/// What a provider tells of its limits, and who it told.
struct ProviderWord {
  policy::RateSnapshot limits;
  std::int64_t told_ms = 0;    ///< Unix time
  std::uint64_t heard_by = 0;  ///< number of the taking that was answered with it
  Demand taken_later;          ///< by others, whom it may not have counted yet
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
  /// What was taken in `epoch` was `actual` in the end.
  void settle(const Taking& taking, const Demand& actual, std::uint32_t epoch, const Moment& now);
  /// All that was ever taken, whatever became of it.
  [[nodiscard]] const Demand& taken() const { return taken_; }

  /// The same of money.
  [[nodiscard]] std::optional<Obstacle> money_obstacle(std::int64_t nanousd, const Moment& now);
  /// What is left in the tightest of the hard budgets; nothing: there is none.
  [[nodiscard]] std::optional<std::int64_t> money_left(const Moment& now);
  /// The route that calls are to go to, since a budget has passed its soft mark; empty: none.
  [[nodiscard]] std::string_view downgrade(const Moment& now);
  void reserve(std::int64_t nanousd) { reserved_nanousd_ += nanousd; }
  /// Books what was reserved as `nanousd`, in the windows of `epoch` (U-4).
  void spend(std::int64_t reserved, std::int64_t nanousd, std::uint32_t epoch, const Moment& now,
             std::vector<BudgetEvent>& events);
  /// Which windows are open now: another number whenever one of them is another. Clocks of several
  /// threads would not tell on which side of midnight a call was admitted.
  [[nodiscard]] std::uint32_t epoch(const Moment& now);

  [[nodiscard]] bool has_windows() const { return named_windows_ > 0; }
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
  /// The provider told of its limits itself.
  void heed(const ProviderWord& word, const Moment& now);

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
  /// What its quotas and budgets of one calendar are in, and what was used in it: what whoever
  /// adds up the ledger finds under its id.
  struct OpenWindow {
    policy::Calendar calendar;
    policy::CalendarWindow window = {};
    SharedText id = {};  ///< null until somebody asks
    policy::WindowUse use = {};
    /// One that no rule is about goes on until its end: there may be a rule again (U-1).
    bool is_named = false;
    std::uint32_t since = 0;                  ///< epoch in which it began or got its first rule
    std::optional<std::uint32_t> until = {};  ///< the last before it had no rule
    /// What was taken in that epoch is of this window, and says so in the ledger.
    [[nodiscard]] bool holds(std::uint32_t epoch) const {
      return (is_named && epoch >= since) || (until && epoch <= *until);
    }
  };
  struct Purse {
    policy::BudgetRule rule;
    std::size_t window = 0;          ///< place in `windows_`
    std::int64_t window_id = 0;      ///< which of them the mark is of
    std::int32_t told_permille = 0;  ///< the highest mark that was told
  };
  /// What is left of a unit until then, by the provider's own word and what was taken since.
  struct Balance {
    LimitUnit unit = LimitUnit::requests;
    std::int64_t limit = 0;  ///< 0: it didn't say
    std::int64_t told = 0;
    std::int64_t left = 0;
    std::int64_t told_ms = 0;
    std::uint64_t since = 0;  ///< number of the taking that heard it: it is of those behind it
    policy::TimePoint until;
  };
  [[nodiscard]] LimitRule& rule_of(const Meter& meter) {
    return rules_[static_cast<std::size_t>(&meter - meters_.data())];
  }
  /// The share of every limit that is for requests of a higher priority.
  [[nodiscard]] std::int64_t kept_permille(pipeline::Priority priority) const;
  void set_rates(const std::vector<LimitRule>& rates, const Moment& now);
  void set_budgets(const std::vector<policy::BudgetRule>& rules);
  [[nodiscard]] Meter new_meter(const LimitRule& rule, const Moment& now);
  void set_windows(const LimitSet& limits, const Moment& now);
  [[nodiscard]] OpenWindow* find_window(const policy::Calendar& calendar);
  void advance_windows(const Moment& now);
  void name_windows(const Moment& now);
  /// After its window was brought up to now.
  [[nodiscard]] bool has_passed(const Purse& purse, std::int32_t permille) const;
  [[nodiscard]] std::int64_t left_of(const Purse& purse) const;
  void tell_marks(Purse& purse, std::vector<BudgetEvent>& events) const;
  void heed(LimitUnit unit, const policy::RateLimit& told, const ProviderWord& word,
            const Moment& now);
  void correct_limits(LimitUnit unit, const policy::RateLimit& told, const Moment& now);

  LimitOwner owner_;
  std::vector<Meter> meters_;
  std::vector<LimitRule> rules_;  ///< of the meters
  policy::Concurrency concurrency_;
  std::vector<Purse> budgets_;
  std::vector<OpenWindow> windows_;  ///< one for each calendar
  std::size_t named_windows_ = 0;    ///< so many of them, which come first
  std::uint32_t epoch_ = 1;
  std::int64_t reserved_nanousd_ = 0;
  std::array<std::int32_t, policy::priority_count> reserved_permille_{};
  std::int32_t spill_permille_ = 1'000;
  std::vector<Balance> balances_;  ///< one for each unit
  Demand taken_{.requests = 0};
  policy::TimePoint changed_at_{};  ///< when `shrink` or `grow` last did
};

}  // namespace weir::shared_state
