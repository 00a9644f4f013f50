// SPDX-License-Identifier: Apache-2.0
#include "health/monitor.hpp"

#include <algorithm>
#include <utility>

namespace weir::health {
namespace {

constexpr std::int64_t second_ms = 1'000;
constexpr std::int64_t ten_seconds_ms = 10 * second_ms;
constexpr std::int64_t minute_ms = 60 * second_ms;
constexpr std::int64_t hour_ms = 60 * minute_ms;
constexpr std::int64_t day_ms = 24 * hour_ms;
/// A look that comes later than this tells nothing about the time before.
constexpr std::int64_t gap_max_ms = minute_ms;
/// Points wait for the store to take them; beyond this the oldest are lost.
constexpr std::size_t points_waiting_max = 100'000;

struct WindowRow {
  Window window;
  std::string_view name;
  std::int64_t length_ms;
};
constexpr std::array window_rows{
    WindowRow{Window::minute, "1m", minute_ms},
    WindowRow{Window::five_minutes, "5m", 5 * minute_ms},
    WindowRow{Window::hour, "1h", hour_ms},
    WindowRow{Window::day, "24h", day_ms},
};

const WindowRow& row_of(Window window) { return window_rows[static_cast<std::size_t>(window)]; }

std::int64_t start_of(std::int64_t unix_ms, std::int64_t length_ms) {
  return unix_ms - unix_ms % length_ms;
}

}  // namespace

std::string_view name(Window window) noexcept { return row_of(window).name; }
std::int64_t length_ms(Window window) noexcept { return row_of(window).length_ms; }

std::optional<Window> parse_window(std::string_view text) noexcept {
  for (const WindowRow& row : window_rows) {
    if (row.name == text) return row.window;
  }
  return std::nullopt;
}

std::int64_t length_ms(Resolution resolution) noexcept {
  return resolution == Resolution::minute ? minute_ms : hour_ms;
}

// ---- Slot -----------------------------------------------------------------------------------

bool Slot::is_empty() const {
  const bool has_ends = std::any_of(figures.counts.ends.begin(), figures.counts.ends.end(),
                                    [](std::uint64_t count) { return count > 0; });
  return !has_ends && down_ms == 0;
}

void Slot::encode(std::string& out) const {
  append_varint(out, static_cast<std::uint64_t>(down_ms));
  figures.encode(out);
}

bool Slot::decode(std::string_view bytes) {
  std::uint64_t down = 0;
  if (!take_varint(bytes, down) || down > static_cast<std::uint64_t>(hour_ms)) return false;
  down_ms = static_cast<std::int64_t>(down);
  return figures.decode(bytes);
}

// ---- Monitor --------------------------------------------------------------------------------

// A window reaches into the slot that it began in, so one more is kept than it is long.
Monitor::Series::Series()
    : rings{Ring{ten_seconds_ms, 7, std::nullopt}, Ring{minute_ms, 61, Resolution::minute},
            Ring{hour_ms, 25, Resolution::hour}} {}

void Monitor::look(std::span<const Source> sources, std::int64_t now_ms) {
  const std::int64_t gap = now_ms_ == 0 ? 0 : std::max<std::int64_t>(0, now_ms - now_ms_);
  now_ms_ = std::max(now_ms_, now_ms);
  for (const Source& source : sources) {
    Series* series = find_or_make(source.name);
    if (series == nullptr) continue;
    Figures reading = source.meter->read();
    // A meter that is new under an old name begins at nothing.
    if (series->meter != source.meter) series->before = Figures();
    series->meter = source.meter;
    Slot news;
    news.figures = reading.since(series->before);
    series->before = std::move(reading);
    const Counts& counts = news.figures.counts;
    const bool is_down = source.is_refusing || (counts.failures() > 0 && counts.successes() == 0);
    if (is_down) news.down_ms = std::min(gap, gap_max_ms);
    book(std::string(source.name), *series, news);
  }
  for (auto one = series_.begin(); one != series_.end();) {
    for (Ring& ring : one->second.rings) drop_old(ring);
    one = one->second.gained_ms < now_ms_ - day_ms ? series_.erase(one) : std::next(one);
  }
}

Monitor::Series* Monitor::find_or_make(std::string_view name) {
  const auto found = series_.find(name);
  if (found != series_.end()) return &found->second;
  if (series_.size() >= options_.series_max) return nullptr;
  Series& made = series_[std::string(name)];
  made.known_since_ms = now_ms_;
  made.gained_ms = now_ms_;
  return &made;
}

void Monitor::book(const std::string& name, Series& series, const Slot& news) {
  if (news.is_empty()) return;
  series.gained_ms = now_ms_;
  for (Ring& ring : series.rings) {
    const std::int64_t start = start_of(now_ms_, ring.slot_ms);
    if (ring.slots.empty() || ring.slots.back().start_ms != start) {
      tell(name, ring);
      ring.slots.emplace_back().start_ms = start;
    }
    ring.slots.back().figures += news.figures;
    ring.slots.back().down_ms += news.down_ms;
    ring.has_news = true;
  }
}

/// Lets go what no window reaches any more.
void Monitor::drop_old(Ring& ring) const {
  const std::int64_t oldest =
      start_of(now_ms_, ring.slot_ms) - static_cast<std::int64_t>(ring.kept) * ring.slot_ms;
  while (!ring.slots.empty() && ring.slots.front().start_ms < oldest) ring.slots.pop_front();
}

/// Makes a point of the latest slot where it has news.
void Monitor::tell(const std::string& name, Ring& ring) {
  const bool is_news = std::exchange(ring.has_news, false);
  if (!is_news || !ring.resolution || told_.size() >= points_waiting_max) return;
  told_.push_back({*ring.resolution, name, ring.slots.back()});
}

std::vector<Point> Monitor::take_points() {
  for (auto& [name, series] : series_) {
    for (Ring& ring : series.rings) tell(name, ring);
  }
  return std::exchange(told_, {});
}

void Monitor::restore(const Point& point, std::int64_t now_ms) {
  now_ms_ = std::max(now_ms_, now_ms);
  if (point.slot.start_ms > now_ms_) return;  // the clock was set back since
  Series* series = find_or_make(point.series);
  if (series == nullptr) return;
  series->known_since_ms = std::min(series->known_since_ms, point.slot.start_ms);
  for (Ring& ring : series->rings) {
    const bool is_newer = ring.slots.empty() || ring.slots.back().start_ms < point.slot.start_ms;
    if (ring.resolution == point.resolution && is_newer) ring.slots.push_back(point.slot);
    drop_old(ring);
  }
}

std::optional<Reading> Monitor::read(std::string_view series, Window window) const {
  const auto found = series_.find(series);
  if (found == series_.end()) return std::nullopt;
  const Ring& ring = found->second.rings[window == Window::minute ? 0
                                         : window == Window::day  ? 2
                                                                  : 1];
  const std::int64_t begin = now_ms_ - length_ms(window);
  Reading reading;
  std::int64_t down_ms = 0;
  for (const Slot& slot : ring.slots) {
    if (slot.start_ms + ring.slot_ms <= begin) continue;
    reading.figures += slot.figures;
    down_ms += slot.down_ms;
  }
  const std::int64_t known_ms = now_ms_ - std::max(begin, found->second.known_since_ms);
  if (down_ms > 0) {
    const double share =
        known_ms > 0 ? static_cast<double>(down_ms) / static_cast<double>(known_ms) : 1.0;
    reading.uptime = 1 - std::min(1.0, share);
  }
  return reading;
}

std::vector<std::string> Monitor::series() const {
  std::vector<std::string> names;
  for (const auto& [name, series] : series_) names.push_back(name);
  return names;
}

}  // namespace weir::health
