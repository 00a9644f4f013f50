// SPDX-License-Identifier: Apache-2.0
#include "cli/commands.hpp"

#include "base/version.hpp"
#include "cli/text.hpp"
#include "store/dumps.hpp"

namespace weir::cli {
namespace {

constexpr const char* about =
    "Weir: one endpoint in front of every model provider, with failover.\n"
    "Applications change their base URL and nothing else.";

constexpr const char* examples =
    "Begin:\n"
    "  export OPENAI_API_KEY=sk-...             any provider's usual variable is found\n"
    "  weir serve                               no configuration needed\n"
    "  weir chat \"Say hello\"                    ask the running gateway\n"
    "\n"
    "Then:\n"
    "  weir serve --config weir.yaml            routes, limits, keys in a file\n"
    "  weir validate --config weir.yaml         every problem with its line\n"
    "  weir models --capabilities               what can be asked for, at which price\n"
    "  weir pull qwen3:8b                       have an Ollama server get a model\n"
    "  weir usage --by month,team               what was used and what it cost\n"
    "  weir price MODEL --input 1200 --output 3  what a request costs\n"
    "  weir explain smart                       where a request would go, and why\n"
    "  weir tokens prompt.txt                   how many tokens a text is\n"
    "  weir providers                           how each provider is doing\n"
    "  weir health                              how it has been doing, best first\n"
    "  weir log --follow                        every call, and what it cost\n"
    "  weir keys create user=ann                a key of someone's own\n"
    "  weir config explain listen               a setting's value and where it comes from\n"
    "\n"
    "`weir COMMAND --help` tells more about each.";

/// Of the commands that ask a running gateway, whose place `option` names.
void add_asking_options(Command& command, Context& context, const std::string& option,
                        std::string& url, const std::string& what) {
  add_load_options(command, context);
  command.add_option(option, url, what);
  command.add_option("--ca", context.ca_file,
                     "PEM file of who signs the gateway's certificate (default: the configured "
                     "certificate itself, else the system's authorities)");
}

}  // namespace

void add_load_options(Command& command, Context& context) {
  command.add_option("-c,--config", context.load.config_file,
                     "Configuration file (default: $WEIR_CONFIG, ./weir.yaml, the user's or /etc's "
                     "weir/weir.yaml)");
  command.add_option("--env-file", context.load.env_file,
                     "File of NAME=value lines; variables that are set already win");
}

void add_admin_options(Command& command, Context& context, std::string& url) {
  add_asking_options(command, context, "--admin", url,
                     "URL of the admin API (default: $WEIR_ADMIN_URL, else the configuration's)");
}

void add_client_options(Command& command, Context& context, std::string& url) {
  add_asking_options(command, context, "--url", url,
                     "URL of the gateway (default: $WEIR_URL, else the configuration's)");
}

std::optional<config::Config> load_config(Context& context, std::vector<std::string>* notes) {
  config::Loaded loaded = config::load(context.load, context.environment);
  if (notes != nullptr) *notes = std::move(loaded.notes);
  if (loaded.ok()) return std::move(loaded.config);
  print_error(loaded.report());
  context.exit_code = ExitCode::config;
  return std::nullopt;
}

int run(int argc, char** argv) {
  store::keep_memory_out_of_dumps();
  Context context;
  context.environment = config::Environment::of_process();
  CommandLine line(about, std::string(version()));
  Command app = line.root();
  app.footer(examples);
  app.require_subcommand(1);
  add_serve(app, context);
  add_chat(app, context);
  add_providers(app, context);
  add_health(app, context);
  add_log(app, context);
  add_ledger(app, context);
  add_limits(app, context);
  add_keys(app, context);
  add_users(app, context);
  add_login(app, context);
  add_teams(app, context);
  add_secrets(app, context);
  add_audit(app, context);
  add_data(app, context);
  add_alerts(app, context);
  add_explain(app, context);
  add_chaos(app, context);
  add_models(app, context);
  add_pull(app, context);
  add_usage(app, context);
  add_whatif(app, context);
  add_price(app, context);
  add_tokens(app, context);
  add_validate(app, context);
  add_config(app, context);
  add_docs(app, context);
  app.add_subcommand("version", "Print the version").callback([] {
    print("weir " + std::string(version()) + "\n");
  });
  if (argc < 2) {
    print(line.help());
    return static_cast<int>(ExitCode::usage);
  }
  if (!line.run(argc, argv)) return static_cast<int>(ExitCode::usage);
  return static_cast<int>(context.exit_code);
}

}  // namespace weir::cli
