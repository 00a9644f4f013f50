// SPDX-License-Identifier: Apache-2.0
//
// weir chat: one question to the running gateway, the answer as it comes.

#include <chrono>
#include <cstdio>
#include <memory>
#include <optional>

#include <unistd.h>

#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/offline.hpp"
#include "cli/text.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "pipeline/attempt.hpp"
#include "weir/gateway.hpp"
#include "wire/openai/usage.hpp"
#include "wire/sse.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir chat \"Why is the sky blue?\"\n"
    "  weir chat -m anthropic/claude-sonnet-5 \"Write a haiku about dams\"\n"
    "  git diff | weir chat -s \"Review this change\"\n"
    "\n"
    "Where no gateway is running, the providers are asked from here.\n"
    "The key is taken from WEIR_KEY, or from the configuration of a gateway on this machine.";

struct Options {
  std::string url;
  std::string model;
  std::string system;
  std::vector<std::string> words;
};

/// Prints the content of a stream as it comes and keeps what is told about it.
class StreamPrinter {
 public:
  void take(std::string_view bytes) {
    parser_.feed(bytes);
    wire::SseParser::Event event;
    while (parser_.next(event)) take_event(event.data);
  }

  [[nodiscard]] const std::optional<wire::Usage>& usage() const { return usage_; }
  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] bool is_complete() const { return is_complete_; }
  [[nodiscard]] bool ends_line() const { return ends_line_; }
  [[nodiscard]] const std::string& model() const { return model_; }

 private:
  void take_event(std::string_view data) {
    if (data == "[DONE]") {
      is_complete_ = true;
      return;
    }
    json::Document document;
    if (!document.parse(data)) return;
    const json::Value root = document.root();
    if (root.find("error")) error_ = error_message(data);
    if (const auto model = root.find("model"); model && model->is_string()) {
      model_ = model->as_string();
    }
    if (const auto usage = root.find("usage"); usage && usage->is_object()) {
      usage_ = wire::openai::read_usage(*usage, 0);
    }
    const auto choices = root.find("choices");
    if (!choices || !choices->is_array()) return;
    for (const json::Value choice : choices->elements()) show(choice);
  }

  void show(json::Value choice) {
    const auto delta = choice.find("delta");
    const auto content = delta ? delta->find("content") : std::nullopt;
    if (!content || !content->is_string()) return;
    const std::string text = harmless(content->as_string());
    if (text.empty()) return;
    ends_line_ = text.ends_with('\n');
    print(text);
  }

  wire::SseParser parser_;
  std::optional<wire::Usage> usage_;
  std::string model_;
  std::string error_;
  bool is_complete_ = false;
  bool ends_line_ = true;
};

std::string read_input() {
  constexpr std::size_t bytes_max = std::size_t{16} << 20;
  std::string text;
  char piece[4'096];
  while (text.size() < bytes_max) {
    const std::size_t got = std::fread(piece, 1, sizeof piece, stdin);
    if (got == 0) break;
    text.append(piece, got);
  }
  return text;
}

std::string prompt_of(const Options& options) {
  std::string prompt;
  for (const std::string& word : options.words) {
    if (!prompt.empty()) prompt.push_back(' ');
    prompt.append(word);
  }
  const bool has_input = ::isatty(STDIN_FILENO) == 0;
  if (prompt.empty() && has_input) prompt = read_input();
  return prompt;
}

void append_message(json::Writer& json, std::string_view role, const std::string& text) {
  json.begin_object().member("role", role).member("content", text).end_object();
}

/// Without a model the gateway's default decides.
std::string body_of(const Options& options, const std::string& prompt) {
  std::string body;
  json::Writer json(body);
  json.begin_object();
  if (!options.model.empty()) json.member("model", options.model);
  json.member("stream", true);
  json.key("stream_options").begin_object().member("include_usage", true).end_object();
  json.key("messages").begin_array();
  if (!options.system.empty()) append_message(json, "system", options.system);
  append_message(json, "user", prompt);
  json.end_array().end_object();
  return body;
}

/// What the answer cost, as far as this machine's configuration knows the target's prices.
std::optional<std::int64_t> cost_of(const Context& context, const std::string& target,
                                    const wire::Usage& usage) {
  if (usage.cost_nanousd) return usage.cost_nanousd;
  config::Loaded loaded = config::load(context.load, context.environment);
  Offline offline;
  if (!loaded.ok() || !offline.open(std::move(loaded.config), context.environment)) {
    return std::nullopt;
  }
  const auto route = offline.snapshot().route(target);
  if (!route) return std::nullopt;
  const pipeline::Target& found = *(*route)->steps.front().targets.front();
  if (found.name != target || !found.prices.is_known()) return std::nullopt;
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const providers::Bill bill = providers::bill(found.prices, usage, {.at = now});
  if (bill.is_unpriced) return std::nullopt;
  return bill.nanousd;
}

std::string note_of(const server::HttpAnswer& answer, std::string_view name) {
  for (const auto& [field, value] : answer.notes) {
    if (field == name) return harmless(value);
  }
  return {};
}

std::string summary(const Context& context, const server::HttpAnswer& answer,
                    const StreamPrinter& stream, std::chrono::milliseconds time) {
  const std::string target = note_of(answer, "x-weir-target");
  std::string line = target.empty() ? harmless(stream.model()) : target;
  if (stream.usage()) {
    line += " · " + std::to_string(stream.usage()->input_total()) + " tokens in, " +
            std::to_string(stream.usage()->output_total()) + " out";
    if (const auto cost = cost_of(context, target, *stream.usage())) line += " · " + dollars(*cost);
  }
  const std::string attempts = note_of(answer, "x-weir-attempts");
  if (!attempts.empty() && attempts != "1") line += " · " + attempts + " attempts";
  line += " · " + duration(time);
  const std::string warning = note_of(answer, "x-weir-warning");
  if (!warning.empty()) line += "\n" + warning;
  return line + "\n";
}

Result<server::HttpAnswer> ask(const GatewayAccess& access, std::string body,
                               StreamPrinter& stream) {
  WEIR_TRY_ASSIGN(call, call_gateway(access, "POST", "/v1/chat/completions", std::move(body)));
  call.answer_max = std::chrono::minutes(10);
  call.on_piece = [&stream](std::string_view bytes) { stream.take(bytes); };
  return server::call_one(std::move(call), std::chrono::milliseconds(0));
}

/// Nothing was said about where the gateway is, so that asking without one does what is meant.
bool may_ask_alone(const Context& context, const Options& options) {
  return options.url.empty() && !context.environment.get("WEIR_URL");
}

/// Asks the providers from this process, by the same configuration. Nothing: there is none to ask.
std::optional<ExitCode> chat_alone(const Context& context, const Options& options,
                                   const std::string& prompt) {
  const config::Loaded loaded = config::load(context.load, context.environment);
  if (!loaded.ok()) return std::nullopt;
  auto gateway =
      loaded.files.empty() ? Gateway::from_environment() : Gateway::from_file(loaded.files.front());
  if (!gateway && loaded.files.empty()) return std::nullopt;
  if (!gateway) {
    print_error(gateway.error().message + "\n");
    return ExitCode::failed;
  }
  ChatRequest request;
  request.model = options.model;
  if (!options.system.empty()) request.items.emplace_back(system_message(options.system));
  request.items.emplace_back(user_message(prompt));
  bool ends_line = true;
  const auto answer = gateway->stream(std::move(request), [&](const StreamPiece& piece) {
    const std::string text = piece.kind == StreamPiece::Kind::text ? harmless(piece.text) : "";
    if (!text.empty()) ends_line = text.ends_with('\n');
    print(text);
  });
  if (!ends_line) print("\n");
  if (!answer) {
    print_error(answer.error().message + "\n");
    return ExitCode::failed;
  }
  const auto target = answer->metadata.find("target");
  print(dim((target == answer->metadata.end() ? answer->provider : target->second) + " · " +
            std::to_string(answer->usage.input_total()) + " tokens in, " +
            std::to_string(answer->usage.output_total()) + " out · " +
            dollars(answer->cost_nanousd) + " · " + duration(answer->latency) +
            " · asked without a gateway\n"));
  return ExitCode::ok;
}

ExitCode chat(const Context& context, const Options& options) {
  const std::string prompt = prompt_of(options);
  if (prompt.empty()) {
    print_error("what should be asked? Example: weir chat \"Why is the sky blue?\"\n");
    return ExitCode::usage;
  }
  const GatewayAccess access = client_access(context, options.url);
  StreamPrinter stream;
  const auto begin = std::chrono::steady_clock::now();
  const auto answer = ask(access, body_of(options, prompt), stream);
  const auto time = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - begin);
  if (!stream.ends_line()) print("\n");
  if (!answer) {
    const bool is_absent = answer.error().code == ErrorCode::upstream_unreachable;
    if (is_absent && may_ask_alone(context, options)) {
      if (const auto done = chat_alone(context, options, prompt)) return *done;
    }
    print_error((is_absent ? not_running(access.url) : answer.error().message) + "\n");
    return ExitCode::failed;
  }
  if (answer->status != 200 || !stream.error().empty()) {
    print_error((stream.error().empty() ? error_message(answer->body) : stream.error()) + "\n");
    return ExitCode::failed;
  }
  print(dim(summary(context, *answer, stream, time)));
  if (stream.is_complete()) return ExitCode::ok;
  print_error("the answer broke off\n");
  return ExitCode::failed;
}

}  // namespace

void add_chat(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  Command command =
      app.add_subcommand("chat", "Ask something, of the running gateway or without one");
  command.footer(examples);
  command.add_option("-m,--model", options->model,
                     "Route, tier, task, provider/model or model (default: the gateway's)");
  command.add_option("-s,--system", options->system, "Instructions for the model");
  add_client_options(command, context, options->url);
  command.add_option("prompt", options->words, "The question; standard input when left out");
  command.callback([&context, options] { context.exit_code = chat(context, *options); });
}

}  // namespace weir::cli
