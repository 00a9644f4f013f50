// SPDX-License-Identifier: Apache-2.0
//
// weir whatif: what the calls of the ledger had cost, and how long they had taken, under another
// configuration.

#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/money.hpp"
#include "cli/commands.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "cli/times.hpp"
#include "engine/engine.hpp"
#include "json/writer.hpp"
#include "ledger/reader.hpp"
#include "store/spool_files.hpp"
#include "usage/whatif.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir whatif --route cheaper.yaml                     all that was written down\n"
    "  weir whatif --route cheaper.yaml --since 2026-11-01  from that day on\n"
    "  weir whatif --route cheaper.yaml --data-dir DIR      of a ledger that lies elsewhere\n"
    "\n"
    "The file is laid over the configuration, so it needs to hold only what is different:\n"
    "  models: { smart: { strategy: least_cost, targets: [openai/gpt-5.6-luna, mock/mock] } }";

struct Options {
  std::string route;
  std::string since;
  std::string until;
  std::string data_dir;
  bool is_json = false;
};

struct Range {
  std::int64_t from_ms = 0;
  std::int64_t before_ms = std::numeric_limits<std::int64_t>::max();
  [[nodiscard]] bool holds(const ledger::CallRecord& call) const {
    return call.ended_ms >= from_ms && call.ended_ms < before_ms;
  }
};

Result<> read_bound(std::string_view option, const std::string& text, std::int64_t& out) {
  if (text.empty()) return {};
  WEIR_TRY_ASSIGN(read, read_time(option, text, engine::SystemClock().unix_ms()));
  out = read;
  return {};
}

template <class Take>
Result<> for_each_call(const std::string& folder, const Range& range, Take take) {
  WEIR_TRY_ASSIGN(from, ledger::position_of(store::system_spool_files(), folder, range.from_ms));
  WEIR_TRY_ASSIGN(reader, ledger::Reader::open(folder, std::move(from)));
  for (;;) {
    WEIR_TRY_ASSIGN(entry, reader.next());
    if (!entry) return {};
    if (range.holds(entry->call)) take(entry->call);
  }
}

std::string change_of(std::int64_t before, std::int64_t after) {
  if (before == 0) return "-";
  std::array<char, 32> text{};
  const double percent = 100.0 * static_cast<double>(after - before) / static_cast<double>(before);
  std::snprintf(text.data(), text.size(), "%+.1f%%", percent);
  return text.data();
}

std::string time_of(const health::Sketch& sketch, int permille) {
  const auto us = sketch.quantile(permille);
  return us ? duration(std::chrono::milliseconds((*us + 500) / 1000)) : "-";
}

Row row_of(const std::string& name, const usage::WhatIfRow& row) {
  std::string targets;
  for (const auto& [target, count] : row.targets) {
    if (!targets.empty()) targets += ", ";
    targets += target + " " + std::to_string(count);
  }
  if (row.unserved > 0)
    targets += (targets.empty() ? "" : ", ") + std::string("none ") + std::to_string(row.unserved);
  return {name,
          std::to_string(row.requests),
          "$" + to_usd_text(NanoUsd(row.cost)),
          (row.unpriced > 0 ? "~$" : "$") + to_usd_text(NanoUsd(row.projected_cost)),
          change_of(row.cost, row.projected_cost),
          time_of(row.times, 500),
          time_of(row.projected_times, 500),
          time_of(row.times, 950),
          time_of(row.projected_times, 950),
          targets};
}

void append(json::Writer& json, const usage::WhatIfRow& row) {
  json.member("requests", row.requests).member("unserved", row.unserved);
  json.member("unpriced", row.unpriced).member("untimed", row.untimed);
  json.member("cost_nanousd", row.cost).member("projected_cost_nanousd", row.projected_cost);
  const auto time = [&](std::string_view name, const health::Sketch& sketch, int permille) {
    json.key(name);
    if (const auto us = sketch.quantile(permille)) {
      json.integer((*us + 500) / 1000);
    } else {
      json.null();
    }
  };
  time("latency_p50_ms", row.times, 500);
  time("projected_latency_p50_ms", row.projected_times, 500);
  time("latency_p95_ms", row.times, 950);
  time("projected_latency_p95_ms", row.projected_times, 950);
  json.key("targets").begin_object();
  for (const auto& [target, count] : row.targets) json.member(target, count);
  json.end_object();
}

std::string shown(const usage::WhatIf& whatif, bool is_json) {
  if (!is_json) {
    std::vector<Row> rows{{"ROUTE", "REQUESTS", "COST", "PROJECTED", "CHANGE", "p50", "PROJECTED",
                           "p95", "PROJECTED", "TARGETS"}};
    for (const auto& [name, row] : whatif.rows()) rows.push_back(row_of(name, row));
    rows.push_back(row_of("total", whatif.total()));
    return table(rows);
  }
  std::string out;
  json::Writer json(out);
  json.begin_object().key("routes").begin_array();
  for (const auto& [name, row] : whatif.rows()) {
    json.begin_object().member("route", name);
    append(json, row);
    json.end_object();
  }
  json.end_array().key("total").begin_object();
  append(json, whatif.total());
  json.end_object().end_object();
  return out + "\n";
}

Result<std::string> replay(const Options& options, const std::string& folder,
                           const Offline& offline) {
  Range range;
  WEIR_TRY(find_ledger(folder));
  WEIR_TRY(read_bound("--since", options.since, range.from_ms));
  WEIR_TRY(read_bound("--until", options.until, range.before_ms));
  usage::RecordedTimes times;
  WEIR_TRY(for_each_call(folder, range, [&](const auto& call) { times.add(call); }));
  std::map<std::string, std::shared_ptr<const pipeline::Route>> routes;
  const auto find = [&](const std::string& name) {
    const auto known = routes.find(name);
    if (known != routes.end()) return known->second.get();
    const auto route = offline.snapshot().route(name);
    return (routes[name] = route ? *route : nullptr).get();
  };
  usage::WhatIf whatif(find, times);
  WEIR_TRY(for_each_call(folder, range, [&](const auto& call) { whatif.add(call); }));
  return shown(whatif, options.is_json);
}

void what_if(Context& context, const Options& options) {
  std::string folder = options.data_dir;
  if (folder.empty()) {
    const auto present = load_config(context);
    if (!present) return;
    folder = config::data_directory(*present, context.environment, ::geteuid() == 0);
  }
  context.load.overlay_file = options.route;
  auto other = load_config(context);
  if (!other) return;
  Offline offline;
  auto opened = offline.open(std::move(*other), context.environment);
  if (!opened) {
    print_error(opened.error().message + "\n");
    context.exit_code = ExitCode::config;
    return;
  }
  const auto text = replay(options, folder, offline);
  if (text) return print(*text);
  print_error(text.error().message + "\n");
  const bool is_misuse = text.error().code == ErrorCode::invalid_request;
  context.exit_code = is_misuse ? ExitCode::usage : ExitCode::failed;
}

}  // namespace

void add_whatif(Command& app, Context& context) {
  Command command = app.add_subcommand("whatif", "Replay the ledger against another configuration");
  command.footer(examples);
  auto options = std::make_shared<Options>();
  command.add_option("--route", options->route, "File laid over the configuration").required();
  command.add_option("--data-dir", options->data_dir, "Data directory, in place of the configured");
  command.add_option("--since", options->since,
                     "Calls that ended from then on: a date, in UTC, or 7d before now");
  command.add_option("--until", options->until, "Calls that ended before");
  command.add_flag("--json", options->is_json, "Write JSON");
  add_load_options(command, context);
  command.callback([&context, options] { what_if(context, *options); });
}

}  // namespace weir::cli
