// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/random.hpp"
#include "config/detected.hpp"
#include "engine/listing.hpp"
#include "engine/snapshot.hpp"
#include "net/loop.hpp"

namespace weir::engine {

/// Keeps the lists of models up to date, in the background: asks each provider whose listing is
/// wanted at the start, when its address or key changes, and again after an interval. A provider
/// that does not answer keeps the list it gave last, and is asked again sooner.
///
/// Never asks for anything but a listing, and the same provider at most every 30 s, whatever is
/// configured (Z-2).
///
/// For its loop's thread, `looks` for any.
class Detector {
 public:
  struct Options {
    net::Duration gap_min = std::chrono::seconds(30);
    int jitter_permille = 200;
  };
  /// Gets all lists when one of them has changed.
  using OnChange = std::function<void(config::DetectedModels)>;

  Detector(net::Loop& loop, pipeline::ExchangeFactory& exchanges, const pipeline::WallClock& wall,
           Random& random, Options options, OnChange on_change);
  ~Detector();
  Detector(const Detector&) = delete;
  Detector& operator=(const Detector&) = delete;

  /// True when a provider of `snapshot` is to be asked: one whose `detect` is on, or left to Weir
  /// and which costs nothing to have: a local server, or one at an address of the user's own.
  static bool is_needed(const Snapshot& snapshot);

  /// The providers from now on. New ones, and those at another address, are asked at once; what is
  /// under way for a provider that is gone ends unheard.
  void set_snapshot(std::shared_ptr<const Snapshot> snapshot);
  /// Asks all of them again, as soon as the gap allows.
  void look_again();
  /// Asks one at once, since somebody wants to know. `on_known` is called when what it tells has
  /// been told on, or when there is nothing to wait for. False: it is not asked for its models.
  bool look_now(std::string_view provider, std::function<void()> on_known = {});
  /// Ends what is under way and asks no more; `on_idle` is called when nothing is left.
  void stop(std::function<void()> on_idle);

  [[nodiscard]] config::Looks looks() const;

 private:
  struct Entry;

  void arm();
  void ask_those_due();
  void start_look(const std::shared_ptr<Entry>& entry);
  net::Task<void> look(std::shared_ptr<Entry> entry);
  void note(Entry& entry, ListResult result);
  [[nodiscard]] net::Duration wait_after(bool was_answered);
  [[nodiscard]] net::Duration jittered(net::Duration wait);
  void tell_change();

  net::Loop& loop_;
  pipeline::ExchangeFactory& exchanges_;
  const pipeline::WallClock& wall_;
  Random& random_;
  const Options options_;
  OnChange on_change_;
  std::map<std::string, std::shared_ptr<Entry>, std::less<>> entries_;
  net::Duration interval_{};
  net::CallbackAlarm next_;
  net::TaskSet tasks_;
  bool is_stopped_ = false;
  std::function<void()> on_idle_;
  mutable std::mutex looks_mutex_;
  config::Looks looks_;
};

}  // namespace weir::engine
