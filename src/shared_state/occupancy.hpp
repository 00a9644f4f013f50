// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/random.hpp"
#include "net/server.hpp"
#include "policy/circuit_breaker.hpp"
#include "weir/result.hpp"

namespace weir::shared_state {

/// How full the gateway is, and who may still come in (section 15): connections, calls under way,
/// memory. What is full is refused at once and cheaply; probes, metrics and administration never
/// ask here (O-2).
///
/// For any thread. Cost: one atomic number a question; a short mutex where single keys or addresses
/// are counted.
class Occupancy final : public net::BodyBudget {
 public:
  /// 0 is no limit.
  struct Limits {
    std::int64_t connections_max = 0;
    std::int64_t connections_per_address_max = 0;
    std::int64_t calls_max = 0;
    std::int64_t calls_per_key_max = 0;
    std::int64_t memory_soft_bytes = 0;
    std::int64_t memory_hard_bytes = 0;
  };

  struct Options {
    /// Memory that the process holds now.
    std::function<std::int64_t()> resident_bytes = [] { return std::int64_t{0}; };
    /// Told, at most once a second, that so many bytes are above the soft limit. Must not block.
    std::function<void(std::int64_t)> on_pressure = [](std::int64_t) {};
  };

  explicit Occupancy(Options options) : options_(std::move(options)) {}

  void set_limits(const Limits& limits);

 private:
  /// Those who are in, all together and by name.
  class Crowd {
   public:
    enum class Entry : std::uint8_t { granted, all_full, name_full };
    /// `name` empty: counted among all only.
    Entry enter(const std::string& name, std::int64_t all_max, std::int64_t name_max);
    void leave(const std::string& name);
    [[nodiscard]] std::int64_t size() const { return all_.load(std::memory_order_relaxed); }

   private:
    bool enter_name(const std::string& name, std::int64_t max);

    std::atomic<std::int64_t> all_{0};
    std::mutex mutex_;
    std::map<std::string, std::int64_t, std::less<>> by_name_;  // only those who are in
  };

 public:
  /// A place taken; given back at its end.
  class Place {
   public:
    Place() = default;
    ~Place() { leave(); }
    Place(Place&& other) noexcept
        : crowd_(std::exchange(other.crowd_, nullptr)), name_(std::move(other.name_)) {}
    Place& operator=(Place&& other) noexcept {
      leave();
      crowd_ = std::exchange(other.crowd_, nullptr);
      name_ = std::move(other.name_);
      return *this;
    }

   private:
    friend class Occupancy;
    Place(Crowd& crowd, std::string name) : crowd_(&crowd), name_(std::move(name)) {}
    void leave() {
      if (crowd_ != nullptr) std::exchange(crowd_, nullptr)->leave(name_);
    }

    Crowd* crowd_ = nullptr;
    std::string name_;
  };

  /// For one more connection of whoever. Nothing: full.
  [[nodiscard]] std::optional<Place> admit_connection();
  /// For one more connection to the administration, which has a few of its own.
  [[nodiscard]] std::optional<Place> admit_administrator();
  /// For one more connection of one address.
  [[nodiscard]] std::optional<Place> admit_address(const std::string& address);
  /// For a model call of the client that `key` stands for; empty: nobody is told apart. Errors:
  /// `overloaded`, with a wait of 1 to 3 s so that those refused don't come back as one;
  /// `rate_limited` for a key that has too many under way.
  [[nodiscard]] Result<Place> admit_call(const std::string& key, policy::TimePoint now,
                                         Random& random);

  /// Request bodies of all connections may hold half of what is allowed in all: what is made of a
  /// body takes about as much again.
  bool take(std::size_t bytes) override;
  void give_back(std::size_t bytes) override;

  [[nodiscard]] std::int64_t connections() const { return connections_.size(); }
  [[nodiscard]] std::int64_t calls() const { return calls_.size(); }
  [[nodiscard]] std::int64_t body_bytes() const {
    return body_bytes_.load(std::memory_order_relaxed);
  }
  /// Memory was above its soft limit when it was looked at last.
  [[nodiscard]] bool is_tight() const {
    return memory_hard_bytes_.load(std::memory_order_relaxed) > 0 &&
           resident_bytes_.load(std::memory_order_relaxed) >=
               memory_soft_bytes_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t refused() const { return refused_.load(std::memory_order_relaxed); }

 private:
  using Number = std::atomic<std::int64_t>;
  [[nodiscard]] bool is_out_of_memory(policy::TimePoint now);
  [[nodiscard]] Error overloaded(std::string_view what, Random& random);

  const Options options_;
  Number connections_max_{0};
  Number connections_per_address_max_{0};
  Number calls_max_{0};
  Number calls_per_key_max_{0};
  Number memory_soft_bytes_{0};
  Number memory_hard_bytes_{0};
  Crowd connections_;
  Crowd administrators_;
  Crowd addresses_;
  Crowd calls_;
  Number body_bytes_{0};
  std::atomic<std::uint64_t> refused_{0};
  /// When memory is looked at, and others told of it, again; as ticks of the clock.
  std::atomic<policy::TimePoint::rep> look_at_{0};
  std::atomic<policy::TimePoint::rep> tell_at_{0};
  Number resident_bytes_{0};
};

}  // namespace weir::shared_state
