// SPDX-License-Identifier: Apache-2.0
#include "weir/gateway.hpp"

#include <algorithm>
#include <utility>

#include "api/call_control.hpp"
#include "api/core.hpp"
#include "api/options_text.hpp"
#include "api/stream_queue.hpp"
#include "api/tool_loop.hpp"

namespace weir {
namespace {

constexpr int provider_threads_default = 4;

Result<std::unique_ptr<api::Core>> make_core(config::Loaded loaded,
                                             config::Environment environment) {
  WEIR_TRY_ASSIGN(config, api::checked(std::move(loaded)));
  return api::Core::make(std::move(config), std::move(environment), {}, provider_threads_default);
}

api::Core::Implementations implementations_of(const std::vector<ProviderOptions>& providers) {
  api::Core::Implementations found;
  for (const ProviderOptions& provider : providers) {
    if (provider.implementation) found.emplace(provider.name, provider.implementation);
  }
  return found;
}

config::Strategy config_strategy(Strategy strategy) {
  // Both enumerations list the same strategies in the same order.
  static_assert(static_cast<int>(Strategy::sticky) == static_cast<int>(config::Strategy::sticky));
  return static_cast<config::Strategy>(strategy);
}

template <class Entries>
auto find_named(Entries& entries, std::string_view name) {
  return std::find_if(entries.begin(), entries.end(),
                      [&](const auto& entry) { return entry.name == name; });
}

/// Puts `entry` in the place of the one of its name, or at the end.
template <class Entries, class Entry>
void put(Entries& entries, Entry entry) {
  const auto place = find_named(entries, entry.name);
  if (place == entries.end()) {
    entries.push_back(std::move(entry));
  } else {
    *place = std::move(entry);
  }
}

ChatRequest prompt_request(std::string prompt) {
  ChatRequest request;
  request.items.emplace_back(user_message(std::move(prompt)));
  return request;
}

}  // namespace

// ---- calls ----------------------------------------------------------------------------------

CallHandle::CallHandle(std::shared_ptr<api::CallControl> control) : control_(std::move(control)) {}

void CallHandle::cancel() const { control_->cancel(); }

ChatStream::ChatStream(std::shared_ptr<api::StreamQueue> queue, CallHandle call)
    : queue_(std::move(queue)), call_(std::move(call)) {}
ChatStream::ChatStream(ChatStream&&) noexcept = default;
ChatStream& ChatStream::operator=(ChatStream&& other) noexcept {
  if (this != &other) {
    if (queue_) call_.cancel();
    queue_ = std::move(other.queue_);
    call_ = std::move(other.call_);
  }
  return *this;
}
ChatStream::~ChatStream() {
  if (queue_) call_.cancel();
}

std::optional<StreamPiece> ChatStream::next() {
  if (api::Lane::is_current_thread()) return std::nullopt;
  return queue_->pop();
}

void ChatStream::async_next(std::function<void(std::optional<StreamPiece>)> ready) {
  queue_->async_pop(std::move(ready));
}

Result<ChatResponse> ChatStream::finish() {
  WEIR_TRY(api::may_block());
  while (queue_->pop()) {
  }
  return *queue_->outcome();
}

std::optional<Result<ChatResponse>> ChatStream::outcome() const { return queue_->outcome(); }

void ChatStream::cancel() { call_.cancel(); }

Result<ChatResponse> DirectProvider::chat(ChatRequest request, CallOptions options) {
  WEIR_TRY_ASSIGN(model, core_->direct_model(name_, request.model));
  request.model = std::move(model);
  return core_->chat(std::move(request), std::move(options));
}

Result<ChatResponse> DirectProvider::stream(ChatRequest request, const StreamHandler& on_piece,
                                            CallOptions options) {
  WEIR_TRY_ASSIGN(model, core_->direct_model(name_, request.model));
  request.model = std::move(model);
  return core_->stream(std::move(request), on_piece, std::move(options));
}

Result<EmbeddingResponse> DirectProvider::embed(EmbeddingRequest request, CallOptions options) {
  WEIR_TRY_ASSIGN(model, core_->direct_model(name_, request.model));
  request.model = std::move(model);
  return core_->embed(std::move(request), std::move(options));
}

// ---- a gateway ------------------------------------------------------------------------------

Gateway::Gateway(std::unique_ptr<api::Core> core) : core_(std::move(core)) {}
Gateway::Gateway(Gateway&&) noexcept = default;
Gateway& Gateway::operator=(Gateway&&) noexcept = default;
Gateway::~Gateway() = default;

Result<Gateway> Gateway::from_options(const GatewayOptions& options) {
  auto environment = config::Environment::of_process();
  WEIR_TRY_ASSIGN(text, api::options_text(options));
  WEIR_TRY_ASSIGN(config, api::read_config(text, environment));
  WEIR_TRY_ASSIGN(core,
                  api::Core::make(std::move(config), std::move(environment),
                                  implementations_of(options.providers), options.provider_threads));
  return Gateway(std::move(core));
}

Result<Gateway> Gateway::from_text(std::string_view text) {
  auto environment = config::Environment::of_process();
  auto loaded = config::load_text("text", text, environment);
  WEIR_TRY_ASSIGN(core, make_core(std::move(loaded), std::move(environment)));
  return Gateway(std::move(core));
}

Result<Gateway> Gateway::from_file(const std::string& path) {
  auto environment = config::Environment::of_process();
  auto loaded = config::load({.config_file = path}, environment);
  WEIR_TRY_ASSIGN(core, make_core(std::move(loaded), std::move(environment)));
  return Gateway(std::move(core));
}

Result<Gateway> Gateway::from_environment() {
  auto environment = config::Environment::of_process();
  auto loaded = config::config_from_environment(environment);
  WEIR_TRY_ASSIGN(core, make_core(std::move(loaded), std::move(environment)));
  return Gateway(std::move(core));
}

Result<ChatResponse> Gateway::chat(ChatRequest request, CallOptions options) {
  return core_->chat(std::move(request), std::move(options));
}

Result<ChatResponse> Gateway::generate(std::string prompt, CallOptions options) {
  return core_->chat(prompt_request(std::move(prompt)), std::move(options));
}

Result<EmbeddingResponse> Gateway::embed(EmbeddingRequest request, CallOptions options) {
  return core_->embed(std::move(request), std::move(options));
}

Result<EmbeddingResponse> Gateway::embed(std::vector<std::string> texts, CallOptions options) {
  EmbeddingRequest request;
  request.texts = std::move(texts);
  return core_->embed(std::move(request), std::move(options));
}

Result<ChatResponse> Gateway::stream(ChatRequest request, const StreamHandler& on_piece,
                                     CallOptions options) {
  return core_->stream(std::move(request), on_piece, std::move(options));
}

ChatStream Gateway::open_stream(ChatRequest request, CallOptions options) {
  return core_->open_stream(std::move(request), std::move(options));
}

CallHandle Gateway::start_chat(ChatRequest request, Completion<ChatResponse> done,
                               CallOptions options) {
  return core_->start_chat(std::move(request), std::move(options), std::move(done));
}

CallHandle Gateway::start_embed(EmbeddingRequest request, Completion<EmbeddingResponse> done,
                                CallOptions options) {
  return core_->start_embed(std::move(request), std::move(options), std::move(done));
}

// ---- tools ----------------------------------------------------------------------------------

Result<> Gateway::register_tool(std::string name, std::string description, std::string parameters,
                                ToolFunction function) {
  api::RegisteredTool tool;
  tool.spec = {std::move(name), std::move(description), std::move(parameters)};
  tool.function = std::move(function);
  return core_->register_tool(std::move(tool));
}

bool Gateway::remove_tool(std::string_view name) { return core_->remove_tool(name); }

Result<ChatResponse> Gateway::chat_with_tools(ChatRequest request, CallOptions options,
                                              int rounds_max) {
  return api::chat_with_tools(*core_, std::move(request), std::move(options), rounds_max);
}

// ---- providers and routes -------------------------------------------------------------------

Result<> Gateway::register_provider(const ProviderOptions& provider) {
  return register_providers({provider});
}

Result<> Gateway::register_providers(const std::vector<ProviderOptions>& providers) {
  GatewayOptions options;
  options.providers = providers;
  WEIR_TRY_ASSIGN(text, api::options_text(options));
  WEIR_TRY_ASSIGN(read, api::read_config(text, core_->environment()));
  const auto add = [&](config::Config& config) -> Result<> {
    for (const ProviderOptions& provider : providers) {
      put(config.providers, read.providers[*read.find_provider(provider.name)]);
    }
    return {};
  };
  return core_->change(add, implementations_of(providers));
}

Result<> Gateway::remove_provider(std::string_view name) { return core_->remove_provider(name); }

Result<> Gateway::set_default_provider(std::string_view name) {
  return core_->set_default_provider(name);
}

Result<> Gateway::set_default_model(std::string_view name) {
  WEIR_TRY(core_->snapshot()->route(name));
  return core_->change([&](config::Config& config) -> Result<> {
    config.default_model = name;
    return {};
  });
}

Result<> Gateway::set_strategy(Strategy strategy) {
  return core_->change([&](config::Config& config) -> Result<> {
    config.strategy = config_strategy(strategy);
    return {};
  });
}

Result<> Gateway::set_strategy(std::string_view route, Strategy strategy) {
  return core_->change([&](config::Config& config) -> Result<> {
    const auto found = find_named(config.models, route);
    if (found == config.models.end()) {
      return Error(ErrorCode::route_unknown, "there is no route '" + std::string(route) + "'");
    }
    found->strategy = config_strategy(strategy);
    return {};
  });
}

Result<> Gateway::set_route(const RouteOptions& route) {
  if (route.targets.empty()) {
    return Error(ErrorCode::invalid_request, "has no targets", "models." + route.name);
  }
  // Read alone, the route can't know the gateway's providers: its targets are set afterwards, and
  // checked together with everything else.
  GatewayOptions options;
  options.routes.push_back(route);
  options.routes.front().targets = {std::string(providers::mock_provider)};
  WEIR_TRY_ASSIGN(text, api::options_text(options));
  WEIR_TRY_ASSIGN(read, api::read_config(text, core_->environment()));
  config::RouteConfig entry = std::move(read.models.front());
  entry.targets.clear();
  for (const RouteTarget& target : route.targets) {
    entry.targets.push_back({target.target, target.weight});
  }
  return core_->change([&](config::Config& config) -> Result<> {
    put(config.models, std::move(entry));
    return {};
  });
}

std::vector<std::string> Gateway::providers() const {
  std::vector<std::string> names;
  for (const auto& provider : core_->snapshot()->config().providers) names.push_back(provider.name);
  return names;
}

std::vector<std::string> Gateway::models() const {
  return core_->snapshot()->resolver().listed_names();
}

Result<> Gateway::connect(const std::vector<std::string>& names) { return core_->connect(names); }

DirectProvider Gateway::provider(std::string name) { return {*core_, std::move(name)}; }

}  // namespace weir
