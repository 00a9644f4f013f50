// SPDX-License-Identifier: Apache-2.0
//
// weir pull: has an Ollama server behind the running gateway get a model.

#include <algorithm>
#include <memory>

#include "cli/commands.hpp"
#include "cli/gateway.hpp"
#include "cli/text.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "wire/sse.hpp"

namespace weir::cli {
namespace {

constexpr const char* examples =
    "Examples:\n"
    "  weir pull qwen3:8b                 to the first Ollama server\n"
    "  weir pull workstation/qwen3:8b     to the provider of this name";

struct Options {
  std::string url;
  std::string model;
};

/// Shows the lines of progress: each step once, and how far it is in tenths.
class ProgressPrinter {
 public:
  void take(std::string_view bytes) {
    lines_.feed(bytes);
    std::string_view line;
    while (lines_.next(line)) take_line(line);
  }

  [[nodiscard]] bool has_succeeded() const { return step_ == "success"; }
  [[nodiscard]] const std::string& error() const { return error_; }

 private:
  void take_line(std::string_view line) {
    json::Document document;
    if (!document.parse(line)) return;
    const json::Value root = document.root();
    if (root.find("error")) error_ = error_message(line);
    const auto status = root.find("status");
    if (!status || !status->is_string()) return;
    const std::string step = harmless(status->as_string());
    if (step != step_) {
      step_ = step;
      tenths_ = 0;
      print(step_ + "\n");
    }
    show_share(root);
  }

  void show_share(json::Value root) {
    const auto total = root.find("total");
    const auto completed = root.find("completed");
    const auto all = total && total->is_number() ? total->as_int() : std::nullopt;
    const auto done = completed && completed->is_number() ? completed->as_int() : std::nullopt;
    if (!all || !done || *all <= 0 || *done < 0) return;
    const auto tenths = static_cast<int>(std::min(*done, *all) / (*all / 10 + 1));
    if (tenths <= tenths_) return;
    tenths_ = tenths;
    print("  " + std::to_string(tenths * 10) + " %\n");
  }

  wire::LineParser lines_;
  std::string step_;
  std::string error_;
  int tenths_ = 0;
};

ExitCode pull(const Context& context, const Options& options) {
  std::string body;
  json::Writer json(body);
  json.begin_object().member("model", options.model).member("stream", true).end_object();
  const GatewayAccess access = client_access(context, options.url);
  auto call = call_gateway(access, "POST", "/api/pull", std::move(body));
  if (!call) {
    print_error(call.error().message + "\n");
    return ExitCode::usage;
  }
  ProgressPrinter progress;
  call->answer_max = std::chrono::minutes(10);
  call->on_piece = [&progress](std::string_view bytes) { progress.take(bytes); };
  const auto answer = server::call_one(*std::move(call), std::chrono::milliseconds(0));
  if (!answer) {
    const bool is_absent = answer.error().code == ErrorCode::upstream_unreachable;
    print_error((is_absent ? not_running(access.url) : answer.error().message) + "\n");
    return ExitCode::failed;
  }
  if (answer->status == 200 && progress.has_succeeded()) return ExitCode::ok;
  const std::string told = answer->status == 200 ? progress.error() : error_message(answer->body);
  print_error((told.empty() ? std::string("the server broke off") : told) + "\n");
  return ExitCode::failed;
}

}  // namespace

void add_pull(Command& app, Context& context) {
  auto options = std::make_shared<Options>();
  Command command = app.add_subcommand("pull", "Have an Ollama server get a model");
  command.footer(examples);
  add_client_options(command, context, options->url);
  command.add_option("model", options->model, "model, or provider/model").required();
  command.callback([&context, options] { context.exit_code = pull(context, *options); });
}

}  // namespace weir::cli
