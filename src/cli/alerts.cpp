// SPDX-License-Identifier: Apache-2.0
//
// weir alerts: incidents under way, what has happened, and what happens next.

#include <array>
#include <chrono>
#include <cstdio>
#include <memory>

#include "cli/answers.hpp"
#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/text.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir alerts                 incidents under way and the latest events\n"
    "  weir alerts --follow        each event as it comes, until interrupted\n"
    "  weir alerts --follow --json | jq .subject";

constexpr std::chrono::seconds ask_every{1};

struct Options {
  std::string admin_url;
  bool is_followed = false;
  bool is_json = false;
};

/// `0.25`, `1500`: as many digits as say something.
std::string number_text(json::Value event, std::string_view name) {
  const auto value = value_at(event, {name});
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.4g", value ? value->as_double() : 0.0);
  return text.data();
}

void print_event(json::Value event, bool is_json) {
  if (is_json) return print(std::string(event.raw()) + "\n");
  const bool is_raised = text_at(event, {"type"}) == "alert.raised";
  const std::int64_t lasted =
      number_at(event, {"at_unix_ms"}) - number_at(event, {"since_unix_ms"});
  print(std::string(is_raised ? "RAISED  " : "over    ") + text_at(event, {"rule"}) + "  " +
        text_at(event, {"subject"}) + "  " + text_at(event, {"metric"}) + " " +
        number_text(event, "value") + " (threshold " + number_text(event, "threshold") + ", " +
        (is_raised ? "for " : "after ") + duration(std::chrono::milliseconds(lasted)) + ")\n");
}

/// Prints what came after the event `after` and moves it on. False: nobody answers.
bool print_events(Context& context, const GatewayAccess& access, bool is_json,
                  std::int64_t& after) {
  const auto body = ask_admin(access, "GET", "/api/alerts?after=" + std::to_string(after));
  json::Document document;
  if (!body || !document.parse(*body)) {
    print_error((body ? "the answer is not one of Weir's admin API" : body.error().message) + "\n");
    context.exit_code = ExitCode::failed;
    return false;
  }
  if (const auto events = value_at(document.root(), {"events"})) {
    for (const json::Value event : events->elements()) print_event(event, is_json);
  }
  // A gateway that was started anew counts from the beginning.
  after = number_at(document.root(), {"latest_id"});
  return true;
}

void show(Context& context, const Options& options) {
  const GatewayAccess access = admin_access(context, options.admin_url);
  const auto body = ask_admin(access, "GET", "/api/alerts");
  json::Document document;
  if (!body || !document.parse(*body)) {
    print_error((body ? "the answer is not one of Weir's admin API" : body.error().message) + "\n");
    context.exit_code = ExitCode::failed;
    return;
  }
  if (options.is_json) return print(*body + "\n");
  const auto active = value_at(document.root(), {"active"});
  const auto events = value_at(document.root(), {"events"});
  std::size_t incidents = 0;
  if (active) {
    for (const json::Value incident : active->elements()) incidents += incident.is_object() ? 1 : 0;
  }
  print(counted(incidents, "incident") + " under way\n");
  if (!events) return;
  for (const json::Value event : events->elements()) print_event(event, false);
}

}  // namespace

void add_alerts(Command& app, Context& context) {
  // The callback outlives this function.
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("alerts", "Show alerts, or follow them as they come");
  command.footer(examples);
  add_admin_options(command, context, options->admin_url);
  command.add_flag("-f,--follow", options->is_followed, "Go on with each new event");
  command.add_flag("--json", options->is_json, "A JSON object per event");
  command.callback([&context, options] {
    if (!options->is_followed) return show(context, *options);
    const GatewayAccess access = admin_access(context, options->admin_url);
    std::int64_t after = 0;
    while (print_events(context, access, options->is_json, after)) pause(ask_every);
  });
}

}  // namespace weir::cli
