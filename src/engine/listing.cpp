// SPDX-License-Identifier: Apache-2.0
#include "engine/listing.hpp"

#include <deque>
#include <utility>

#include "base/http_url.hpp"
#include "base/redact.hpp"
#include "engine/engine.hpp"
#include "engine/model_list.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"
#include "net/http/head_writer.hpp"
#include "wire/fault.hpp"

namespace weir::engine {
namespace {

using config::DetectedModel;

constexpr std::chrono::seconds answer_max{10};  ///< until the head, then for the whole body
constexpr std::size_t body_bytes_max = std::size_t{4} << 20;
constexpr std::size_t descriptions_max = 100;  ///< in one go

Error error_of(const net::ExchangeResult& result) {
  switch (result.error) {
    case net::ExchangeError::timeout_sent:
    case net::ExchangeError::stalled:
    case net::ExchangeError::cancelled:
      return {ErrorCode::upstream_timeout, "no answer in time"};
    case net::ExchangeError::malformed:
      return {ErrorCode::upstream_malformed, "the answer is not HTTP"};
    default:
      return {ErrorCode::upstream_unreachable,
              result.reason.empty() ? std::string(net::name(result.error)) : result.reason};
  }
}

Error refusal(int status, std::string_view body) {
  std::string text = "answers " + std::to_string(status);
  const std::string words = redacted_message(wire::read_fault(status, body).message);
  if (!words.empty()) text += ": " + words;
  return {ErrorCode::upstream_error, std::move(text)};
}

/// The request's head; `body` null is a GET.
std::string make_head(const pipeline::Upstream& upstream, const std::string& path,
                      const std::string* body) {
  std::string head;
  const std::string scheme_and_host =
      upstream.origin.uses_absolute_form() ? "http://" + upstream.authority : std::string();
  net::http::append_request_line(head, body ? "POST" : "GET", scheme_and_host + path);
  head.append(upstream.fields);
  net::http::append_field(head, "accept", "application/json");
  if (body != nullptr) {
    net::http::append_field(head, "content-type", "application/json");
    net::http::append_field(head, "content-length", std::uint64_t{body->size()});
  }
  net::http::end_head(head);
  return head;
}

/// One question; the answer is the body. `question` null is a GET. The question and the rest
/// outlive the task.
net::Task<Result<std::string>> ask(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                                   const Listing& listing, const std::string& path,
                                   const std::string* question, net::Cancellation& cancellation) {
  const pipeline::Upstream& upstream = *listing.target->upstream;
  const std::unique_ptr<net::Exchange> exchange = exchanges.make(*listing.target, cancellation);
  net::ExchangeTimeouts timeouts;
  timeouts.connect = upstream.connect_timeouts;
  timeouts.first_byte = answer_max;
  const net::ExchangeLimits limits;
  const std::string head = make_head(upstream, path, question);
  const std::string_view body = question != nullptr ? std::string_view(*question) : "";
  const std::string_view method = question != nullptr ? "POST" : "GET";
  const net::ExchangeResult sent = co_await exchange->send(method, head, body, timeouts, limits);
  if (!sent) {
    exchange->close();
    co_return error_of(sent);
  }
  const int status = exchange->head().status;
  const net::TimePoint deadline = loop.now() + answer_max;
  std::string answer;
  std::optional<Error> problem;
  for (bool is_last = false; !is_last && !problem;) {
    const net::Exchange::Piece piece = co_await exchange->read(answer_max);
    is_last = piece.is_last;
    if (piece.error != net::ExchangeError::none) {
      problem = error_of({piece.error, "the answer broke off"});
    } else if (answer.size() + piece.bytes.size() > body_bytes_max) {
      problem = Error(ErrorCode::upstream_malformed, "the answer is too big");
    } else if (!is_last && loop.now() > deadline) {
      problem = Error(ErrorCode::upstream_timeout, "the answer takes too long");
    } else {
      answer.append(piece.bytes);
    }
  }
  if (problem) {
    exchange->close();
    co_return *problem;
  }
  exchange->finish(upstream.pool_idle);
  if (status != 200) co_return refusal(status, answer);
  co_return answer;
}

bool is_described(const DetectedModel& model) {
  return model.context_tokens > 0 || model.capabilities != providers::StatedCapabilities{};
}

void take_description(const DetectedModel& from, DetectedModel& model) {
  model.capabilities = from.capabilities;
  model.context_tokens = from.context_tokens;
  model.output_tokens_max = from.output_tokens_max;
}

/// What an answer of /api/show says.
std::optional<DetectedModel> read_description(std::string_view body) {
  json::Document document;
  if (!document.parse(body)) return std::nullopt;
  const auto facts = wire::ollama::decode_show(document.root());
  if (!facts) return std::nullopt;
  return to_detected(*facts);
}

/// One loop with all questions on it, until the last was answered.
class Round {
 public:
  Round(const std::vector<Listing>& listings, bool describes)
      : listings_(listings),
        describes_(describes),
        gate_({}),
        engine_({wall_, gate_, tls_}, 0),
        cancellations_(listings.size()),
        results_(listings.size()),
        late_([this] { cancel_all(); }) {}

  std::vector<ListResult> run(std::chrono::milliseconds total_max) {
    if (listings_.empty()) return {};
    engine_.loop().arm_exact(late_, engine_.loop().now() + total_max);
    engine_.loop().post([this] {
      for (std::size_t i = 0; i < listings_.size(); ++i) tasks_.spawn(perform(i));
    });
    engine_.loop().run();
    return std::move(results_);
  }

 private:
  net::Task<void> perform(std::size_t index) {
    ListResult result =
        co_await ask_for_models(engine_.loop(), engine_.exchanges(), listings_[index], nullptr,
                                describes_, cancellations_[index]);
    results_[index] = std::move(result);
    if (++ended_ == listings_.size()) {
      late_.disarm();
      engine_.finish();
    }
  }

  void cancel_all() {
    for (net::Cancellation& cancellation : cancellations_) cancellation.cancel();
  }

  const std::vector<Listing>& listings_;
  bool describes_;
  SystemClock wall_;
  shared_state::Gate gate_;
  net::TlsClientContexts tls_;
  Engine engine_;
  std::deque<net::Cancellation> cancellations_;
  std::vector<ListResult> results_;
  std::size_t ended_ = 0;
  net::CallbackAlarm late_;
  net::TaskSet tasks_;
};

}  // namespace

std::optional<Listing> listing_of(const Snapshot& snapshot, std::size_t index) {
  const config::ProviderConfig& provider = snapshot.config().providers[index];
  const auto& upstream = snapshot.upstreams()[index];
  if (!provider.enabled || upstream->is_mock) return std::nullopt;
  const std::string path = providers::operation_path(
      *provider.api, {provider.base_url, provider.api_version}, providers::Operation::models, {});
  const auto url = parse_http_url(provider.base_url);
  if (path.empty() || !url) return std::nullopt;
  auto target = std::make_shared<pipeline::Target>();
  target->upstream = upstream;
  target->name = provider.name + "/";
  target->dialect = provider.dialect;
  Listing listing;
  listing.provider = provider.name;
  listing.list_path = url->path + path;
  if (provider.dialect == wire::Dialect::ollama) listing.show_path = url->path + "/api/show";
  listing.identity = upstream->pool_key + listing.list_path + upstream->fields;
  listing.target = std::move(target);
  return listing;
}

net::Task<ListResult> ask_for_models(net::Loop& loop, pipeline::ExchangeFactory& exchanges,
                                     const Listing& listing,
                                     std::shared_ptr<const config::DetectedList> known,
                                     bool describes, net::Cancellation& cancellation) {
  const Result<std::string> listed =
      co_await ask(loop, exchanges, listing, listing.list_path, nullptr, cancellation);
  if (!listed) co_return listed.error();
  ListResult models = read_model_list(listing.target->dialect, *listed);
  if (!models || !describes || listing.show_path.empty()) co_return models;
  std::size_t asked = 0;
  for (DetectedModel& model : *models) {
    if (is_described(model)) continue;
    const DetectedModel* before = known ? known->find(model.id) : nullptr;
    if (before != nullptr && before->revision == model.revision && is_described(*before)) {
      take_description(*before, model);
      continue;
    }
    if (asked++ == descriptions_max) break;
    std::string question;
    json::Writer json(question);
    json.begin_object().member("model", model.id).end_object();
    const Result<std::string> shown =
        co_await ask(loop, exchanges, listing, listing.show_path, &question, cancellation);
    // One model's description may fail; a server that is gone will not tell the others either.
    if (!shown && shown.error().code != ErrorCode::upstream_error) break;
    const auto description = shown ? read_description(*shown) : std::nullopt;
    if (description) take_description(*description, model);
  }
  co_return models;
}

std::vector<ListResult> list_models(const std::vector<Listing>& listings,
                                    std::chrono::milliseconds total_max, bool describes) {
  return Round(listings, describes).run(total_max);
}

}  // namespace weir::engine
