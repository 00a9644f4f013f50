// SPDX-License-Identifier: Apache-2.0
//
// weir health: how providers and targets have been doing, and which are the best for what.

#include <array>
#include <cstdio>
#include <memory>

#include "cli/answers.hpp"
#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/text.hpp"
#include "net/http/target.hpp"

namespace weir::cli {
namespace {

constexpr std::string_view health_path = "/api/health";

constexpr const char* examples =
    "Examples:\n"
    "  weir health                          the last hour, best provider first\n"
    "  weir health --window 5m --targets    of five minutes, with each model\n"
    "  weir health --capability vision      who takes pictures, best first\n"
    "  weir health export --format csv      the minutes of the last day\n"
    "  weir health export --points hour     the hours of 90 days, as JSON";

struct Options {
  std::string admin_url;
  std::string window = "1h";
  std::string capability;
  std::string format = "json";
  std::string points = "minute";
  std::string series;
  bool with_targets = false;
  bool is_json = false;
};

Row row_of(json::Value one, const std::string& window, const std::string& score) {
  const auto figures = value_at(one, {"windows", window});
  if (!figures) return {text_at(one, {"name"})};
  const std::int64_t judged =
      number_at(*figures, {"successes"}) + number_at(*figures, {"failures"});
  std::array<char, 32> uptime{};
  const auto up = value_at(*figures, {"uptime_percent"});
  std::snprintf(uptime.data(), uptime.size(), "%.1f%%", up ? up->as_double() : 100.0);
  std::array<char, 32> speed{};
  const auto tokens = value_at(*figures, {"tokens_per_second"});
  std::snprintf(speed.data(), speed.size(), tokens ? "%.0f" : "-",
                tokens ? tokens->as_double() : 0.0);
  return {text_at(one, {"name"}),
          score,
          std::to_string(judged),
          percent_at(*figures, {"success_rate"}),
          uptime.data(),
          duration_at(*figures, {"first_content_ms", "p50"}),
          duration_at(*figures, {"first_content_ms", "p95"}),
          duration_at(*figures, {"latency_ms", "p50"}),
          duration_at(*figures, {"latency_ms", "p95"}),
          duration_at(*figures, {"latency_ms", "p99"}),
          speed.data()};
}

/// In the order of the ranking; who is in none of it has no place.
bool print_table(std::string_view body, const Options& options) {
  json::Document document;
  if (!document.parse(body)) return false;
  const auto providers = value_at(document.root(), {"providers"});
  const auto ranking = value_at(document.root(), {"ranking"});
  if (!providers || !ranking) return false;
  std::vector<Row> rows{{"NAME", "SCORE", "CALLS", "GOOD", "UP", "FIRST p50", "p95", "WHOLE p50",
                         "p95", "p99", "TOKENS/S"}};
  for (const json::Value place : ranking->elements()) {
    const std::string name = text_at(place, {"provider"});
    std::array<char, 32> score{};
    const auto points = value_at(place, {"score"});
    std::snprintf(score.data(), score.size(), "%.1f", points ? points->as_double() : 0.0);
    for (const json::Value provider : providers->elements()) {
      if (text_at(provider, {"name"}) != name) continue;
      rows.push_back(row_of(provider, options.window, score.data()));
      const auto targets = value_at(provider, {"targets"});
      if (!options.with_targets || !targets) continue;
      for (const json::Value target : targets->elements()) {
        rows.push_back(row_of(target, options.window, ""));
      }
    }
  }
  print(table(rows));
  return true;
}

std::optional<std::string> ask(Context& context, const Options& options, const std::string& path) {
  const auto body = ask_admin(admin_access(context, options.admin_url), "GET", path);
  if (body) return *body;
  print_error(body.error().message + "\n");
  context.exit_code = ExitCode::failed;
  return std::nullopt;
}

void show(Context& context, const Options& options) {
  std::string path =
      std::string(health_path) + "?window=" + net::http::percent_encode(options.window);
  if (!options.capability.empty()) {
    path += "&capability=" + net::http::percent_encode(options.capability);
  }
  const auto body = ask(context, options, path);
  if (!body) return;
  if (options.is_json) return print(*body + "\n");
  if (print_table(*body, options)) return;
  print_error("the answer is not one of Weir's admin API\n");
  context.exit_code = ExitCode::failed;
}

void write_points(Context& context, const Options& options) {
  std::string path = std::string(health_path) +
                     "/export?format=" + net::http::percent_encode(options.format) +
                     "&points=" + net::http::percent_encode(options.points);
  if (!options.series.empty()) path += "&series=" + net::http::percent_encode(options.series);
  const auto body = ask(context, options, path);
  if (!body) return;
  print(*body);
  if (!body->ends_with('\n')) print("\n");
}

}  // namespace

void add_health(Command& app, Context& context) {
  // The callbacks outlive this function.
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("health", "Show how providers have been doing");
  command.footer(examples);
  command.fallthrough();
  add_admin_options(command, context, options->admin_url);
  command.add_option("--window", options->window, "1m, 5m, 1h (default) or 24h");
  command.add_option("--capability", options->capability,
                     "Only providers with a model that has it: vision, tools, ...");
  command.add_flag("--targets", options->with_targets, "Each model of a provider as well");
  command.add_flag("--json", options->is_json, "As the admin API gives it");
  command.require_subcommand(0, 1);
  Command points = command.add_subcommand("export", "Write the history to standard output");
  points.add_option("--format", options->format, "json (default) or csv");
  points.add_option("--points", options->points, "minute (default; of a day) or hour (of 90 days)");
  points.add_option("--series", options->series, "Only this provider, or provider/model");
  points.callback([&context, options] { write_points(context, *options); });
  command.callback([&context, options, command] {
    if (!command.has_subcommand()) show(context, *options);
  });
}

}  // namespace weir::cli
