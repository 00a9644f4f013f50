// SPDX-License-Identifier: Apache-2.0
//
// weir limits: what is used and left of every limit and budget.

#include <memory>

#include "cli/answers.hpp"
#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/text.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir limits                     of keys, users, teams, organisations, routes, providers "
    "and\n"
    "                                  the whole\n"
    "  weir limits --scope provider    only of providers\n"
    "  weir limits --scope target      of models that count on their own, used or not";

struct Options {
  std::string admin_url;
  std::string scope;
  bool is_json = false;
};

std::string span_at(json::Value value, MemberPath path) {
  const std::int64_t ms = number_at(value, path);
  return ms > 0 ? duration(std::chrono::milliseconds(ms)) : "-";
}

Row row_of(json::Value limit) {
  const bool is_money = text_at(limit, {"unit"}) == "usd";
  const auto amount = [&](const std::string& name) {
    return is_money ? "$" + text_at(limit, {name + "_usd"}) : text_at(limit, {name});
  };
  const std::string period = text_at(limit, {"period"});
  return {text_at(limit, {"scope"}),
          text_at(limit, {"name"}),
          text_at(limit, {"unit"}),
          period.empty() ? span_at(limit, {"window_ms"}) : period,
          amount("limit"),
          amount("used"),
          amount("left"),
          span_at(limit, {"reset_ms"}),
          span_at(limit, {"wait_ms"})};
}

/// Of the many models whose limits are known from the catalog those that are in use.
bool is_shown(json::Value limit, const std::string& scope) {
  const std::string own = text_at(limit, {"scope"});
  if (!scope.empty()) return own == scope;
  return own != "target" || number_at(limit, {"used"}) != 0 || number_at(limit, {"wait_ms"}) != 0;
}

bool print_table(std::string_view body, const std::string& scope) {
  json::Document document;
  if (!document.parse(body)) return false;
  const auto limits = value_at(document.root(), {"limits"});
  if (!limits || !limits->is_array()) return false;
  std::vector<Row> rows{
      {"SCOPE", "NAME", "UNIT", "PER", "LIMIT", "USED", "LEFT", "RESET IN", "WAIT"}};
  for (const json::Value limit : limits->elements()) {
    if (is_shown(limit, scope)) rows.push_back(row_of(limit));
  }
  print(rows.size() > 1 ? table(rows) : std::string("There are no limits.\n"));
  return true;
}

void show(Context& context, const Options& options) {
  const auto body = ask_admin(admin_access(context, options.admin_url), "GET", "/api/limits");
  if (!body) {
    print_error(body.error().message + "\n");
    context.exit_code = ExitCode::failed;
    return;
  }
  if (options.is_json) return print(*body + "\n");
  if (print_table(*body, options.scope)) return;
  print_error("the answer is not one of Weir's admin API\n");
  context.exit_code = ExitCode::failed;
}

}  // namespace

void add_limits(Command& app, Context& context) {
  // The callbacks outlive this function.
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("limits", "Show what is used and left of every limit");
  command.footer(examples);
  add_admin_options(command, context, options->admin_url);
  command.add_option("--scope", options->scope,
                     "Only of this: key, user, team, organisation, route, global, provider, ...");
  command.add_flag("--json", options->is_json, "As the admin API gives it");
  command.callback([&context, options] { show(context, *options); });
}

}  // namespace weir::cli
