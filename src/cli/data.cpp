// SPDX-License-Identifier: Apache-2.0
//
// weir data: what the gateway keeps of one person.

#include <memory>
#include <string>

#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/text.hpp"
#include "net/http/target.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir data export --user ann > ann.json    her keys, conversations, logged content\n"
    "  weir data erase --user ann                removes them; her keys end at once\n"
    "\n"
    "Both are in the audit log. What stays is said in the guide on data protection.";

struct Options {
  std::string admin_url;
  std::string user;
};

void ask(Context& context, const Options& options, std::string_view method) {
  const std::string path = "/api/users/" + net::http::percent_encode(options.user) + "/data";
  const auto answer = ask_admin(admin_access(context, options.admin_url), method, path);
  if (answer) return print(*answer + "\n");
  print_error(answer.error().message + "\n");
  context.exit_code = ExitCode::failed;
}

}  // namespace

void add_data(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("data", "Export or erase what is kept of one person");
  command.footer(examples);
  command.fallthrough();
  command.require_subcommand(1);
  add_admin_options(command, context, options->admin_url);
  command.add_option("--user", options->user, "The person's name among the users").required();
  command.add_subcommand("export", "All of it, as JSON").callback([&context, options] {
    ask(context, *options, "GET");
  });
  command.add_subcommand("erase", "Remove it").callback([&context, options] {
    ask(context, *options, "DELETE");
  });
}

}  // namespace weir::cli
