// SPDX-License-Identifier: Apache-2.0
#include "server/circuit_peers.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <system_error>
#include <utility>

#include "store/files.hpp"
#include "store/instance.hpp"

namespace weir::server {
namespace {

constexpr std::string_view file_name = "/circuits";
constexpr std::size_t openings_max = 256;  ///< that are told
constexpr std::size_t name_bytes_max = 512;
constexpr std::size_t file_bytes_max = openings_max * (name_bytes_max + 32);
constexpr std::chrono::microseconds heeded_for = std::chrono::seconds(30);

std::int64_t unix_us_now() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

}  // namespace

void CircuitPeers::start(const std::string& data_directory, const std::string& folder) {
  auto changes = store::SharedCounter::open(data_directory + "/circuit-changes");
  if (!changes) {
    log_.warn("circuit_peers", "no circuit is told to other gateways",
              {{"reason", changes.error().message}});
    return;
  }
  data_directory_ = data_directory;
  folder_ = folder;
  changes_.emplace(*std::move(changes));
  thread_ = std::thread([this] { run(); });
}

void CircuitPeers::stop() {
  if (!thread_.joinable()) return;
  is_stopping_ = true;
  changes_->advance();
  thread_.join();
}

void CircuitPeers::tell(std::string_view name) {
  const bool has_line = name.find('\n') == std::string_view::npos;
  if (!changes_ || !has_line || name.size() > name_bytes_max) return;
  {
    const std::lock_guard lock(mutex_);
    const std::int64_t last = own_.empty() ? 0 : own_.back().unix_us;
    own_.push_back({std::max(unix_us_now(), last + 1), std::string(name)});
    if (own_.size() > openings_max) own_.pop_front();
    is_new_ = true;
  }
  changes_->advance();
}

void CircuitPeers::run() {
  constexpr std::chrono::hours long_time{1};
  bool is_behind = false;
  while (!is_stopping_) {
    const std::uint32_t seen = changes_->value();
    const auto written = write_own();
    if (!written && !is_behind) {
      log_.warn("circuit_peers", "other gateways are not told of a circuit",
                {{"reason", written.error().message}});
    }
    is_behind = !written;
    for (const std::string& folder : store::instance_folders(data_directory_)) {
      if (folder != folder_) hear(folder);
    }
    changes_->wait(seen, long_time);
  }
}

Result<> CircuitPeers::write_own() {
  std::string text;
  {
    const std::lock_guard lock(mutex_);
    if (!std::exchange(is_new_, false)) return {};
    for (const Opening& opening : own_) {
      text.append(std::to_string(opening.unix_us)).append(" ").append(opening.name).append("\n");
    }
  }
  WEIR_TRY(store::replace_file(folder_ + std::string(file_name), text));
  changes_->advance();
  return {};
}

void CircuitPeers::hear(const std::string& folder) {
  const auto text = store::read_file(folder + std::string(file_name), file_bytes_max);
  if (!text) return;  // most have nothing to tell
  const std::int64_t fresh = unix_us_now() - heeded_for.count();
  std::int64_t& newest = heard_[folder];
  for (std::string_view rest = *text; !rest.empty();) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    rest.remove_prefix(std::min(line.size() + 1, rest.size()));
    std::int64_t unix_us = 0;
    const auto number = std::from_chars(line.data(), line.data() + line.size(), unix_us);
    const auto digits = static_cast<std::size_t>(number.ptr - line.data());
    if (number.ec != std::errc() || digits == line.size() || unix_us <= newest) continue;
    newest = unix_us;
    if (unix_us > fresh) heed_(line.substr(digits + 1));
  }
}

}  // namespace weir::server
