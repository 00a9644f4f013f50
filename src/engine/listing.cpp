// SPDX-License-Identifier: Apache-2.0
#include "engine/listing.hpp"

#include <deque>
#include <utility>

#include "base/http_url.hpp"
#include "engine/engine.hpp"
#include "engine/model_list.hpp"
#include "engine/question.hpp"
#include "json/document.hpp"
#include "json/writer.hpp"

namespace weir::engine {
namespace {

using config::DetectedModel;

constexpr std::size_t descriptions_max = 100;  ///< in one go

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
  const Question list{.path = listing.list_path};
  const Result<std::string> listed =
      co_await ask(loop, exchanges, *listing.target, list, cancellation);
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
    Question show{.path = listing.show_path};
    json::Writer json(show.body.emplace());
    json.begin_object().member("model", model.id).end_object();
    const Result<std::string> shown =
        co_await ask(loop, exchanges, *listing.target, show, cancellation);
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
