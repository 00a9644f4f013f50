// SPDX-License-Identifier: Apache-2.0
//
// weir log, weir ledger: what was asked of whom, and what it cost, read from the data directory. A
// gateway may run meanwhile or not.

#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <poll.h>
#include <unistd.h>

#include "base/money.hpp"
#include "base/request_id.hpp"
#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "cli/times.hpp"
#include "engine/engine.hpp"
#include "ledger/reader.hpp"
#include "ledger/record_json.hpp"
#include "ledger/verify.hpp"
#include "net/http/target.hpp"
#include "server/usage_store.hpp"
#include "store/spool_files.hpp"
#include "wire/ollama/timestamp.hpp"

namespace weir::cli {
namespace {

constexpr int poll_ms = 250;
constexpr std::size_t lines_at_once = 64;

constexpr const char* log_examples =
    "Examples:\n"
    "  weir log                                 the last 20 calls\n"
    "  weir log --follow                        and those that come\n"
    "  weir log --since 1h --user ann --json    one JSON object per line\n"
    "  weir log --id req-0190f3c2               one call with all its attempts\n"
    "  weir log --content req-0190f3c2          what was asked and answered, where that is logged\n"
    "\n"
    "Times are 2026-11-21, 2026-11-21T09:00 in UTC, or 30m, 12h, 7d before now.";

constexpr const char* ledger_examples =
    "Examples:\n"
    "  weir ledger verify                       exit status 1 when anything is wrong\n";

struct LogOptions {
  std::string data_dir;
  bool follows = false;
  bool is_json = false;
  std::string since;
  std::string until;
  std::string key;
  std::string user;
  std::string team;
  std::string organisation;
  std::string model;
  std::string provider;
  std::string route;
  std::string outcome;
  std::string id;
  std::string content;
  std::string admin_url;
  std::size_t limit = 20;
};

/// What the options ask for.
struct Filter {
  const LogOptions& options;
  std::int64_t since_ms;
  std::int64_t until_ms;
  std::optional<ledger::Outcome> outcome;

  [[nodiscard]] bool takes(const ledger::CallRecord& call) const {
    const auto is = [](const std::string& wanted, const std::string& has) {
      return wanted.empty() || wanted == has;
    };
    return call.ended_ms >= since_ms && call.ended_ms < until_ms &&
           (!outcome || *outcome == call.outcome) && is(options.key, call.key) &&
           is(options.user, call.user) && is(options.team, call.team) &&
           is(options.organisation, call.organisation) && is(options.provider, call.provider) &&
           is(options.route, call.route) && is(options.id, call.request_id) &&
           (is(options.model, call.model) || options.model == call.target);
  }
};

Result<Filter> make_filter(const LogOptions& options) {
  Filter filter{options, 0, std::numeric_limits<std::int64_t>::max(), std::nullopt};
  const std::int64_t now_ms = engine::SystemClock().unix_ms();
  if (!options.since.empty()) {
    WEIR_TRY_ASSIGN(since_ms, read_time("--since", options.since, now_ms));
    filter.since_ms = since_ms;
  }
  if (!options.until.empty()) {
    WEIR_TRY_ASSIGN(until_ms, read_time("--until", options.until, now_ms));
    filter.until_ms = until_ms;
  }
  if (options.outcome.empty()) return filter;
  filter.outcome = ledger::parse_outcome(options.outcome);
  if (!filter.outcome) {
    return Error(ErrorCode::invalid_request,
                 "'" + options.outcome +
                     "' is no outcome: completed, failed, aborted_upstream, cancelled_client, "
                     "shutdown, unknown");
  }
  return filter;
}

std::string line_of(const ledger::CallRecord& call) {
  std::string line = wire::ollama::format_timestamp(call.ended_ms / 1000);
  const auto add = [&line](std::string_view text) {
    line.append("  ").append(text.empty() ? "-" : text);
  };
  add(call.request_id);
  add(name(call.outcome));
  add(call.route);
  add(call.target);
  add(call.user.empty() ? call.key : call.user);
  add(std::to_string(call.usage.input_total()) + " in " +
      std::to_string(call.usage.output_total()) + " out" +
      (call.has(ledger::flag::estimated) ? " (estimated)" : ""));
  add("$" + to_usd_text(NanoUsd(call.cost_nanousd)));
  add(duration(std::chrono::milliseconds(call.ended_ms - call.started_ms)));
  if (call.attempts.size() > 1) add(counted(call.attempts.size(), "attempt"));
  if (!call.error.empty()) add(call.error);
  return harmless(line) + "\n";
}

std::string shown(const ledger::CallRecord& call, bool is_json) {
  if (!is_json) return line_of(call);
  std::string line;
  json::Writer json(line);
  ledger::write_json(json, call);
  return line + "\n";
}

/// What the index of the ledger knows of one call.
struct Indexed {
  std::optional<ledger::CallRecord> call;
  ledger::Position read;  ///< so far it goes
};

/// An index that is not there, or can't be read, knows nothing. Looking makes none.
Indexed look_up(const server::UsagePlace& ledger, const std::string& request_id) {
  Indexed indexed;
  const auto store = server::find_usage_store(ledger);
  if (!store || *store == nullptr) return indexed;
  if (auto position = (*store)->position()) indexed.read = *std::move(position);
  const auto place = (*store)->find(request_id);
  if (!place || !*place) return indexed;
  if (auto call = ledger::read_at(ledger.data_directory, **place)) indexed.call = *std::move(call);
  return indexed;
}

/// Of the calls that ended until `until_ms`. True: it was shown.
Result<bool> show_first(const std::string& data_directory, const Filter& filter,
                        ledger::Position from,
                        std::int64_t until_ms = std::numeric_limits<std::int64_t>::max()) {
  WEIR_TRY_ASSIGN(reader, ledger::Reader::open(data_directory, std::move(from)));
  for (;;) {
    WEIR_TRY_ASSIGN(entry, reader.next());
    if (!entry || entry->call.ended_ms > until_ms) return false;
    if (!filter.takes(entry->call)) continue;
    print(shown(entry->call, true));
    return true;
  }
}

/// What the index has forgotten. An id tells when its call began: with a clock that was set back
/// meanwhile, and no call takes a day.
Result<bool> show_forgotten(const std::string& data_directory, const Filter& filter) {
  constexpr std::int64_t hour_ms = 3'600'000;
  const auto began = time_of_request_id(filter.options.id);
  if (!began) return show_first(data_directory, filter, {});
  WEIR_TRY_ASSIGN(
      from, ledger::position_of(store::system_spool_files(), data_directory, *began - hour_ms));
  return show_first(data_directory, filter, std::move(from), *began + 24 * hour_ms);
}

/// The index answers at once; what it does not know yet is at the end of the ledger.
Result<bool> log_one(const server::UsagePlace& place, const Filter& filter) {
  const std::string& data_directory = place.data_directory;
  Indexed indexed = look_up(place, filter.options.id);
  if (indexed.call && filter.takes(*indexed.call)) {
    print(shown(*indexed.call, true));
    return true;
  }
  const bool has_index = indexed.read != ledger::Position();
  WEIR_TRY_ASSIGN(is_shown, show_first(data_directory, filter, std::move(indexed.read)));
  if (is_shown || !has_index) return is_shown;
  return show_forgotten(data_directory, filter);
}

/// Whether there was a call that was asked for, where one was named.
Result<bool> log(const server::UsagePlace& place, const LogOptions& options) {
  WEIR_TRY_ASSIGN(filter, make_filter(options));
  if (!options.follows) {
    WEIR_TRY(find_ledger(place.data_directory));
  }
  if (!options.id.empty() && !options.follows) {
    WEIR_TRY_ASSIGN(is_there, log_one(place, filter));
    if (!is_there) print_error("the ledger has no such call\n");
    return is_there;
  }
  WEIR_TRY_ASSIGN(from, ledger::position_of(store::system_spool_files(), place.data_directory,
                                            filter.since_ms));
  WEIR_TRY_ASSIGN(reader, ledger::Reader::open(place.data_directory, std::move(from)));
  // One call is shown with its attempts.
  const bool is_json = options.is_json || !options.id.empty();
  // Of millions of calls few are shown, so only those become text.
  std::deque<ledger::CallRecord> last;
  bool has_any = false;
  bool is_following = false;
  const auto print_last = [&] {
    std::string lines;
    for (const auto& call : last) lines += shown(call, is_json);
    print(lines);
    last.clear();
  };
  for (;;) {
    WEIR_TRY_ASSIGN(entry, reader.next());
    if (entry && filter.takes(entry->call)) {
      has_any = true;
      ledger::CallRecord room;
      if (!is_following && options.limit > 0 && last.size() == options.limit) {
        room = std::move(last.front());
        last.pop_front();
      }
      std::swap(room, entry->call);
      last.push_back(std::move(room));
    }
    // All of them may be more than there is memory for.
    if (entry && !is_following && (options.limit > 0 || last.size() < lines_at_once)) continue;
    print_last();
    if (entry) continue;
    if (!options.follows) break;
    is_following = true;
    ::poll(nullptr, 0, poll_ms);
  }
  if (!has_any && !is_json) print_error("there are no such calls\n");
  return true;
}

/// Content is sealed: the gateway has it, and shows it to who may see it.
void show_content(Context& context, const LogOptions& options) {
  const std::string path = "/api/content/" + net::http::percent_encode(options.content);
  const auto answer = ask_admin(admin_access(context, options.admin_url), "GET", path);
  if (answer) return print(*answer + "\n");
  print_error(answer.error().message + "\n");
  context.exit_code = ExitCode::failed;
}

struct Count {
  std::string_view what;
  std::string_view member;  ///< of the JSON
  std::uint64_t count;
};

std::vector<Count> wrongs_of(const ledger::Verification& found) {
  return {{"records missing", "records_missing", found.records_missing},
          {"bytes unreadable", "bytes_unreadable", found.bytes_unreadable},
          {"segments unreadable", "segments_unreadable", found.segments_unreadable},
          {"calls settled twice", "settled_twice", found.settlements_doubled},
          {"calls never settled", "never_settled", found.settlements_missing},
          {"calls with wrong sums", "sums_wrong", found.sums_wrong},
          {"calls with negative counts", "negative", found.negative}};
}

std::string json_of(const ledger::Verification& found) {
  std::string text;
  json::Writer json(text);
  const auto add = [&json](std::string_view member, std::uint64_t count) {
    json.member(member, static_cast<std::int64_t>(count));
  };
  json.begin_object().member("sound", found.is_sound());
  add("segments", found.segments);
  add("records", found.records);
  add("calls", found.calls);
  add("under_way", found.under_way);
  json.member("cost_nanousd", found.cost_nanousd);
  json.member("exposure_nanousd", found.exposure_nanousd);
  for (const Count& wrong : wrongs_of(found)) add(wrong.member, wrong.count);
  json.end_object();
  return text + "\n";
}

Result<bool> verify_ledger(const std::string& data_directory, bool is_json) {
  WEIR_TRY(find_ledger(data_directory));
  WEIR_TRY_ASSIGN(found, ledger::verify(store::system_spool_files(), data_directory));
  if (is_json) {
    print(json_of(found));
    return found.is_sound();
  }
  std::vector<Row> rows;
  const auto add = [&rows](std::string_view what, std::uint64_t count) {
    rows.push_back({std::string(what), std::to_string(count)});
  };
  add("segments", found.segments);
  add("records", found.records);
  add("calls", found.calls);
  add("calls under way", found.under_way);
  rows.push_back({"cost", "$" + to_usd_text(NanoUsd(found.cost_nanousd))});
  rows.push_back({"exposure", "$" + to_usd_text(NanoUsd(found.exposure_nanousd))});
  for (const Count& wrong : wrongs_of(found)) {
    if (wrong.count > 0) add(wrong.what, wrong.count);
  }
  print(table(rows));
  print(found.is_sound() ? "the ledger is sound\n" : "the ledger is damaged\n");
  return found.is_sound();
}

/// `--data-dir`, or what the configuration says. Nothing after its problems were printed.
std::optional<server::UsagePlace> place_of(Context& context, const std::string& said) {
  if (!said.empty()) return server::UsagePlace{said};
  const auto config = load_config(context);
  if (!config) return std::nullopt;
  return server::UsagePlace{config::data_directory(*config, context.environment, ::geteuid() == 0),
                            config->ledger.store};
}

void finish(Context& context, const Result<bool>& result) {
  if (result && *result) return;
  const bool is_misuse = !result && result.error().code == ErrorCode::invalid_request;
  context.exit_code = is_misuse ? ExitCode::usage : ExitCode::failed;
  if (!result) print_error(result.error().message + "\n");
}

}  // namespace

void add_log(Command& app, Context& context) {
  Command command = app.add_subcommand("log", "Show the calls that the ledger has");
  command.footer(log_examples);
  auto options = std::make_shared<LogOptions>();
  command.add_option("--data-dir", options->data_dir, "Data directory, in place of the configured");
  command.add_flag("-f,--follow", options->follows, "Go on with the calls that come");
  command.add_flag("--json", options->is_json, "One JSON object per line, with all attempts");
  command.add_option("--since", options->since, "Ended at or after");
  command.add_option("--until", options->until, "Ended before");
  command.add_option("--key", options->key, "Of one client key");
  command.add_option("--user", options->user, "Of one user");
  command.add_option("--team", options->team, "Of one team");
  command.add_option("--organisation", options->organisation, "Of one organisation");
  command.add_option("--model", options->model, "That asked for it, or were answered by it");
  command.add_option("--provider", options->provider, "That it answered");
  command.add_option("--route", options->route, "By one route");
  command.add_option("--outcome", options->outcome, "completed, failed, ...");
  command.add_option("--id", options->id, "One call by its request id");
  command.add_option("--content", options->content,
                     "What was asked and answered by its request id; asks the running gateway");
  add_admin_options(command, context, options->admin_url);
  command.add_option("-n,--limit", options->limit, "Only the last so many; 0 is all")
      .show_default();
  command.callback([&context, options] {
    if (!options->content.empty()) return show_content(context, *options);
    const auto place = place_of(context, options->data_dir);
    if (!place) return;
    finish(context, log(*place, *options));
  });
}

void add_ledger(Command& app, Context& context) {
  Command command = app.add_subcommand("ledger", "Look after the ledger");
  command.require_subcommand(1);
  Command verify = command.add_subcommand("verify", "Check all of it: exit status 1 if damaged");
  verify.footer(ledger_examples);
  add_load_options(verify, context);
  struct Options {
    std::string data_dir;
    bool is_json = false;
  };
  auto options = std::make_shared<Options>();
  verify.add_option("--data-dir", options->data_dir, "Data directory, in place of the configured");
  verify.add_flag("--json", options->is_json, "Write JSON");
  verify.callback([&context, options] {
    const auto place = place_of(context, options->data_dir);
    if (place) finish(context, verify_ledger(place->data_directory, options->is_json));
  });
}

}  // namespace weir::cli
