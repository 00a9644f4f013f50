// SPDX-License-Identifier: Apache-2.0
//
// weir providers: how each provider is doing, and changes to them while the gateway runs.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <memory>
#include <vector>

#include "admin/views.hpp"
#include "base/money.hpp"
#include "cli/answers.hpp"
#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "net/http/target.hpp"

namespace weir::cli {
namespace {

constexpr std::string_view providers_path = "/api/llm-providers";

constexpr const char* examples =
    "Examples:\n"
    "  weir providers                                        how each one is doing\n"
    "  weir providers add mine type=openai api_key=env:MY_KEY\n"
    "  weir providers add lab base_url=http://10.0.0.7:8000 allow_private=true\n"
    "  weir providers set mine limits.requests_per_minute=500 enabled=true --save\n"
    "  weir providers remove mine\n"
    "  weir providers reset mine                             close its circuit breaker\n"
    "  weir providers circuit mine forced_open               take it out until it is `closed` "
    "again\n"
    "  weir providers --watch                                a live table, until interrupted\n"
    "\n"
    "Changes go to the running gateway. They last until it stops, or with --save for good: then\n"
    "they are written into its configuration file. `env:NAME` is looked up by the gateway.\n"
    "`api_key=-` reads the key from standard input, so that it is in no history.";

/// What all subcommands take.
struct Options {
  std::string admin_url;
  std::string name;
  std::vector<std::string> assignments;
  bool is_saved = false;
  bool is_json = false;
  bool is_watched = false;
  std::string order;  ///< for a circuit breaker
};

// ---- the table ------------------------------------------------------------------------------

/// `open, 9 s left; cooling down after rate, 30 s left`.
std::string state_of(json::Value one) {
  const auto left = [](std::int64_t ms) {
    return ms > 0 ? ", " + duration(std::chrono::milliseconds(ms)) + " left" : std::string();
  };
  std::string text = text_at(one, {"circuit", "state"});
  text += left(number_at(one, {"circuit", "remaining_ms"}));
  if (const std::int64_t cooling = number_at(one, {"cooldown", "remaining_ms"}); cooling > 0) {
    text += "; cooling down after " + text_at(one, {"cooldown", "cause"}) + left(cooling);
  }
  return text;
}

/// Of the targets of a provider only those are shown that are not as they should be.
void append_targets(json::Value provider, std::vector<Row>& rows) {
  const auto targets = provider.find("targets");
  if (!targets || !targets->is_array()) return;
  for (const json::Value target : targets->elements()) {
    std::string state = state_of(target);
    if (state == "closed") continue;
    Row row(rows.front().size());
    row[0] = "  " + text_at(target, {"name"});
    row[3] = std::move(state);
    rows.push_back(std::move(row));
  }
}

Row row_of(json::Value provider) {
  const auto rate = provider.find("success_rate");
  const std::string success =
      rate && rate->is_number() ? std::to_string(std::lround(rate->as_double() * 100)) + "%" : "-";
  const std::int64_t latency = number_at(provider, {"latency_ms", "total"});
  const std::int64_t tokens = number_at(provider, {"today", "input_tokens"}) +
                              number_at(provider, {"today", "output_tokens"});
  const auto cost = parse_usd(text_at(provider, {"today", "cost_usd"}));
  return {text_at(provider, {"name"}),
          text_at(provider, {"type"}),
          text_at(provider, {"health"}),
          state_of(provider),
          std::to_string(number_at(provider, {"today", "attempts"})),
          success,
          latency > 0 ? duration(std::chrono::milliseconds(latency)) : "-",
          std::to_string(tokens),
          cost ? dollars(cost->count()) : "-",
          text_at(provider, {"source"})};
}

std::string gigabytes(std::int64_t bytes) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f GB", static_cast<double>(bytes) * 1e-9);
  return text.data();
}

/// Of the servers that tell how much memory their models take.
std::string memory_lines(json::Value providers) {
  std::string lines;
  for (const json::Value one : providers.elements()) {
    const std::int64_t models = number_at(one, {"memory", "models_loaded"});
    if (models == 0) continue;
    lines.append(text_at(one, {"name"})).append(" holds ").append(counted(models, "model"));
    lines.append(" in memory: ").append(gigabytes(number_at(one, {"memory", "bytes"})));
    lines.append(", ").append(gigabytes(number_at(one, {"memory", "vram_bytes"})));
    lines.append(" of it on graphics cards\n");
  }
  return lines;
}

bool print_table(std::string_view body) {
  json::Document document;
  const auto list =
      document.parse(body) ? document.root().find("providers") : std::optional<json::Value>();
  if (!list || !list->is_array()) {
    print_error("the answer is not one of Weir's admin API\n");
    return false;
  }
  std::vector<Row> rows{
      {"NAME", "TYPE", "HEALTH", "CIRCUIT", "CALLS", "GOOD", "LATENCY", "TOKENS", "COST", "FROM"}};
  for (const json::Value provider : list->elements()) {
    rows.push_back(row_of(provider));
    append_targets(provider, rows);
  }
  print(table(rows) + memory_lines(*list));
  return true;
}

void list_offline(Context& context, bool is_json) {
  std::vector<std::string> notes;
  auto config = load_config(context, &notes);
  if (!config) return;
  Offline offline;
  if (const auto opened = offline.open(*std::move(config), context.environment); !opened) {
    print_error(opened.error().message + "\n");
    context.exit_code = ExitCode::config;
    return;
  }
  const admin::DayStart day;
  const std::string body =
      admin::providers_json({offline.resolver(), offline.snapshot().upstreams(), {}, day});
  if (is_json) return print(body + "\n");
  print_table(body);
  for (const std::string& note : notes) print("note: " + note + "\n");
  print(
      dim("From the configuration; the gateway is not running here. Start it with: weir serve\n"));
}

void list_providers(Context& context, const Options& options) {
  const GatewayAccess access = admin_access(context, options.admin_url);
  const auto body = ask_admin(access, "GET", providers_path);
  if (body) {
    if (options.is_json) return print(*body + "\n");
    if (!print_table(*body)) context.exit_code = ExitCode::failed;
    return;
  }
  const bool is_asked_for =
      !options.admin_url.empty() || context.environment.get("WEIR_ADMIN_URL").has_value();
  if (!is_asked_for && body.error().code == ErrorCode::upstream_unreachable) {
    return list_offline(context, options.is_json);
  }
  print_error(body.error().message + "\n");
  context.exit_code = ExitCode::failed;
}

/// The table anew each second, in its place where the output is a terminal.
void watch_providers(Context& context, const Options& options) {
  constexpr std::chrono::seconds ask_every{1};
  constexpr std::string_view clear_screen = "\x1b[H\x1b[J";
  const GatewayAccess access = admin_access(context, options.admin_url);
  for (;;) {
    const auto body = ask_admin(access, "GET", providers_path);
    if (is_terminal_output()) print(clear_screen);
    if (!body) {
      print_error(body.error().message + "\n");
      context.exit_code = ExitCode::failed;
      return;
    }
    if (!print_table(*body)) return;
    pause(ask_every);
  }
}

// ---- changes --------------------------------------------------------------------------------

bool is_key(json::Value value) {
  const std::string text = value.is_string() ? value.as_string() : std::string(value.raw());
  return text != "-" && text != "null" && !text.empty() && !text.starts_with("env:") &&
         !text.starts_with("file:") && !text.starts_with("secret:");
}

/// A key itself would be in the history and in the list of processes (Y-9).
bool shows_a_key(const std::string& assignment) {
  const std::string body = assignments_json({assignment});
  json::Document document;
  if (!document.parse(body)) return false;
  if (const auto key = document.root().find("api_key"); key && is_key(*key)) return true;
  const auto keys = document.root().find("api_keys");
  if (!keys) return false;
  if (!keys->is_array()) return is_key(*keys);
  for (const json::Value key : keys->elements()) {
    if (is_key(key)) return true;
  }
  return false;
}

/// The assignments as JSON, with `-` read from standard input. Empty: they are none.
std::string body_of(const Options& options, const std::string& name) {
  std::vector<std::string> assignments = options.assignments;
  for (std::string& assignment : assignments) {
    constexpr std::string_view from_input = "api_key=-";
    if (assignment != from_input) continue;
    std::string quoted;
    json::append_string(quoted, read_line());
    assignment = "api_key=" + quoted;
  }
  if (!name.empty()) {
    std::string quoted;
    json::append_string(quoted, name);
    assignments.push_back("name=" + quoted);
  }
  return assignments_json(assignments);
}

/// Makes one change and saves it where that is wished.
void change(Context& context, const Options& options, std::string_view method,
            std::string_view path, std::string body, std::string_view done) {
  const GatewayAccess access = admin_access(context, options.admin_url);
  auto answer = ask_admin(access, method, path, std::move(body));
  if (answer && options.is_saved) answer = ask_admin(access, "POST", "/api/config/save");
  if (!answer) {
    print_error(answer.error().message + "\n");
    context.exit_code = ExitCode::failed;
    return;
  }
  print(options.name + " " + std::string(done));
  json::Document document;
  const auto file = document.parse(*answer) ? document.root().find("file") : std::nullopt;
  print(options.is_saved && file ? ", written to " + text_at(document.root(), {"file"}) + "\n"
                                 : std::string("\n"));
}

std::string path_of(const std::string& name, std::string_view rest = {}) {
  return std::string(providers_path) + "/" + net::http::percent_encode(name) + std::string(rest);
}

void add_or_set(Context& context, const Options& options, bool is_new) {
  if (std::any_of(options.assignments.begin(), options.assignments.end(), shows_a_key)) {
    print_error(
        "a key among the arguments is seen by others; write api_key=- and type it, or name where "
        "it is: env:NAME, file:PATH, secret:NAME\n");
    context.exit_code = ExitCode::usage;
    return;
  }
  std::string body = body_of(options, is_new ? options.name : "");
  if (body.empty()) {
    print_error("settings are written as key=value, such as limits.burst=3\n");
    context.exit_code = ExitCode::usage;
    return;
  }
  if (is_new) {
    change(context, options, "POST", providers_path, std::move(body), "added");
  } else {
    change(context, options, "PUT", path_of(options.name), std::move(body), "changed");
  }
}

Command add_change(Command& parent, const std::shared_ptr<Options>& options, const char* name,
                   const char* help, bool has_settings) {
  Command command = parent.add_subcommand(name, help);
  command.add_option("name", options->name, "The provider").required();
  if (has_settings) {
    command.add_option("settings", options->assignments,
                       "key=value as in the configuration file; null takes one away");
  }
  return command;
}

}  // namespace

void add_providers(Command& app, Context& context) {
  // The callbacks outlive this function.
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("providers", "Show providers, or change them while running");
  command.footer(examples);
  command.fallthrough();
  add_admin_options(command, context, options->admin_url);
  command.add_flag("--save", options->is_saved,
                   "Write this and every unsaved change into the configuration file");
  command.add_flag("--json", options->is_json, "As the admin API gives it");
  command.add_flag("-w,--watch", options->is_watched, "Go on showing the table, each second");
  command.require_subcommand(0, 1);

  add_change(command, options, "add", "Add a provider", true).callback([&context, options] {
    add_or_set(context, *options, true);
  });
  add_change(command, options, "set", "Change settings of a provider", true)
      .callback([&context, options] { add_or_set(context, *options, false); });
  add_change(command, options, "remove", "Remove a provider", false).callback([&context, options] {
    change(context, *options, "DELETE", path_of(options->name), "", "removed");
  });
  add_change(command, options, "reset", "Close its circuit breaker, end its cooldowns", false)
      .callback([&context, options] {
        change(context, *options, "POST", path_of(options->name, "/reset"), "", "reset");
      });
  Command circuit = add_change(command, options, "circuit",
                               "Set the circuit breaker of it or of a target", false);
  circuit.add_option("state", options->order, "closed, forced_open or disabled").required();
  circuit.callback([&context, options] {
    std::string body;
    json::Writer(body).begin_object().member("state", options->order).end_object();
    change(context, *options, "PUT", path_of(options->name, "/circuit"), std::move(body),
           options->order);
  });
  command.callback([&context, options, command] {
    if (command.has_subcommand()) return;
    if (options->is_watched) return watch_providers(context, *options);
    list_providers(context, *options);
  });
}

}  // namespace weir::cli
