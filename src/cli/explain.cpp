// SPDX-License-Identifier: Apache-2.0
//
// weir explain: where a request would go, and why not elsewhere.

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/money.hpp"
#include "cli/answers.hpp"
#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/text.hpp"
#include "engine/engine.hpp"
#include "engine/explanation.hpp"
#include "json/writer.hpp"
#include "store/files.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir explain smart                      what the running gateway would do now\n"
    "  weir explain --offline smart            by the configuration alone\n"
    "  weir explain --request chat.json        of a request as clients send it\n"
    "  weir explain smart --prefer anthropic --json\n"
    "\n"
    "Nothing is sent to any provider.";

constexpr std::size_t request_bytes_max = std::size_t{64} << 20;

struct Options {
  std::string admin_url;
  std::string model;
  std::string request_file;
  std::vector<std::string> prefer;
  std::string key;
  std::string user;
  std::string team;
  std::string organisation;
  bool is_offline = false;
  bool is_json = false;
};

Row row_of(json::Value target) {
  const auto cost = parse_usd(text_at(target, {"expected_cost"}));
  std::string who = text_at(target, {"target"});
  if (const std::string key = text_at(target, {"key"}); !key.empty()) who += " (" + key + ")";
  return {text_at(target, {"state"}),          who,
          text_at(target, {"step"}),           text_at(target, {"strategy"}),
          cost ? dollars(cost->count()) : "?", duration_at(target, {"first_content_ms"}),
          text_at(target, {"in_flight"}),      text_at(target, {"why"})};
}

bool print_table(std::string_view body) {
  json::Document document;
  if (!document.parse(body)) return false;
  const json::Value answer = document.root();
  const auto targets = value_at(answer, {"decision", "targets"});
  if (!targets || !targets->is_array()) return false;
  print(text_at(answer, {"model"}) + " is a name of kind " + text_at(answer, {"kind"}) +
        "; failover " + (text_at(answer, {"failover"}) == "true" ? "on" : "off") + "; about " +
        counted(static_cast<std::size_t>(number_at(answer, {"input_tokens_estimate"})),
                "input token") +
        "\n");
  if (const std::string to = text_at(answer, {"downgraded_to"}); !to.empty()) {
    print("a budget (" + text_at(answer, {"downgraded_by"}) +
          ") is past its soft mark: it goes to " + to + "\n");
  }
  std::vector<Row> rows{
      {"STATE", "TARGET", "STEP", "STRATEGY", "COST", "FIRST", "IN FLIGHT", "WHY"}};
  for (const json::Value target : targets->elements()) rows.push_back(row_of(target));
  print(table(rows));
  return true;
}

Result<std::string> ask_gateway(const GatewayAccess& access, const Options& options,
                                const std::string& request) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("model", options.model).key("prefer").begin_array();
  for (const std::string& name : options.prefer) json.string(name);
  json.end_array();
  if (!request.empty()) json.member("request", request);
  const std::pair<std::string_view, const std::string&> askers[] = {
      {"key", options.key},
      {"user", options.user},
      {"team", options.team},
      {"organisation", options.organisation}};
  for (const auto& [member, name] : askers) {
    if (!name.empty()) json.member(member, name);
  }
  json.end_object();
  return ask_admin(access, "POST", "/api/explain", std::move(body));
}

Result<std::string> explain_offline(Context& context, const Options& options,
                                    const std::string& request) {
  auto config = load_config(context);
  if (!config) return Error(ErrorCode::invalid_request, "the configuration can't be used");
  shared_state::Gate gate({});
  WEIR_TRY_ASSIGN(snapshot,
                  engine::Snapshot::make(*std::move(config), context.environment, gate, nullptr));
  engine::ExplainAsk ask;
  ask.model = options.model;
  ask.request = request;
  ask.options.prefer = options.prefer;
  SeededRandom random(1);
  return engine::explain_request(*snapshot, gate, nullptr, ask, random,
                                 engine::SystemClock().unix_ms());
}

Result<std::string> answer_of(Context& context, const Options& options) {
  std::string request;
  if (!options.request_file.empty()) {
    WEIR_TRY_ASSIGN(text, store::read_file(options.request_file, request_bytes_max));
    request = std::move(text);
  }
  if (options.is_offline) return explain_offline(context, options, request);
  auto answer = ask_gateway(admin_access(context, options.admin_url), options, request);
  const bool is_asked_for =
      !options.admin_url.empty() || context.environment.get("WEIR_ADMIN_URL").has_value();
  if (answer || is_asked_for || answer.error().code != ErrorCode::upstream_unreachable) {
    return answer;
  }
  print_error("The gateway is not running here; this is by the configuration alone.\n");
  return explain_offline(context, options, request);
}

void show(Context& context, const Options& options) {
  const auto answer = answer_of(context, options);
  if (!answer) {
    print_error(answer.error().message + "\n");
    if (context.exit_code == ExitCode::ok) context.exit_code = ExitCode::failed;
    return;
  }
  if (options.is_json) return print(*answer + "\n");
  if (print_table(*answer)) return;
  print_error("the answer is not one of Weir's admin API\n");
  context.exit_code = ExitCode::failed;
}

}  // namespace

void add_explain(Command& app, Context& context) {
  // The callback outlives this function.
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("explain", "Show where a request would go, and why");
  command.footer(examples);
  command.add_option("model", options->model,
                     "The name that the client asks for (default: the request's, else auto)");
  command.add_option("--request", options->request_file, "File with a chat in OpenAI's form");
  command.add_option("--prefer", options->prefer, "Providers or targets to be tried first");
  command.add_option("--key", options->key, "Who would ask, where a budget of theirs downgrades");
  command.add_option("--user", options->user, "The same by user");
  command.add_option("--team", options->team, "The same by team");
  command.add_option("--organisation", options->organisation, "The same by organisation");
  add_admin_options(command, context, options->admin_url);
  command.add_flag("--offline", options->is_offline, "Don't ask the running gateway");
  command.add_flag("--json", options->is_json, "For programs");
  command.callback([&context, options] { show(context, *options); });
}

}  // namespace weir::cli
