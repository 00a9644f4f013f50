// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "config/environment.hpp"
#include "config/loader.hpp"

namespace CLI {
class App;
}

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
  ExitCode exit_code = ExitCode::ok;  ///< what the command came to
};

void add_serve(CLI::App& app, Context& context);
void add_validate(CLI::App& app, Context& context);
void add_models(CLI::App& app, Context& context);
void add_providers(CLI::App& app, Context& context);
void add_health(CLI::App& app, Context& context);
void add_limits(CLI::App& app, Context& context);
void add_keys(CLI::App& app, Context& context);
void add_users(CLI::App& app, Context& context);
void add_teams(CLI::App& app, Context& context);
void add_secrets(CLI::App& app, Context& context);
void add_audit(CLI::App& app, Context& context);
void add_data(CLI::App& app, Context& context);
void add_chaos(CLI::App& app, Context& context);
void add_explain(CLI::App& app, Context& context);
void add_alerts(CLI::App& app, Context& context);
void add_chat(CLI::App& app, Context& context);
void add_pull(CLI::App& app, Context& context);
void add_usage(CLI::App& app, Context& context);
void add_whatif(CLI::App& app, Context& context);
void add_price(CLI::App& app, Context& context);
void add_tokens(CLI::App& app, Context& context);
void add_config(CLI::App& app, Context& context);
void add_log(CLI::App& app, Context& context);
void add_ledger(CLI::App& app, Context& context);
void add_docs(CLI::App& app, Context& context);

/// `--config` and `--env-file`.
void add_load_options(CLI::App& command, Context& context);
/// `--admin`, of the commands that ask a running gateway.
void add_admin_option(CLI::App& command, std::string& url);

/// The configuration, or nothing after its problems were printed and the exit code set.
std::optional<config::Config> load_config(Context& context);

/// The whole program. The answer is its exit code.
int run(int argc, char** argv);

}  // namespace weir::cli
