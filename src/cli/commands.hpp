// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "cli/command.hpp"
#include "config/environment.hpp"
#include "config/loader.hpp"

/// The command line: each command adds itself to the parser and runs from its callback.
namespace weir::cli {

enum class ExitCode : int {
  ok = 0,
  failed = 1,    ///< what was asked for did not succeed
  usage = 64,    ///< EX_USAGE: the command line can't be understood
  storage = 74,  ///< EX_IOERR: what is stored is damaged
  config = 78,   ///< EX_CONFIG: the configuration is wrong
};

/// What all commands share.
struct Context {
  config::Environment environment;
  config::LoadOptions load;
  std::string ca_file;  ///< who may sign the gateway's certificate, as the command line says
  ExitCode exit_code = ExitCode::ok;  ///< what the command came to
};

void add_serve(Command& app, Context& context);
void add_validate(Command& app, Context& context);
void add_models(Command& app, Context& context);
void add_providers(Command& app, Context& context);
void add_health(Command& app, Context& context);
void add_limits(Command& app, Context& context);
void add_keys(Command& app, Context& context);
void add_users(Command& app, Context& context);
void add_login(Command& app, Context& context);
void add_teams(Command& app, Context& context);
void add_secrets(Command& app, Context& context);
void add_audit(Command& app, Context& context);
void add_data(Command& app, Context& context);
void add_chaos(Command& app, Context& context);
void add_explain(Command& app, Context& context);
void add_alerts(Command& app, Context& context);
void add_chat(Command& app, Context& context);
void add_pull(Command& app, Context& context);
void add_usage(Command& app, Context& context);
void add_whatif(Command& app, Context& context);
void add_price(Command& app, Context& context);
void add_tokens(Command& app, Context& context);
void add_config(Command& app, Context& context);
void add_log(Command& app, Context& context);
void add_ledger(Command& app, Context& context);
void add_docs(Command& app, Context& context);

/// `--config` and `--env-file`.
void add_load_options(Command& command, Context& context);
/// These and `--admin` and `--ca`, of the commands that ask a running gateway's admin API.
void add_admin_options(Command& command, Context& context, std::string& url);
/// These and `--url` and `--ca`, of those that ask it as clients do.
void add_client_options(Command& command, Context& context, std::string& url);

/// The configuration, or nothing after its problems were printed and the exit code set. What is
/// there only by half goes to `notes`.
std::optional<config::Config> load_config(Context& context,
                                          std::vector<std::string>* notes = nullptr);

/// The whole program. The answer is its exit code.
int run(int argc, char** argv);

}  // namespace weir::cli
