// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "config/config.hpp"
#include "json/writer.hpp"
#include "pipeline/delivery.hpp"
#include "server/content_text.hpp"
#include "server/log.hpp"
#include "server/response_archive.hpp"
#include "shared_state/logged_tenants.hpp"

namespace weir::server {

/// Content as it passed, up to some length.
struct PassedContent {
  std::string body;              ///< empty where it was too long
  std::size_t bytes = 0;         ///< of the whole
  std::string_view reason = {};  ///< why it is not kept; empty: it is

  void append(std::string_view more, std::size_t bytes_max);
  [[nodiscard]] bool is_too_long() const { return body.size() < bytes; }
};

/// A call whose content is to be kept.
struct LoggedCall {
  std::string id;      ///< of the request
  std::string tenant;  ///< whose it is
  std::string target;  ///< that answered; empty: none
  PassedContent question;
  PassedContent answer;
  bool is_stream = false;  ///< the answer is events, not a whole that came in pieces
  StreamForm form = StreamForm::other;
  wire::Dialect dialect = wire::Dialect::openai_chat;
  std::int64_t now_ms = 0;
  std::chrono::milliseconds kept{0};
};

/// What clients ask and are answered, kept of those keys, users and teams that are set to it, for
/// as long as it says there (G-2): sealed with the tenant's own key, without secrets and personal
/// data.
///
/// `keep` is for any thread and never waits: it costs its caller what was copied. What the disk
/// can't take in time, or at all, is not kept, and the log says so.
class ContentLog {
 public:
  ContentLog(const config::ContentLogSettings& settings, std::string data_directory,
             ResponseArchive::MakeKeys make_keys, ResponseArchive::OnRemoved on_removed, Log& log);

  /// Whose.
  [[nodiscard]] shared_state::LoggedTenants& tenants() { return tenants_; }
  [[nodiscard]] const shared_state::LoggedTenants& tenants() const { return tenants_; }

  /// Takes over what the configuration says of whose. Where that is not what was remembered in the
  /// data directory, of an earlier process perhaps, `write_down` hears of it first. Errors: its
  /// own, `store_unavailable`; nothing has changed then.
  using WriteDown = std::function<Result<>(std::string before, std::string after)>;
  Result<> configure(const config::Config& config, const WriteDown& write_down);

  void keep(LoggedCall call);
  /// What was kept of one call, whosever. May wait for a disk. Errors: `route_unknown`,
  /// `store_unavailable`.
  Result<store::StoredResponse> find(const std::string& request_id, std::int64_t now_ms);
  /// Where it is kept.
  [[nodiscard]] ResponseArchive& archive() { return archive_; }

 private:
  void note(const Result<>& kept);

  Log& log_;
  const std::string remembered_file_;
  shared_state::LoggedTenants tenants_;
  std::atomic<std::size_t> queued_bytes_ = 0;
  std::atomic<std::int64_t> lost_ = 0;  ///< since the last that was kept
  ResponseArchive archive_;             ///< last: its thread uses the others
};

/// An entry of the log, as the administration shows it.
void write_logged_content(json::Writer& json, const store::StoredResponse& entry);

/// Passes an answer on to its client and remembers it. What is logged of it is handed over before
/// the client has its end: who has read that may ask for what was logged, or have it erased.
class ContentChannel final : public pipeline::PassingChannel {
 public:
  /// Hands it over.
  using OnWhole = std::function<void(ContentChannel& content)>;
  ContentChannel(pipeline::ClientChannel& inner, std::size_t bytes_max, OnWhole on_whole)
      : PassingChannel(inner), bytes_max_(bytes_max), on_whole_(std::move(on_whole)) {}

  net::Task<bool> respond(int status, std::string_view fields, std::string_view body) override;
  net::Task<bool> begin(int status, std::string_view fields) override;
  net::Task<bool> write(std::string_view bytes) override;
  net::Task<bool> end() override;
  void on_settled(const pipeline::CallResult& result) override;
  /// Hands over what there is, unless an end has passed here.
  void conclude();

  /// Who answered, once that is settled; empty: nobody.
  [[nodiscard]] const std::string& target() const { return target_; }
  [[nodiscard]] PassedContent take_answer() { return std::move(answer_); }
  /// It came in pieces.
  [[nodiscard]] bool is_stream() const { return is_stream_; }
  /// They are server-sent events.
  [[nodiscard]] bool has_events() const { return has_events_; }

 private:
  const std::size_t bytes_max_;
  const OnWhole on_whole_;
  bool is_concluded_ = false;
  bool is_settled_ = false;
  std::string target_;
  std::string held_;  ///< of the answer's end
  PassedContent answer_;
  bool is_stream_ = false;
  bool has_events_ = false;
};

}  // namespace weir::server
