// SPDX-License-Identifier: Apache-2.0
//
// A paper-trading desk: three questions about a market, each by its kind of task and with its own
// deadline. What comes late is worth nothing, so the desk then keeps its position. Nothing here
// trades: it prints what it would do.
#include <array>
#include <chrono>
#include <iostream>
#include <string>
#include <string_view>

#include <weir/weir.hpp>

namespace {

using std::chrono::milliseconds;

struct Question {
  std::string_view task;
  std::string_view text;
  milliseconds deadline;
  int priority;
};

constexpr std::array questions{
    Question{"quick_decision", "EURUSD fell 0.4% in a minute on no news. Fade it? Yes or no.",
             milliseconds(800), 9},
    Question{"market_analysis", "Which of today's events matter for the euro this week?",
             milliseconds(5'000), 5},
    Question{"risk_check", "Is 2% of the book on one currency pair within a 1% daily loss limit?",
             milliseconds(1'500), 7},
};

/// The fast route stands on two providers; the thorough one is slower and dearer. The mock answers
/// under the providers' names, with their models and prices, so that the desk can be rehearsed.
weir::GatewayOptions desk_options() {
  weir::GatewayOptions options;
  options.providers.push_back({.name = "openai", .is_mock = true});
  options.providers.push_back({.name = "groq", .is_mock = true});
  options.routes.push_back({.name = "fast", .targets = {"groq/error-503", "openai/gpt-5-mini"}});
  options.routes.push_back({.name = "thorough", .targets = {"openai/gpt-5"}});
  options.tasks = {{"quick_decision", "fast"},
                   {"market_analysis", "thorough"},
                   {"risk_check", "mock/slow-60000"}};
  return options;
}

}  // namespace

int main() {
  auto gateway = weir::Gateway::from_options(desk_options());
  if (!gateway) {
    std::cerr << gateway.error().message << "\n";
    return 1;
  }
  int answered = 0;
  for (const Question& question : questions) {
    weir::ChatRequest request;
    request.model = question.task;  // a task is a name like any other
    request.output_tokens_max = 60;
    request.items.emplace_back(weir::system_message("You advise a paper-trading desk. Be brief."));
    request.items.emplace_back(weir::user_message(std::string(question.text)));

    weir::CallOptions options;
    options.timeout = question.deadline;
    options.priority = question.priority;
    options.tags = {{"desk", "fx"}, {"task", std::string(question.task)}};
    const auto answer = gateway->chat(request, options);

    std::cout << question.task << " -> ";
    if (answer) {
      ++answered;
      std::cout << answer->metadata.at("target") << " in " << answer->latency.count() << " ms, "
                << answer->cost_nanousd << " nano-dollars\n  " << answer->text << "\n";
    } else {
      std::cout << weir::name(answer.error().kind()) << ": keep the position\n";
    }
  }
  const weir::UsageStatistics usage = gateway->usage();
  std::cout << "The desk has used " << usage.by_tag.at("desk=fx").output_tokens
            << " output tokens for " << usage.by_tag.at("desk=fx").cost_nanousd
            << " nano-dollars.\n";
  // The risk check is answered by nobody in time; the desk decides without it.
  return answered == 2 ? 0 : 1;
}
