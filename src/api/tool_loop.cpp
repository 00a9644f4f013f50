// SPDX-License-Identifier: Apache-2.0
#include "api/tool_loop.hpp"

#include <algorithm>
#include <utility>

namespace weir::api {
namespace {

using Tools = std::map<std::string, RegisteredTool, std::less<>>;

ToolResult run_tool(const Tools& tools, const ToolCall& call) {
  ToolResult result;
  result.call_id = call.id;
  const auto found = tools.find(call.name);
  if (found == tools.end()) {
    result.is_error = true;
    result.text = "there is no tool of this name";
    return result;
  }
  // Some models write nothing where there is nothing to say.
  std::string_view arguments = "{}";
  if (!call.arguments.empty()) arguments = call.arguments;
  Result<std::string> answer = found->second.function(arguments);
  result.is_error = !answer;
  result.text = answer ? *std::move(answer) : std::move(answer).error().message;
  return result;
}

/// Adds a round's figures to those of the rounds before; the rest is the newest round's.
void add_round(ChatResponse& all, ChatResponse round) {
  round.cost_nanousd += all.cost_nanousd;
  round.usage.input += all.usage.input;
  round.usage.input_cache_read += all.usage.input_cache_read;
  round.usage.input_cache_write += all.usage.input_cache_write;
  round.usage.output += all.usage.output;
  round.usage.output_reasoning += all.usage.output_reasoning;
  round.attempts += all.attempts;
  round.latency += all.latency;
  if (all.rounds > 0) round.first_content = all.first_content;
  round.rounds = all.rounds + 1;
  round.items.insert(round.items.begin(), std::make_move_iterator(all.items.begin()),
                     std::make_move_iterator(all.items.end()));
  for (const std::string& target : round.tried) {
    if (std::find(all.tried.begin(), all.tried.end(), target) == all.tried.end()) {
      all.tried.push_back(target);
    }
  }
  round.tried = std::move(all.tried);
  all = std::move(round);
}

}  // namespace

Result<ChatResponse> chat_with_tools(Core& core, ChatRequest request, CallOptions options,
                                     int rounds_max) {
  if (rounds_max < 1) {
    return Error(ErrorCode::invalid_request, "must be at least 1", "rounds_max");
  }
  const Tools tools = core.tools();
  for (const auto& [name, tool] : tools) request.tools.push_back(tool.spec);
  if (options.timeout) {
    // One limit for all rounds: as an instant it holds for each of them.
    const auto end = std::chrono::steady_clock::now() + *options.timeout;
    options.deadline = std::min(options.deadline.value_or(end), end);
    options.timeout.reset();
  }
  ChatResponse all;
  all.rounds = 0;
  for (;;) {
    WEIR_TRY_ASSIGN(round, core.chat(request, options));
    const std::vector<ToolCall> calls = round.tool_calls();
    request.items.insert(request.items.end(), round.items.begin(), round.items.end());
    add_round(all, std::move(round));
    if (calls.empty() || all.rounds >= rounds_max) return all;
    for (const ToolCall& call : calls) {
      ToolResult result = run_tool(tools, call);
      request.items.emplace_back(result);
      all.items.emplace_back(std::move(result));
    }
    // A tool that had to be called was called: insisting would never let the model answer.
    request.tool_choice = {};
  }
}

}  // namespace weir::api
