// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

#include "net/loop.hpp"

namespace weir::sim {

/// A loop whose clock stands still while something happens and jumps to the next thing otherwise.
/// Everything runs in one order, given by time and then by who asked first, so that the same seed
/// gives the same run.
class VirtualLoop final : public net::Loop {
 public:
  [[nodiscard]] net::TimePoint now() const override { return now_; }
  void arm_coarse(net::Alarm& alarm, net::TimePoint when) override;
  void arm_exact(net::Alarm& alarm, net::TimePoint when) override;
  void disarm(net::Alarm& alarm) noexcept override;
  void post(std::function<void()> work) override { posted_.push_back(std::move(work)); }

  /// Does `work` at `when`, or at once when that is over.
  void at(net::TimePoint when, std::function<void()> work);
  void after(net::Duration wait, std::function<void()> work) { at(now_ + wait, std::move(work)); }

  /// Does the next thing; false when there is none.
  bool step();
  /// Things that still wait for their time.
  [[nodiscard]] std::size_t waiting() const noexcept { return queue_.size(); }

 private:
  struct Key {
    net::TimePoint when;
    std::uint64_t number;
    auto operator<=>(const Key&) const = default;
  };
  struct Entry {
    net::Alarm* alarm = nullptr;
    std::function<void()> work;
  };

  net::TimePoint now_{};
  std::uint64_t next_number_ = 0;
  std::deque<std::function<void()>> posted_;
  std::map<Key, Entry> queue_;
  std::unordered_map<net::Alarm*, Key> armed_;
};

}  // namespace weir::sim
