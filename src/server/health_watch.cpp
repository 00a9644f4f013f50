// SPDX-License-Identifier: Apache-2.0
#include "server/health_watch.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>

#include "server/alert_memory.hpp"
#include "server/gate_memory.hpp"
#include "server/precedence.hpp"
#include "store/files.hpp"

namespace weir::server {
namespace {

using health::Point;
using health::Resolution;
using std::chrono::steady_clock;

constexpr std::chrono::seconds look_every{10};
constexpr int looks_per_keeping = 6;
constexpr int looks_per_sweep = 360;
constexpr std::int64_t day_ms = 86'400'000;
constexpr std::int64_t minutes_kept_ms = day_ms;
constexpr std::size_t rows_max = 1'000'000;  // of each length
constexpr std::size_t removed_at_once = 2'000;
constexpr std::size_t restored_max = 500'000;
constexpr const char* gate_file = "/gate.json";
constexpr const char* alerts_file = "/alerts.json";
constexpr std::size_t kept_bytes_max = std::size_t{16} << 20;
/// The wall clock may be this much ahead before it is believed.
constexpr std::int64_t clock_step_ms = 5'000;

std::chrono::milliseconds steady_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
      steady_clock::now().time_since_epoch());
}

bool is_refusing(const shared_state::CircuitStatus& circuit) {
  using State = policy::CircuitBreaker::State;
  return circuit.state == State::open || circuit.state == State::forced_open;
}

Result<std::vector<Point>> read_points(store::HealthStore& store, Resolution resolution,
                                       const store::HealthStore::Question& question) {
  WEIR_TRY_ASSIGN(rows, store.find(question));
  std::vector<Point> points;
  points.reserve(rows.size());
  for (store::HealthRow& row : rows) {
    Point point{resolution, std::move(row.series), {}};
    if (!point.slot.decode(row.figures)) continue;  // of a later version, or damaged
    point.slot.start_ms = row.start_ms;
    points.push_back(std::move(point));
  }
  return points;
}

}  // namespace

HealthWatch::HealthWatch(const pipeline::WallClock& wall, shared_state::Gate& gate, Log& log)
    : wall_(wall),
      gate_(gate),
      log_(log),
      alerts_(log),
      wall_start_ms_(wall.unix_ms()),
      steady_start_(steady_clock::now()),
      clock_(wall.unix_ms(), steady_ms()) {}

HealthWatch::~HealthWatch() {
  stop();
  join();
}

void HealthWatch::start(std::string folder) {
  folder_ = std::move(folder);
  open_store();  // before the first look, so that nothing is put back into a slot that goes on
  restore_gate();
  restore_alerts();
  thread_ = std::thread([this] { run(); });
}

void HealthWatch::set_snapshot(std::shared_ptr<const engine::Snapshot> snapshot) {
  const std::lock_guard lock(mutex_);
  snapshot_ = std::move(snapshot);
  alerts_.set_config(snapshot_->config().alerts);
}

void HealthWatch::stop() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wakes_.notify_all();
}

void HealthWatch::join() {
  if (thread_.joinable()) thread_.join();
}

/// Under the mutex. Durations come from the monotonic clock; of the wall clock only steps forward
/// are followed, so that no stretch of time begins twice (W-2).
std::int64_t HealthWatch::now_ms() {
  const auto passed =
      std::chrono::duration_cast<std::chrono::milliseconds>(steady_clock::now() - steady_start_);
  const std::int64_t wall_ms = wall_.unix_ms();
  const std::int64_t now = wall_start_ms_ + passed.count();
  if (wall_ms <= now + clock_step_ms) return now;
  wall_start_ms_ += wall_ms - now;
  return wall_ms;
}

// ---- the thread -----------------------------------------------------------------------------

void HealthWatch::run() {
  stand_back();
  forget_old();
  for (int looks = 1;; ++looks) {
    {
      std::unique_lock lock(mutex_);
      wakes_.wait_for(lock, look_every, [this] { return is_stopping_ || has_news_; });
      look_at_clock();
      look_now();
      if (is_stopping_) break;
    }
    keep_gate();
    keep_alerts();
    if (looks % looks_per_keeping == 0) keep_points();
    if (looks % looks_per_sweep == 0) forget_old();
  }
  keep_points();
  keep_gate();
  keep_alerts();
}

/// Under the mutex.
void HealthWatch::look_at_clock() {
  const auto step = clock_.look(wall_.unix_ms(), steady_ms());
  if (!step) return;
  log_.warn("clock", "the wall clock was set",
            {{"by_ms", static_cast<std::int64_t>(step->count())}});
}

/// Without a store there are figures of the time since the start, and no history.
void HealthWatch::open_store() {
  if (folder_.empty()) return;
  auto opened = store::HealthStore::open(folder_ + "/health.db");
  if (!opened) {
    log_.warn("health", "the history of the providers can't be kept",
              {{"reason", opened.error().message}});
    return;
  }
  const std::lock_guard store_lock(store_mutex_);
  store_ = *std::move(opened);
  const std::lock_guard lock(mutex_);
  const std::int64_t now = now_ms();
  for (const auto& [resolution, kept_ms] :
       {std::pair(Resolution::minute, health::length_ms(health::Window::hour)),
        std::pair(Resolution::hour, day_ms)}) {
    const std::int64_t slot_ms = health::length_ms(resolution);
    const auto points = read_points(*store_, resolution,
                                    {.slot_ms = slot_ms,
                                     .from_ms = now - kept_ms - slot_ms,
                                     .before_ms = now,
                                     .rows_max = restored_max});
    if (!points) continue;
    for (const Point& point : *points) monitor_.restore(point, now);
  }
}

/// Under the mutex.
void HealthWatch::look_now() {
  if (snapshot_ == nullptr) return;
  std::map<std::string_view, bool> refusing;
  const auto status = gate_.status(steady_clock::now());
  for (const shared_state::ProviderStatus& provider : status) {
    refusing[provider.name] = is_refusing(provider.circuit);
    for (const shared_state::TargetStatus& target : provider.targets) {
      refusing[target.name] = is_refusing(target.circuit) || is_refusing(provider.circuit);
    }
  }
  const auto traffic = snapshot_->traffic();
  std::vector<health::Monitor::Source> sources;
  sources.reserve(traffic.size());
  for (const auto& [name, counters] : traffic) {
    const auto found = refusing.find(name);
    sources.push_back({name, &counters->meter, found != refusing.end() && found->second});
  }
  const std::int64_t now = now_ms();
  monitor_.look(sources, now);
  const std::int64_t latest_id = alerts_.alerts().latest_id();
  alerts_.look(monitor_, *snapshot_, status, now);
  if (alerts_.alerts().latest_id() == latest_id) return;
  has_news_ = true;
  wakes_.notify_all();
}

/// Before the first request. The clock that cooldowns are measured by has begun anew meanwhile.
void HealthWatch::restore_gate() {
  if (folder_.empty()) return;
  auto text = store::read_file(folder_ + gate_file, kept_bytes_max);
  if (!text) return;
  gate_.restore(read_gate_text(*text, wall_.unix_ms()), steady_clock::now());
  gate_text_ = *std::move(text);
}

void HealthWatch::keep_gate() {
  keep_text(gate_file, gate_text(gate_.kept(steady_clock::now()), wall_.unix_ms()), gate_text_);
}

void HealthWatch::restore_alerts() {
  if (folder_.empty()) return;
  auto text = store::read_file(folder_ + alerts_file, kept_bytes_max);
  if (!text) return;
  const std::lock_guard lock(mutex_);
  alerts_.restore(read_alerts_text(*text), now_ms());
  alerts_text_ = *std::move(text);
}

void HealthWatch::keep_alerts() {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    has_news_ = false;
    if (alerts_.alerts().latest_id() == 0) return;
    text = alerts_text(alerts_.alerts());
  }
  keep_text(alerts_file, std::move(text), alerts_text_);
}

/// Writes `text` unless it is what was `kept` last.
void HealthWatch::keep_text(const char* file, std::string text, std::string& kept) {
  if (folder_.empty() || text == kept) return;
  if (const auto written = store::replace_file(folder_ + file, text); !written) {
    log_.warn("health", "something would not outlive a restart",
              {{"file", file + 1}, {"reason", written.error().message}});
    return;
  }
  kept = std::move(text);
}

void HealthWatch::keep_points() {
  std::vector<Point> points;
  {
    const std::lock_guard lock(mutex_);
    points = monitor_.take_points();
  }
  std::vector<store::HealthRow> rows;
  rows.reserve(points.size());
  for (Point& point : points) {
    store::HealthRow& row = rows.emplace_back();
    row.slot_ms = health::length_ms(point.resolution);
    row.series = std::move(point.series);
    row.start_ms = point.slot.start_ms;
    point.slot.encode(row.figures);
  }
  const std::lock_guard lock(store_mutex_);
  if (store_ == nullptr || rows.empty()) return;
  if (const auto kept = store_->put(rows); !kept) {
    log_.warn("health", "a part of the history was lost", {{"reason", kept.error().message}});
  }
}

void HealthWatch::forget_old() {
  std::int64_t now = 0;
  std::int64_t hours_kept_ms = 0;
  {
    const std::lock_guard lock(mutex_);
    if (snapshot_ == nullptr) return;
    now = now_ms();
    hours_kept_ms = snapshot_->config().retention.health.count();
  }
  std::size_t all = 0;
  for (const auto& [resolution, kept_ms] : {std::pair(Resolution::minute, minutes_kept_ms),
                                            std::pair(Resolution::hour, hours_kept_ms)}) {
    const std::int64_t slot_ms = health::length_ms(resolution);
    for (std::size_t removed = removed_at_once; removed == removed_at_once;) {
      const std::lock_guard lock(store_mutex_);
      if (store_ == nullptr) return;
      const auto gone = store_->remove_old(slot_ms, now - kept_ms, rows_max, removed_at_once);
      removed = gone ? *gone : 0;
      all += removed;
    }
  }
  if (all == 0) return;
  log_.info("retention", "removed what was over",
            {{"what", "health history"}, {"count", static_cast<std::int64_t>(all)}});
}

// ---- questions ------------------------------------------------------------------------------

void HealthWatch::look(const std::function<void(const health::Monitor& monitor)>& read) {
  const std::lock_guard lock(mutex_);
  look_now();
  read(monitor_);
}

void HealthWatch::look_at_alerts(const std::function<void(const health::Alerts& alerts)>& read) {
  const std::lock_guard lock(mutex_);
  look_now();
  read(alerts_.alerts());
}

std::size_t HealthWatch::forget_alerts(std::string_view subject) {
  const std::lock_guard lock(mutex_);
  const std::size_t count = alerts_.forget(subject);
  has_news_ = true;
  wakes_.notify_all();
  return count;
}

Result<std::vector<Point>> HealthWatch::history(Resolution resolution, std::string_view series,
                                                std::int64_t from_ms, std::size_t count_max) {
  keep_points();
  std::int64_t now = 0;
  {
    const std::lock_guard lock(mutex_);
    now = now_ms();
  }
  const std::lock_guard lock(store_mutex_);
  if (store_ == nullptr) return Error(ErrorCode::store_unavailable, "no history is kept");
  return read_points(*store_, resolution,
                     {.slot_ms = health::length_ms(resolution),
                      .series = std::string(series),
                      .from_ms = from_ms,
                      .before_ms = now,
                      .rows_max = count_max});
}

}  // namespace weir::server
