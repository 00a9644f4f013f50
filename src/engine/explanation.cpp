// SPDX-License-Identifier: Apache-2.0
#include "engine/explanation.hpp"

#include <chrono>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "net/epoll_loop.hpp"
#include "pipeline/chat_operation.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/explain.hpp"

namespace weir::engine {
namespace {

using shared_state::CircuitStatus;
using shared_state::CooldownStatus;

constexpr std::string_view short_chat = R"({"messages":[{"role":"user","content":"Hello"}]})";
constexpr std::size_t explanation_bytes_max = std::size_t{1} << 20;

void append_wait(std::string& text, net::Duration remaining) {
  if (remaining <= net::Duration::zero()) return;
  const auto rest = std::chrono::ceil<std::chrono::milliseconds>(remaining);
  text.append(" for ").append(std::to_string(rest.count())).append(" ms");
}

/// Why the gate lets nothing through; empty: it does, or nobody can say.
std::string objection(std::string_view whose, const CircuitStatus& circuit,
                      const CooldownStatus& cooldown) {
  using State = policy::CircuitBreaker::State;
  std::string text;
  if (circuit.state == State::open || circuit.state == State::forced_open) {
    text.append(whose).append("'s circuit is ").append(policy::name(circuit.state));
    append_wait(text, circuit.remaining);
  } else if (cooldown.remaining > net::Duration::zero()) {
    text.append(whose).append(" is cooling down");
    if (cooldown.cause) text.append(" after ").append(policy::name(*cooldown.cause));
    append_wait(text, cooldown.remaining);
  }
  return text;
}

/// By name of target; of several keys the state of any speaks for itself in their own rows.
std::string objection_to(const pipeline::Target& target,
                         const std::vector<shared_state::ProviderStatus>& status) {
  for (const shared_state::ProviderStatus& provider : status) {
    if (provider.name != target.upstream->name) continue;
    std::string text = objection("the provider", provider.circuit, provider.cooldown);
    if (!text.empty()) return text;
    for (const shared_state::TargetStatus& one : provider.targets) {
      if (one.name == target.name) return objection("the target", one.circuit, one.cooldown);
    }
  }
  return {};
}

/// The candidate that would be asked first, after those that can't be were marked.
const pipeline::Candidate* choose(pipeline::Candidates& plan,
                                  const std::vector<shared_state::ProviderStatus>& status) {
  const pipeline::Candidate* chosen = nullptr;
  for (pipeline::Candidate& candidate : plan) {
    if (!candidate.skipped.empty()) continue;
    candidate.outcome = objection_to(*candidate.target, status);
    if (chosen == nullptr && candidate.outcome.empty()) chosen = &candidate;
  }
  return chosen;
}

}  // namespace

Result<std::string> explain_request(const Snapshot& snapshot, shared_state::Gate& gate,
                                    shared_state::Limits* limits, const ExplainAsk& ask,
                                    Random& random, std::int64_t unix_ms) {
  json::Document document;
  WEIR_TRY(document.parse(ask.request.empty() ? short_chat : ask.request));
  pipeline::ChatAsk chat;
  chat.root = document.root();
  WEIR_TRY_ASSIGN(peek, pipeline::codec_of(chat.client).peek_request(chat.root));
  chat.peek = std::move(peek);
  std::string name = ask.model.empty() ? chat.peek.model : ask.model;
  if (name.empty()) name = snapshot.config().default_model;
  if (name.empty()) name = "auto";
  WEIR_TRY_ASSIGN(route, snapshot.route(name));
  WEIR_TRY_ASSIGN(resolution, snapshot.resolver().resolve(name));
  std::optional<shared_state::Limits::Downgrade> downgrade;
  if (limits != nullptr) downgrade = limits->downgrade(&ask.caller, route->name);
  if (downgrade) {
    WEIR_TRY_ASSIGN(cheaper, snapshot.route(downgrade->route));
    route = std::move(cheaper);
  }
  const pipeline::ChatOperation operation(std::move(chat));
  // A plan reads neither; a call has no other form.
  net::EpollLoop loop;
  net::Cancellation cancellation;
  const pipeline::Call call{.loop = loop,
                            .cancellation = cancellation,
                            .request_id = {},
                            .route = route,
                            .options = ask.options};
  pipeline::Plan plan(call, operation, random, unix_ms);
  const pipeline::Candidate* chosen =
      choose(plan.all(), gate.status(std::chrono::steady_clock::now()));
  std::string out;
  json::Writer json(out);
  json.begin_object().member("model", name);
  json.member("kind", config::name(resolution->how));
  json.member("failover", route->failover && !ask.options.no_failover);
  if (downgrade) {
    json.member("downgraded_to", downgrade->route);
    json.member("downgraded_by", policy::name(downgrade->owner.scope));
  }
  json.member("input_tokens_estimate", operation.input_tokens_estimate());
  json.key("decision")
      .raw(pipeline::explain(call, operation, plan.all(), chosen, explanation_bytes_max));
  json.end_object();
  return out;
}

}  // namespace weir::engine
