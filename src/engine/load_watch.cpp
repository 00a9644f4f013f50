// SPDX-License-Identifier: Apache-2.0
#include "engine/load_watch.hpp"

#include <algorithm>
#include <charconv>
#include <limits>
#include <optional>
#include <utility>

#include "base/http_url.hpp"
#include "engine/question.hpp"
#include "json/document.hpp"

namespace weir::engine {
namespace {

constexpr std::string_view vllm = "vllm";
constexpr std::int64_t used_within_ms = 60'000;

bool is_ollama(const config::ProviderConfig& provider) {
  return provider.dialect == wire::Dialect::ollama;
}

bool tells_load(const config::Config& config, const config::ProviderConfig& provider) {
  return config.load_interval.after && provider.enabled && !provider.mock &&
         (provider.spec->name == vllm || is_ollama(provider));
}

std::int64_t bytes_at(json::Value model, std::string_view name) {
  constexpr std::int64_t bytes_max = std::int64_t{1} << 50;
  const auto bytes = model.find(name);
  const auto told = bytes && bytes->is_number() ? bytes->as_int() : std::nullopt;
  return std::clamp(told.value_or(0), std::int64_t{0}, bytes_max);
}

/// The value of a sample `name{labels} value`; nothing when the line is of another metric.
std::optional<double> sample_of(std::string_view line, std::string_view name) {
  if (!line.starts_with(name)) return std::nullopt;
  line.remove_prefix(name.size());
  if (line.starts_with('{')) line.remove_prefix(std::min(line.size(), line.rfind('}') + 1));
  if (!line.starts_with(' ')) return std::nullopt;
  line.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(line.data(), line.data() + line.size(), value);
  if (error != std::errc() || !(value >= 0)) return std::nullopt;
  return std::min(value, 1e9);
}

void note(pipeline::TrafficCounters& counters, const LoadReport& report) {
  counters.queued.store(report.queued, std::memory_order_relaxed);
  counters.cache_permille.store(report.cache_permille, std::memory_order_relaxed);
  counters.is_unwell.store(report.is_unwell, std::memory_order_relaxed);
  counters.models_loaded.store(report.models_loaded, std::memory_order_relaxed);
  counters.memory_bytes.store(report.memory_bytes, std::memory_order_relaxed);
  counters.memory_vram_bytes.store(report.memory_vram_bytes, std::memory_order_relaxed);
}

}  // namespace

LoadReport read_vllm_load(std::string_view metrics) {
  double queued = 0;
  double cache = 0;
  while (!metrics.empty()) {
    const std::string_view line = metrics.substr(0, metrics.find('\n'));
    metrics.remove_prefix(std::min(metrics.size(), line.size() + 1));
    if (const auto waiting = sample_of(line, "vllm:num_requests_waiting")) queued += *waiting;
    // The second is the name that older servers use.
    for (const char* name : {"vllm:kv_cache_usage_perc", "vllm:gpu_cache_usage_perc"}) {
      if (const auto used = sample_of(line, name)) cache = std::max(cache, *used);
    }
  }
  return {.queued = static_cast<std::int32_t>(std::min(queued, 1e9)),
          .cache_permille = static_cast<std::int32_t>(std::min(cache, 1.0) * 1000)};
}

LoadReport read_ollama_memory(std::string_view running) {
  constexpr std::int32_t models_max = 10'000;
  json::Document document;
  const auto models = document.parse(running) ? document.root().find("models") : std::nullopt;
  if (!models || !models->is_array()) return {};
  LoadReport report{.models_loaded = 0};
  for (const json::Value model : models->elements()) {
    if (!model.is_object() || report.models_loaded == models_max) continue;
    const std::int64_t vram = bytes_at(model, "size_vram");
    ++report.models_loaded;
    report.memory_bytes += std::max(bytes_at(model, "size"), vram);
    report.memory_vram_bytes += vram;
  }
  return report;
}

/// One server that is asked.
struct LoadWatch::Server {
  pipeline::Target target;          ///< no more of it is set than exchanges need
  std::optional<Question> running;  ///< of an Ollama, which is asked nothing else
  // Of the server, not below its API.
  Question health{.path = "/health"};
  Question metrics{.path = "/metrics"};
  net::Cancellation cancellation;
  bool is_under_way = false;
};

LoadWatch::LoadWatch(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                     const pipeline::WallClock& wall)
    : loop_(loop), exchanges_(exchanges), wall_(wall), next_([this] { ask_all(); }) {}

LoadWatch::~LoadWatch() { stop(); }

bool LoadWatch::is_needed(const Snapshot& snapshot) {
  const auto& all = snapshot.config().providers;
  return std::any_of(all.begin(), all.end(), [&](const config::ProviderConfig& provider) {
    return tells_load(snapshot.config(), provider);
  });
}

void LoadWatch::set_snapshot(const Snapshot& snapshot) {
  stop();
  const config::Config& config = snapshot.config();
  for (std::size_t i = 0; i < config.providers.size(); ++i) {
    if (!tells_load(config, config.providers[i])) continue;
    auto server = std::make_shared<Server>();
    server->target.upstream = snapshot.upstreams()[i];
    server->target.name = config.providers[i].name + "/";
    const auto url = parse_http_url(config.providers[i].base_url);
    if (url && is_ollama(config.providers[i])) server->running = {.path = url->path + "/api/ps"};
    servers_.push_back(std::move(server));
  }
  if (servers_.empty()) return;
  interval_ = *config.load_interval.after;
  loop_.arm_exact(next_, loop_.now() + interval_);
}

void LoadWatch::stop() {
  next_.disarm();
  const auto servers = std::exchange(servers_, {});
  for (const auto& server : servers) server->cancellation.cancel();
}

void LoadWatch::ask_all() {
  const std::int64_t now = wall_.unix_ms();
  const auto servers = servers_;
  for (const auto& server : servers) {
    pipeline::TrafficCounters& counters = *server->target.upstream->counters;
    const std::int64_t used = counters.last_used_ms.load(std::memory_order_relaxed);
    const bool is_busy = counters.in_flight.load(std::memory_order_relaxed) > 0;
    const bool holds_models = counters.models_loaded.load(std::memory_order_relaxed) > 0;
    if (!is_busy && !holds_models && now - used > used_within_ms) {
      note(counters, {});
    } else if (!server->is_under_way) {
      server->is_under_way = true;
      tasks_.spawn(server->running ? look_at_memory(server) : look(server));
    }
  }
  loop_.arm_exact(next_, loop_.now() + interval_);
}

net::Task<void> LoadWatch::look_at_memory(std::shared_ptr<Server> server) {
  const Result<std::string> told =
      co_await ask(loop_, exchanges_, server->target, *server->running, server->cancellation);
  if (server->cancellation.is_cancelled()) co_return;  // the watch itself may be gone
  server->is_under_way = false;
  note(*server->target.upstream->counters, told ? read_ollama_memory(*told) : LoadReport{});
}

net::Task<void> LoadWatch::look(std::shared_ptr<Server> server) {
  // Its HTTP server outlives a dead engine, with metrics of no load at all.
  const Result<Reply> health = co_await ask_for_reply(loop_, exchanges_, server->target,
                                                      server->health, server->cancellation);
  if (server->cancellation.is_cancelled()) co_return;
  LoadReport report{.is_unwell = !health || health->status >= 500};
  if (!report.is_unwell) {
    const Result<std::string> told =
        co_await ask(loop_, exchanges_, server->target, server->metrics, server->cancellation);
    if (server->cancellation.is_cancelled()) co_return;
    if (told) report = read_vllm_load(*told);
  }
  server->is_under_way = false;
  note(*server->target.upstream->counters, report);
}

}  // namespace weir::engine
