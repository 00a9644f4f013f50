// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "health/meter.hpp"

namespace weir::health {

/// The stretches of time that figures are told for.
enum class Window : std::uint8_t { minute, five_minutes, hour, day };
inline constexpr std::size_t window_count = 4;
inline constexpr std::array windows{Window::minute, Window::five_minutes, Window::hour,
                                    Window::day};
/// `1m`, `5m`, `1h`, `24h`
std::string_view name(Window window) noexcept;
std::optional<Window> parse_window(std::string_view text) noexcept;
std::int64_t length_ms(Window window) noexcept;

/// How long a point of the history is.
enum class Resolution : std::uint8_t { minute, hour };
std::int64_t length_ms(Resolution resolution) noexcept;

/// What happened in one stretch of time.
struct Slot {
  std::int64_t start_ms = 0;  ///< Unix time, a multiple of its length
  std::int64_t down_ms = 0;   ///< so long nothing came through
  Figures figures;

  [[nodiscard]] bool is_empty() const;
  void encode(std::string& out) const;
  /// All but the start. False: the bytes are none.
  bool decode(std::string_view bytes);
};

/// A slot of one provider or target, for the history.
struct Point {
  Resolution resolution = Resolution::minute;
  std::string series;
  Slot slot;
};

/// What one window shows.
struct Reading {
  Figures figures;
  double uptime = 1;  ///< the part of the time, since it is known, that it was not down
};

/// Turns meters into figures of the recent past, and into a history: looked at every few seconds,
/// it books what each meter gained in the slots of the time being. A window of a minute is exact to
/// 10 s, of 5 min and 1 h to a minute, of 24 h to an hour.
///
/// A series is down while its circuit breaker refuses, and in a stretch between two looks in which
/// attempts failed and none succeeded.
///
/// Not thread-safe. Memory: at most `series_max` series, and of each the slots in which something
/// happened.
class Monitor {
 public:
  struct Options {
    std::size_t series_max = 1'000;
  };
  struct Source {
    std::string_view name;
    const Meter* meter = nullptr;
    bool is_refusing = false;  ///< its breaker lets nothing through
  };

  explicit Monitor(Options options) : options_(options) {}

  /// Looks at all of them. Series of sources that are gone are kept for a day. `now_ms` is Unix
  /// time that never goes back; earlier ones count as the latest.
  void look(std::span<const Source> sources, std::int64_t now_ms);

  /// Nothing: never heard of it.
  [[nodiscard]] std::optional<Reading> read(std::string_view series, Window window) const;
  [[nodiscard]] std::vector<std::string> series() const;

  /// Puts back what the history has of the last day, before the first look.
  void restore(const Point& point, std::int64_t now_ms);
  /// The points that gained something since the last call, those under way included: a later one
  /// of the same series and start replaces an earlier.
  [[nodiscard]] std::vector<Point> take_points();

 private:
  /// The slots of one length, the oldest first.
  struct Ring {
    std::int64_t slot_ms;
    std::size_t kept;
    std::optional<Resolution> resolution;  ///< nothing: not for the history
    std::deque<Slot> slots = {};
    bool has_news = false;  ///< in the last one
  };
  struct Series {
    Series();
    Figures before;  ///< as the meter stood at the last look
    const Meter* meter = nullptr;
    std::int64_t known_since_ms = 0;
    std::int64_t gained_ms = 0;  ///< when something last happened
    std::array<Ring, 3> rings;
  };

  Series* find_or_make(std::string_view name);
  void book(const std::string& name, Series& series, const Slot& news);
  void drop_old(Ring& ring) const;
  void tell(const std::string& name, Ring& ring);

  const Options options_;
  std::map<std::string, Series, std::less<>> series_;
  std::vector<Point> told_;  ///< that nobody took so far
  std::int64_t now_ms_ = 0;
};

}  // namespace weir::health
