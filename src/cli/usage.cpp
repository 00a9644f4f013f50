// SPDX-License-Identifier: Apache-2.0
//
// weir usage: what was used, by whom, and what it cost. Asked of a running gateway, or of the
// ledger in a data directory.

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/moment.hpp"
#include "base/money.hpp"
#include "cli/answers.hpp"
#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "cli/times.hpp"
#include "engine/engine.hpp"
#include "net/http/target.hpp"
#include "server/log.hpp"
#include "server/usage_answers.hpp"
#include "server/usage_watch.hpp"
#include "usage/report.hpp"
#include "wire/ollama/timestamp.hpp"

namespace weir::cli {
namespace {

constexpr std::string_view usage_path = "/api/usage";
constexpr std::string_view forecast_path = "/api/usage/forecast";
constexpr std::string_view runway_path = "/api/usage/runway";

constexpr const char* examples =
    "Examples:\n"
    "  weir usage                                  30 days, by day and model\n"
    "  weir usage --by month,team                  a year, by month and team\n"
    "  weir usage --by hour --user ann             the last day of one user\n"
    "  weir usage --by all,team --since 7d         a week, by team\n"
    "  weir usage --by key --since 2026-11-01 --format csv\n"
    "  weir usage forecast                         what this month comes to\n"
    "  weir usage runway                           what the free tiers still give today\n"
    "  weir usage reindex                          make the sums of the ledger anew\n"
    "  weir usage --data-dir DIR                   of a ledger, without a gateway: adds it up "
    "first\n"
    "\n"
    "--by takes one of hour, day, month, and any of provider, model, key, user, team,\n"
    "organisation, tag, task, route, outcome. Times are UTC.";

struct Options {
  std::string admin_url;
  std::string data_dir;
  std::string by = "day,model";
  std::string since;
  std::string until;
  std::string format = "table";
  std::vector<std::string> only = std::vector<std::string>(usage::dimension_count);
};

/// Prices are compared with those of the configuration, if there is one.
std::optional<config::Config> known_config(const Context& context) {
  auto loaded = config::load(context.load, context.environment);
  if (!loaded.ok()) return std::nullopt;
  return std::move(loaded.config);
}

/// What the gateway would answer, from the ledger itself: it may be that of a program which links
/// the library, and whoever writes it may go on meanwhile.
Result<std::string> answer_alone(const Context& context, const std::string& data_directory,
                                 const std::string& path) {
  WEIR_TRY(find_ledger(data_directory));
  const config::Config config = known_config(context).value_or(config::Config());
  const server::UsagePlace place{data_directory};
  server::Log log(config.log);
  Offline offline;
  WEIR_TRY(offline.open(config, context.environment));
  const engine::SystemClock time;
  server::UsageWatch watch(time, log, {.place = place});
  watch.set_snapshot(offline.shared_snapshot());
  WEIR_TRY(watch.catch_up());
  WEIR_TRY_ASSIGN(sums, watch.sums());
  if (path == forecast_path) return server::forecast_answer(*sums, time.unix_ms());
  if (path == runway_path) return server::runway_answer(*sums, config, time.unix_ms());
  std::string media_type;
  return server::usage_answer(*sums, net::http::Query(path.substr(path.find('?') + 1)),
                              {.name = "command", .role = identity::Role::admin}, time.unix_ms(),
                              media_type);
}

void fail(Context& context, const Error& error) {
  print_error(error.message + "\n");
  const bool is_misuse = error.code == ErrorCode::invalid_request;
  context.exit_code = is_misuse ? ExitCode::usage : ExitCode::failed;
}

std::optional<std::string> ask(Context& context, const Options& options, const std::string& path) {
  const auto body = options.data_dir.empty()
                        ? ask_admin(admin_access(context, options.admin_url), "GET", path)
                        : answer_alone(context, options.data_dir, path);
  if (body) return *body;
  fail(context, body.error());
  return std::nullopt;
}

void refuse(Context& context) {
  print_error("the answer is not one of Weir's admin API\n");
  context.exit_code = ExitCode::failed;
}

std::string money_at(json::Value row, std::string_view name) {
  return "$" + to_usd_text(NanoUsd(number_at(row, {name})));
}

std::vector<std::string> figures_of(json::Value row) {
  const std::int64_t cached = number_at(row, {"cache_read_tokens"});
  const std::int64_t input =
      number_at(row, {"input_tokens"}) + cached + number_at(row, {"cache_write_tokens"});
  return {std::to_string(number_at(row, {"requests"})),
          std::to_string(number_at(row, {"errors"})),
          std::to_string(input),
          std::to_string(cached),
          std::to_string(number_at(row, {"output_tokens"}) + number_at(row, {"reasoning_tokens"})),
          money_at(row, "cost_nanousd"),
          money_at(row, "exposure_nanousd"),
          money_at(row, "cache_savings_nanousd"),
          money_at(row, "cheapest_nanousd"),
          money_at(row, "dearest_nanousd"),
          duration_at(row, {"latency_ms", "p50"}),
          duration_at(row, {"latency_ms", "p95"})};
}

bool print_table(std::string_view body) {
  json::Document document;
  if (!document.parse(body)) return false;
  const auto by = value_at(document.root(), {"by"});
  const auto rows = value_at(document.root(), {"rows"});
  const auto total = value_at(document.root(), {"total"});
  if (!by || !rows || !total) return false;
  const bool has_period = text_at(document.root(), {"period"}) != "all";
  Row head;
  if (has_period) head.emplace_back("TIME");
  for (const json::Value dimension : by->elements()) {
    std::string title = dimension.as_string();
    for (char& c : title) c = static_cast<char>(c >= 'a' && c <= 'z' ? c - 'a' + 'A' : c);
    head.push_back(std::move(title));
  }
  const std::size_t labels = head.size();
  for (const char* title : {"REQUESTS", "ERRORS", "INPUT", "CACHED", "OUTPUT", "COST", "EXPOSURE",
                            "SAVED", "CHEAPEST", "DEAREST", "p50", "p95"}) {
    head.emplace_back(title);
  }
  std::vector<Row> lines{std::move(head)};
  const auto add = [&](Row line, json::Value row) {
    line.resize(labels);
    for (std::string& figure : figures_of(row)) line.push_back(std::move(figure));
    lines.push_back(std::move(line));
  };
  for (const json::Value row : rows->elements()) {
    Row line;
    if (has_period) line.push_back(text_at(row, {"start"}));
    for (const json::Value dimension : by->elements()) {
      std::string text = text_at(row, {dimension.as_string()});
      line.push_back(text.empty() ? "-" : std::move(text));
    }
    add(std::move(line), row);
  }
  add(labels > 0 ? Row{"total"} : Row{}, *total);
  print(table(lines));
  return true;
}

/// Times before now are those of the hour in which they were: sums are kept by the hour.
Result<std::string> moment_of(std::string_view option, const std::string& text) {
  if (text.empty() || parse_moment(text)) return text;
  WEIR_TRY_ASSIGN(ms, read_time(option, text, engine::SystemClock().unix_ms()));
  return wire::ollama::format_timestamp((ms - ms % usage::hour_ms) / 1000);
}

Result<std::string> query_of(const Options& options) {
  WEIR_TRY_ASSIGN(since, moment_of("--since", options.since));
  WEIR_TRY_ASSIGN(until, moment_of("--until", options.until));
  std::string path = std::string(usage_path) + "?by=" + net::http::percent_encode(options.by);
  const auto add = [&](std::string_view name, const std::string& value) {
    if (value.empty()) return;
    path.append("&").append(name).append("=").append(net::http::percent_encode(value));
  };
  add("since", since);
  add("until", until);
  for (std::size_t i = 0; i < usage::dimension_count; ++i) {
    add(usage::dimension_names[i], options.only[i]);
  }
  add("format", options.format == "csv" ? "csv" : "json");
  return path;
}

void show(Context& context, const Options& options) {
  const auto query = query_of(options);
  if (!query) return fail(context, query.error());
  const auto body = ask(context, options, *query);
  if (!body) return;
  if (options.format == "csv") return print(*body);
  if (options.format == "json") return print(*body + "\n");
  if (!print_table(*body)) refuse(context);
}

void show_forecast(Context& context, const Options& options) {
  const auto body = ask(context, options, std::string(forecast_path));
  if (!body) return;
  if (options.format == "json") return print(*body + "\n");
  json::Document document;
  if (!document.parse(*body)) return refuse(context);
  const json::Value root = document.root();
  print(table({{"MONTH", "SPENT", "PER DAY", "EXPECTED"},
               {text_at(root, {"month"}), money_at(root, "spent_nanousd"),
                dollars(number_at(root, {"per_day_nanousd"})),
                dollars(number_at(root, {"expected_nanousd"}))}}));
}

std::string left_at(json::Value provider, std::string_view name) {
  if (!value_at(provider, {name})) return "-";
  return std::to_string(number_at(provider, {name, "left"})) + " of " +
         std::to_string(number_at(provider, {name, "limit"}));
}

void show_runway(Context& context, const Options& options) {
  const auto body = ask(context, options, std::string(runway_path));
  if (!body) return;
  if (options.format == "json") return print(*body + "\n");
  json::Document document;
  if (!document.parse(*body)) return refuse(context);
  const json::Value root = document.root();
  const auto providers = value_at(root, {"providers"});
  if (!providers) return refuse(context);
  std::vector<Row> rows{
      {"PROVIDER", "REQUESTS TODAY", "TOKENS TODAY", "REQUESTS THIS MONTH", "TOKENS THIS MONTH"}};
  for (const json::Value one : providers->elements()) {
    const std::string model = text_at(one, {"model"});
    const std::string name = text_at(one, {"provider"});
    rows.push_back({model.empty() ? name : name + "/" + model, left_at(one, "requests_today"),
                    left_at(one, "tokens_today"), left_at(one, "requests_this_month"),
                    left_at(one, "tokens_this_month")});
  }
  if (rows.size() == 1) return print("No provider with a free tier is configured.\n");
  print(table(rows));
  const auto minutes = value_at(root, {"minutes_left"});
  print("left today: " + std::to_string(number_at(root, {"requests_left_today"})) + " requests, " +
        std::to_string(number_at(root, {"tokens_left_today"})) + " tokens");
  print(minutes && minutes->is_number()
            ? ", for " + duration(std::chrono::minutes(number_at(root, {"minutes_left"}))) +
                  " at the present rate\n"
            : "\n");
}

/// Forgets the sums and adds up the whole ledger again. A gateway that runs goes on from where this
/// has come to, or helps: what one has added the other doesn't.
Result<std::int64_t> reindex(Context& context, const Options& options, config::Config config) {
  server::UsagePlace place{options.data_dir};
  if (options.data_dir.empty()) {
    place = {config::data_directory(config, context.environment, ::geteuid() == 0),
             config.ledger.store};
  }
  WEIR_TRY_ASSIGN(store, server::open_usage_store(place));
  WEIR_TRY(store->clear());
  server::Log log(config.log);
  Offline offline;
  WEIR_TRY(offline.open(std::move(config), context.environment));
  const engine::SystemClock time;
  server::UsageWatch watch(time, log, {.place = place});
  watch.set_snapshot(offline.shared_snapshot());
  watch.start();
  watch.stop();  // once all is added
  watch.join();
  WEIR_TRY_ASSIGN(report, usage::ask(*store, {.before_ms = time.unix_ms() + usage::day_ms,
                                              .with_times = false}));
  return report.total.requests;
}

void reindex_all(Context& context, const Options& options) {
  auto config = load_config(context);
  if (!config) return;
  const auto requests = reindex(context, options, *std::move(config));
  if (requests) return print(std::to_string(*requests) + " requests\n");
  fail(context, requests.error());
}

}  // namespace

void add_usage(Command& app, Context& context) {
  // The callbacks outlive this function.
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("usage", "Show what was used and what it cost");
  command.footer(examples);
  command.fallthrough();
  add_admin_options(command, context, options->admin_url);
  command.add_option("--data-dir", options->data_dir,
                     "Data directory to add up, in place of asking a gateway");
  command.add_option("--by", options->by, "What to tell apart (default: day,model)");
  command.add_option("--since", options->since, "From this date or hour, or 7d, 12h before now");
  command.add_option("--until", options->until, "To before it");
  command.add_option("--format", options->format, "table (default), json or csv")
      .one_of({"table", "json", "csv"});
  command.add_flag("--json", [options] { options->format = "json"; }, "The same as --format json");
  for (std::size_t i = 0; i < usage::dimension_count; ++i) {
    const std::string name(usage::dimension_names[i]);
    command.add_option("--" + name, options->only[i], "Only this " + name);
  }
  command.require_subcommand(0, 1);
  Command month = command.add_subcommand("forecast", "What this month comes to");
  month.callback([&context, options] { show_forecast(context, *options); });
  Command runway = command.add_subcommand("runway", "What the free tiers still give");
  runway.callback([&context, options] { show_runway(context, *options); });
  Command again = command.add_subcommand("reindex", "Make the sums of the ledger anew");
  again.callback([&context, options] { reindex_all(context, *options); });
  command.callback([&context, options, command] {
    if (!command.has_subcommand()) show(context, *options);
  });
}

}  // namespace weir::cli
