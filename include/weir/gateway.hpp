// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "weir/calls.hpp"
#include "weir/chat.hpp"
#include "weir/options.hpp"
#include "weir/provider.hpp"
#include "weir/result.hpp"
#include "weir/statistics.hpp"

namespace weir {

namespace api {
class Core;
}

/// Takes the pieces of a streamed answer, on the thread that made the call.
using StreamHandler = std::function<void(const StreamPiece&)>;

/// A tool of the program's own: gets the arguments as JSON text and answers text for the model. An
/// error is told to the model, which may try again. Must not throw.
using ToolFunction = std::function<Result<std::string>(std::string_view arguments)>;

/// Whether a model can do something; `unknown` where nobody said.
enum class Support : std::uint8_t { no, yes, unknown };

/// One provider, asked directly: no route, no other provider. Valid as long as its gateway.
class DirectProvider {
 public:
  /// `request.model` is a model of this provider, with or without the provider's name before it;
  /// empty: its default.
  Result<ChatResponse> chat(ChatRequest request, CallOptions options = {});
  Result<ChatResponse> stream(ChatRequest request, const StreamHandler& on_piece,
                              CallOptions options = {});
  Result<EmbeddingResponse> embed(EmbeddingRequest request, CallOptions options = {});
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  friend class Gateway;
  DirectProvider(api::Core& core, std::string name) : core_(&core), name_(std::move(name)) {}

  api::Core* core_;
  std::string name_;
};

/// The way to language models: routes, failover, limits, cost and figures over any mix of
/// providers, in the process of the program that links it. The same code as `weir serve`, without
/// a server.
///
///     auto gateway = weir::Gateway::from_environment();
///     if (!gateway) return fail(gateway.error().message);
///     auto answer = gateway->generate("What is a weir?");
///     if (answer) show(answer->text);
///
/// With a data directory (`data_dir`, in options, text, file or the environment's WEIR_DATA_DIR) it
/// keeps the ledger there that `weir serve` keeps: each call is in a file before its first attempt,
/// and what it took before the caller has the end of its answer, also when the process is killed in
/// the next instant. Budgets and the quotas of days and months then go on after a restart. `weir
/// log`, `weir usage` and `weir ledger verify` read it with `--data-dir`. Without one nothing is
/// written to any disk.
///
/// Owns its threads. All members are for any thread at once, except moving and destroying. The
/// destructor lets running calls end within `drain_timeout`, cancels the rest and joins. Blocking
/// calls made on a thread of the gateway (in a `Completion`) are refused, since they would wait for
/// themselves.
class Gateway {
 public:
  /// Errors: `invalid_request` whose message lists every problem, one a line, or that says whose
  /// the data directory is: one process has it at a time, unless `reuse_port` is set in all;
  /// `store_unavailable` where it can't be used; `ledger_unavailable` with `ledger.strict`, where
  /// what is written there is damaged.
  static Result<Gateway> from_options(const GatewayOptions& options);
  /// YAML or JSON, as in a configuration file.
  static Result<Gateway> from_text(std::string_view text);
  static Result<Gateway> from_file(const std::string& path);
  /// The providers whose keys or addresses are in the environment (OPENAI_API_KEY, ...).
  static Result<Gateway> from_environment();

  Gateway(Gateway&&) noexcept;
  Gateway& operator=(Gateway&&) noexcept;
  ~Gateway();

  // ---- calls; errors as in the table of weir/error.hpp ----

  Result<ChatResponse> chat(ChatRequest request, CallOptions options = {});
  /// One user message to the default model.
  Result<ChatResponse> generate(std::string prompt, CallOptions options = {});
  Result<EmbeddingResponse> embed(EmbeddingRequest request, CallOptions options = {});
  Result<EmbeddingResponse> embed(std::vector<std::string> texts, CallOptions options = {});
  /// Streams: `on_piece` gets each piece; the result is the whole answer.
  Result<ChatResponse> stream(ChatRequest request, const StreamHandler& on_piece,
                              CallOptions options = {});
  /// Streams into a range.
  ChatStream open_stream(ChatRequest request, CallOptions options = {});

  /// The same without waiting.
  CallHandle start_chat(ChatRequest request, Completion<ChatResponse> done,
                        CallOptions options = {});
  CallHandle start_embed(EmbeddingRequest request, Completion<EmbeddingResponse> done,
                         CallOptions options = {});

  // ---- tools ----

  /// Offers `function` to models in `chat_with_tools`. `parameters`: JSON Schema as JSON text.
  /// Errors: `invalid_request` when it is no JSON object, or the name is taken or malformed.
  Result<> register_tool(std::string name, std::string description, std::string parameters,
                         ToolFunction function);
  bool remove_tool(std::string_view name);
  /// Chats, runs the tools that the model calls on the calling thread, tells it the results, and so
  /// on until it answers, at most `rounds_max` questions. An answer that still calls tools then is
  /// given back as it is (`finish` is tool_calls). `items` holds everything since the request;
  /// usage, cost, attempts and latency are sums over all rounds. Time limits hold for all rounds
  /// together.
  Result<ChatResponse> chat_with_tools(ChatRequest request, CallOptions options = {},
                                       int rounds_max = 8);

  // ---- providers and routes while running; calls under way keep what they began with ----

  Result<> register_provider(const ProviderOptions& provider);
  /// All or none.
  Result<> register_providers(const std::vector<ProviderOptions>& providers);
  /// Errors: `not_found`-kind; `invalid_request` when a route would be left without meaning.
  Result<> remove_provider(std::string_view name);
  /// This provider is tried first wherever a route has it and the call prefers none.
  Result<> set_default_provider(std::string_view name);
  Result<> set_default_model(std::string_view name);
  /// How routes that do not say themselves choose among their targets.
  Result<> set_strategy(Strategy strategy);
  Result<> set_strategy(std::string_view route, Strategy strategy);
  Result<> set_route(const RouteOptions& route);
  [[nodiscard]] std::vector<std::string> providers() const;
  /// Every name that a request may ask for, as far as known.
  [[nodiscard]] std::vector<std::string> models() const;
  /// Connects ahead of the first call: name resolved, TLS done, connection kept. Of all providers
  /// when `names` is empty. Errors: the first one; the others are connected all the same.
  Result<> connect(const std::vector<std::string>& names = {});
  /// Its calls answer `not_found`-kind when there is no such provider.
  [[nodiscard]] DirectProvider provider(std::string name);

  // ---- what is there ----

  /// The best provider with a model that is known to have `capability`: healthy before failing,
  /// then in the default order. Errors: `unsupported_capability`.
  [[nodiscard]] Result<std::string> best_provider(Capability capability) const;
  /// The target (provider/model) that a task's requests go to first. Errors: `not_found`-kind.
  [[nodiscard]] Result<std::string> model_for_task(std::string_view task) const;
  /// Of a route: whether one of its targets can.
  [[nodiscard]] Result<Support> supports(std::string_view model, Capability capability) const;

  [[nodiscard]] UsageStatistics usage() const;
  [[nodiscard]] FailoverStatistics failover() const;
  [[nodiscard]] std::map<std::string, ProviderHealth> health() const;
  [[nodiscard]] LedgerStatistics ledger() const;

 private:
  explicit Gateway(std::unique_ptr<api::Core> core);
  std::unique_ptr<api::Core> core_;
};

}  // namespace weir
