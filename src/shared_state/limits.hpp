// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipeline/attempt.hpp"
#include "shared_state/account.hpp"

namespace weir::shared_state {

/// All limits and budgets of the gateway, and what is used of them (sections 12 and 13).
///
/// A call takes from its key, user, team, organisation, route and from the whole when it is
/// admitted; each attempt takes from its model, key and provider, and sets aside its money
/// everywhere. All levels are taken or none (L-7): one short mutex guards them all. What has no
/// limits costs nothing.
///
/// State belongs to names, so that it outlives configurations (H-3).
///
/// For any thread. Cost: well below a microsecond a question.
class Limits final : public pipeline::Accounting {
 public:
  struct Options {
    /// Called after the fact, on the thread that brought it about, without any lock.
    std::function<void(const BudgetEvent&)> on_budget = {};
    /// True while nobody may get in line: those who wait hold memory. Called under a lock, from any
    /// thread. May be empty.
    std::function<bool()> closes_lines = {};
  };
  struct Entry {
    LimitOwner owner;
    LimitSet limits;
  };

  explicit Limits(const pipeline::WallClock& wall) : Limits(wall, Options{}) {}
  Limits(const pipeline::WallClock& wall, Options options)
      : options_(std::move(options)), wall_(wall) {}

  /// How the owner of the limits on a provider's key is called; `key` as `Upstream::key_name`.
  [[nodiscard]] static std::string name_of_key(const std::string& provider,
                                               const std::string& key) {
    return key.empty() ? provider : provider + " " + key;
  }

  /// The same of models that a provider counts together.
  [[nodiscard]] static std::string name_of_pool(const std::string& provider, const std::string& key,
                                                std::string_view pool) {
    return name_of_key(provider + "/" + std::string(pool), key);
  }

  /// Limits of the configuration, all of them: those it had before and does not name now are gone.
  void configure(std::vector<Entry> entries, policy::TimePoint now);
  /// Limits that stand elsewhere, such as those of keys in a store; an empty set ends them. Where
  /// the configuration names the same owner, the latest word counts.
  void set(const LimitOwner& owner, const LimitSet& limits, policy::TimePoint now);
  /// There are quotas or budgets, whose use `restore` would ask for.
  [[nodiscard]] bool has_windows() const;
  /// When the oldest of these windows began, as Unix time. Nothing: there are none.
  [[nodiscard]] std::optional<std::int64_t> windows_start_ms(policy::TimePoint now);
  /// Adds what was used before the start of every window that quotas and budgets are in now. To be
  /// called once, before the first call.
  void restore(const UsedBefore& used, policy::TimePoint now);

  /// A cheaper route, and whose budget asks for it.
  struct Downgrade {
    std::string route;
    LimitOwner owner;
  };
  /// Where calls of `caller` to `route` are to go in its place, since a budget above them has
  /// passed its soft mark: the innermost that has. Nothing: they stay. `caller` may be null.
  [[nodiscard]] std::optional<Downgrade> downgrade(const pipeline::Caller* caller,
                                                   std::string_view route);
  /// HTTP status of what a budget refuses (U-2).
  void set_budget_status(int status) { budget_status_ = status; }

  Result<> admit(pipeline::Call& call, const pipeline::Operation& operation) override;
  Result<> admit_replay(pipeline::Call& call) override;
  void release(const pipeline::Call& call, const pipeline::CallResult& result) override;
  Result<Reservation> reserve(const pipeline::Call& call, const pipeline::Operation& operation,
                              const pipeline::Target& target, bool is_last_resort) override;
  void settle(Reservation reservation, const pipeline::Call& call,
              const pipeline::AttemptRow& row) override;
  void give_back(Reservation reservation, const pipeline::Call& call) override;
  bool enter_line(pipeline::Call& call, const pipeline::Target& target,
                  std::function<void()> wake) override;
  void leave_line(pipeline::Call& call) override;
  /// L-8: tokens that stand for an answer whose length is not limited.
  void set_default_output_reservation(std::int64_t tokens) { output_tokens_default_ = tokens; }
  /// How many calls may wait for one provider.
  void set_line_length(std::int64_t length) { line_length_ = length; }

  /// Every limit as it stands, by scope and name.
  [[nodiscard]] std::vector<LimitStatus> status(policy::TimePoint now) const;
  /// Those of providers, their keys and their models only, of which there are few.
  [[nodiscard]] std::vector<LimitStatus> provider_status(policy::TimePoint now) const;
  /// What is set aside now, by calls and attempts (I-2).
  [[nodiscard]] std::size_t open_reservations() const;
  /// Reservations that nobody settled within a minute of their call's end (L-9).
  [[nodiscard]] std::uint64_t leaked() const { return leaked_.load(std::memory_order_relaxed); }

 private:
  /// Of that scope and those behind it.
  [[nodiscard]] std::vector<LimitStatus> status_from(policy::LimitScope first_scope,
                                                     policy::TimePoint now) const;

  /// Of what is taken, what is taken from one account.
  struct Share {
    std::shared_ptr<Account> account;
    bool has_rates = false;
    bool has_money = false;
    std::uint32_t epoch = 0;  ///< of the account, when its call was admitted
  };
  static constexpr std::size_t shares_max = policy::limit_scope_count;
  struct Shares {
    std::array<Share, shares_max> items;
    std::size_t size = 0;
    void add(std::shared_ptr<Account> account, bool has_rates, bool has_money);
    [[nodiscard]] Share* begin() { return items.data(); }
    [[nodiscard]] Share* end() { return items.data() + size; }
  };
  /// What a call or an attempt has set aside. They stand in a list whose places are used again.
  struct Booking {
    Shares shares;
    Taking taking;
    Demand taken_before;  ///< of an attempt: in all until then, from whom its provider tells of
    std::int64_t nanousd = 0;
    std::uint32_t generation = 0;
    std::uint32_t attempts_open = 0;  ///< of a call
    std::uint64_t call = 0;           ///< of an attempt: the call's booking; 0: there is none
    bool is_open = false;
    bool has_ended = false;  ///< a call, before its attempts
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>()(text);
    }
  };
  using ByName =
      std::unordered_map<std::string, std::shared_ptr<Account>, TextHash, std::equal_to<>>;

  /// Who comes first: waiting for ten seconds is worth one step of priority, so that the order of
  /// two never changes and nobody waits for ever.
  struct Rank {
    policy::TimePoint time;
    std::uint64_t number = 0;
    auto operator<=>(const Rank&) const = default;
  };
  struct Waiting {
    std::function<void()> wake;
    std::uint64_t place = 0;  ///< what the call knows itself by
  };
  using Line = std::map<Rank, Waiting>;

  /// Who refused, and why. The owner of an account never changes, so that the words for it can be
  /// found without the lock.
  struct Refused {
    std::shared_ptr<Account> account;
    Obstacle obstacle;
  };
  /// Of a call, or of an attempt at `target`.
  [[nodiscard]] Demand demand_of(const pipeline::Operation& operation,
                                 const pipeline::Target* target) const;
  [[nodiscard]] static Rank rank_of(const pipeline::Call& call, policy::TimePoint now);
  [[nodiscard]] bool is_behind(const pipeline::Call& call, std::string_view provider,
                               policy::TimePoint now) const;
  void wake_first(std::string_view provider);
  [[nodiscard]] Moment moment(const pipeline::Call& call) const;
  [[nodiscard]] ByName& of(policy::LimitScope scope) {
    return accounts_[static_cast<std::size_t>(scope)];
  }
  [[nodiscard]] std::shared_ptr<Account> find(policy::LimitScope scope, std::string_view name);
  void retire(const LimitOwner& owner, const Moment& now);
  void set_locked(const LimitOwner& owner, const LimitSet& limits, const Moment& now);
  [[nodiscard]] Error error_of(const Refused& refused) const;
  static std::uint64_t next_as_of();
  void refresh(const pipeline::Caller& caller);
  void refresh(const pipeline::Target& target);
  /// Calls `use` with the accounts of a client's side, from inner to outer.
  template <class Use>
  void for_each_client(const pipeline::Caller* caller, std::string_view route, Use use);
  void find_clients(const pipeline::Call& call, bool is_attempt, Shares& shares);
  void find_providers(const pipeline::Target& target, Shares& shares);
  static std::optional<Refused> refusal(Shares& shares, const Demand& demand, std::int64_t nanousd,
                                        const pipeline::Call& call, bool is_last_resort,
                                        const Moment& now);
  /// What an attempt may cost, and how long its answer may be for that; 0: as long as it likes.
  struct Price {
    std::int64_t nanousd = 0;
    std::int64_t output_tokens_max = 0;
  };
  static Price price_of(Shares& shares, const Demand& demand, const pipeline::Operation& operation,
                        const pipeline::Target& target, const Moment& now);
  std::uint64_t book_attempt(Shares&& shares, const Demand& demand, std::int64_t nanousd,
                             const pipeline::Call& call, const Moment& now);
  std::uint64_t book(Shares&& shares, const Demand& demand, std::int64_t nanousd,
                     const Moment& now);
  [[nodiscard]] Booking* open_booking(std::uint64_t id);
  void close(Booking& booking, std::uint64_t id);
  void end_attempt(Booking& booking, std::uint64_t id);
  /// Whose account is meant by what the provider of `upstream` tells; null: there is none.
  static Account* heeding(Shares& shares, const pipeline::Upstream& upstream);
  void heed_provider(Booking& booking, const pipeline::AttemptRow& row, const Moment& now);
  void release_leaked(const Moment& now);
  void announce(const std::vector<BudgetEvent>& events) const;

  const Options options_;
  const pipeline::WallClock& wall_;
  std::atomic<bool> has_any_ = false;
  std::atomic<bool> has_downgrades_ = false;
  std::atomic<int> budget_status_{402};
  std::atomic<std::uint64_t> leaked_{0};
  std::atomic<std::int64_t> line_length_{1'000};
  std::atomic<std::int64_t> output_tokens_default_{1'024};

  mutable std::mutex mutex_;  // of everything below
  mutable std::array<ByName, policy::limit_scope_count> accounts_;
  std::uint64_t accounts_as_of_ = next_as_of();  ///< new where an account comes or goes
  std::map<LimitOwner, std::shared_ptr<Account>> retired_;
  std::set<LimitOwner> configured_;
  std::vector<Booking> bookings_;
  std::vector<std::uint32_t> free_;
  std::size_t open_ = 0;
  std::uint64_t latest_taking_ = 0;
  std::map<std::string, Line, std::less<>> lines_;  ///< by provider; none is empty
  struct Place {
    std::string provider;
    Rank rank;
  };
  std::unordered_map<std::uint64_t, Place> places_;
  std::uint64_t latest_place_ = 0;
  /// Calls that ended before their attempts, and when.
  std::deque<std::pair<std::uint64_t, policy::TimePoint>> ended_;
};

}  // namespace weir::shared_state
