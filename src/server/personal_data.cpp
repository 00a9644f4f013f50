// SPDX-License-Identifier: Apache-2.0
#include "server/personal_data.hpp"

#include <limits>
#include <utility>
#include <vector>

#include "json/writer.hpp"
#include "server/callers.hpp"
#include "server/content_log.hpp"

namespace weir::server {
namespace {

/// Whoever has more is to be served from the files.
constexpr std::size_t export_bytes_max = std::size_t{256} << 20;
/// Of a response that is asked for whether or not its time is over.
constexpr std::int64_t any_time = std::numeric_limits<std::int64_t>::min();

using Keys = std::vector<identity::KeyRecord>;

Result<Keys> keys_of(identity::Directory& directory, const identity::Actor& actor,
                     const std::string& user) {
  identity::Store::KeyFilter filter{.user = user};
  filter.count_max = std::numeric_limits<std::int64_t>::max();
  return directory.keys(actor, filter);
}

/// The names under which content is kept: ids of his keys, those in the configuration among them.
std::vector<std::string> tenants_of(const Keys& keys, const std::string& user,
                                    const config::Config& config) {
  std::vector<std::string> tenants;
  for (const identity::KeyRecord& key : keys) tenants.push_back(key.id);
  for (const config::Secret& key : config.keys) {
    const config::ClientConfig* settings = config.settings_of(key);
    if (settings != nullptr && settings->user == user) tenants.push_back(public_id(key.reveal()));
  }
  return tenants;
}

Result<> check_size(const std::string& out) {
  if (out.size() <= export_bytes_max) return {};
  return Error(ErrorCode::too_large, "there is more than one answer can hold");
}

void write_response(json::Writer& json, const store::StoredResponse& response) {
  json.begin_object().member("id", response.id).member("target", response.target);
  json.member("created_ms", response.created_ms);
  json.member("kept_by_provider", response.is_kept_upstream);
  if (!response.input.empty()) json.key("input").raw(response.input);
  if (!response.response.empty()) json.key("response").raw(response.response);
  json.end_object();
}

using WriteEntry = void (*)(json::Writer& json, const store::StoredResponse& entry);

Result<> write_entries(json::Writer& json, ResponseArchive& archive,
                       const std::vector<std::string>& tenants, WriteEntry write) {
  return archive.wait([&](store::ResponseStore& store) -> Result<> {
    for (const std::string& tenant : tenants) {
      WEIR_TRY_ASSIGN(ids, store.ids_of(tenant));
      for (const std::string& id : ids) {
        WEIR_TRY_ASSIGN(response, store.get(tenant, id, any_time));
        write(json, response);
        WEIR_TRY(check_size(json.out()));
      }
    }
    return {};
  });
}

struct ErasedResponses {
  std::int64_t count = 0;
  std::int64_t kept_by_providers = 0;  ///< of them: their content lies there
};

Result<> erase_responses(store::ResponseStore& store, const std::vector<std::string>& tenants,
                         ErasedResponses& erased) {
  for (const std::string& tenant : tenants) {
    WEIR_TRY_ASSIGN(ids, store.ids_of(tenant));
    for (const std::string& id : ids) {
      WEIR_TRY_ASSIGN(response, store.get(tenant, id, any_time));
      WEIR_TRY(store.remove(tenant, id, any_time));
      erased.kept_by_providers += response.is_kept_upstream ? 1 : 0;
      ++erased.count;
    }
  }
  return store.purge();
}

/// Those of his keys, and those that carry his name although their key does not any more.
std::vector<store::IdempotencyStore::Owner> owners_of(const std::vector<std::string>& tenants,
                                                      const std::string& user) {
  std::vector<store::IdempotencyStore::Owner> owners;
  owners.push_back({{}, user});
  for (const std::string& tenant : tenants) owners.push_back({tenant, {}});
  return owners;
}

Result<> write_requests(json::Writer& json, Idempotency& idempotency,
                        const std::vector<store::IdempotencyStore::Owner>& owners) {
  const auto write = [&](std::int64_t expires_ms, const std::optional<store::OnceAnswer>& answer) {
    json.begin_object().member("expires_ms", expires_ms);
    if (answer) json.member("status", answer->status).member("body", answer->body);
    json.end_object();
  };
  return idempotency.wait([&](store::IdempotencyStore& store) -> Result<> {
    for (const auto& owner : owners) {
      WEIR_TRY(store.for_each_of(owner, write));
      WEIR_TRY(check_size(json.out()));
    }
    return {};
  });
}

/// How incidents call one whose limits or budgets they are about.
std::string alert_subject(const std::string& user) { return "user:" + user; }

void write_incidents(json::Writer& json, HealthWatch& health, const std::string& user) {
  health.look_at_alerts([&](const health::Alerts& alerts) {
    for (const health::AlertEvent& event : alerts.events_after(0)) {
      if (event.subject != alert_subject(user)) continue;
      json.begin_object().member("rule", event.rule).member("raised", event.is_raised);
      json.member("at_ms", event.at_ms).end_object();
    }
  });
}

}  // namespace

Result<std::string> PersonalData::exported(const identity::Actor& actor, const std::string& user,
                                           const config::Config& config, std::int64_t now_ms) {
  WEIR_TRY(directory_.record(actor, {"data.export", user}, now_ms));
  WEIR_TRY_ASSIGN(keys, keys_of(directory_, actor, user));
  const std::vector<std::string> tenants = tenants_of(keys, user, config);
  std::string out;
  json::Writer json(out);
  json.begin_object().member("name", user);
  if (const auto record = directory_.user(user)) {
    json.key("user");
    identity::write_record(json, *record);
  }
  json.key("keys").begin_array();
  for (const identity::KeyRecord& key : keys) identity::write_record(json, key);
  json.end_array().key("responses").begin_array();
  WEIR_TRY(write_entries(json, responses_, tenants, write_response));
  json.end_array().key("idempotent_requests").begin_array();
  WEIR_TRY(write_requests(json, idempotency_, owners_of({}, user)));
  json.end_array().key("logged_content").begin_array();
  WEIR_TRY(write_entries(json, contents_, tenants, write_logged_content));
  json.end_array().key("incidents").begin_array();
  write_incidents(json, health_, user);
  json.end_array().end_object();
  return out;
}

/// His keys come last: by their ids the rest is found, also when this is asked again.
Result<std::string> PersonalData::erase(const identity::Actor& actor, const std::string& user,
                                        const config::Config& config, std::int64_t now_ms) {
  WEIR_TRY_ASSIGN(keys, keys_of(directory_, actor, user));
  WEIR_TRY(directory_.record(actor, {"data.erase", user}, now_ms));
  const std::vector<std::string> tenants = tenants_of(keys, user, config);
  ErasedResponses responses;
  WEIR_TRY(responses_.wait(
      [&](store::ResponseStore& store) { return erase_responses(store, tenants, responses); }));
  ErasedResponses contents;
  WEIR_TRY(contents_.wait(
      [&](store::ResponseStore& store) { return erase_responses(store, tenants, contents); }));
  std::int64_t requests = 0;
  WEIR_TRY(idempotency_.wait([&](store::IdempotencyStore& store) -> Result<> {
    for (const auto& owner : owners_of(tenants, user)) {
      WEIR_TRY_ASSIGN(removed, store.remove_of(owner));
      requests += static_cast<std::int64_t>(removed);
    }
    return {};
  }));
  WEIR_TRY(directory_.remove_content_keys(actor, tenants, user, now_ms));
  WEIR_TRY_ASSIGN(erased_keys, directory_.erase_user(actor, user, now_ms));
  // Behind his limits, which would raise them anew.
  const auto incidents = static_cast<std::int64_t>(health_.forget_alerts(alert_subject(user)));
  std::string out;
  json::Writer json(out);
  json.begin_object().member("erased", user);
  json.member("keys", static_cast<std::int64_t>(erased_keys));
  json.member("responses", responses.count);
  json.member("responses_kept_by_providers", responses.kept_by_providers);
  json.member("idempotent_requests", requests);
  json.member("logged_content", contents.count);
  json.member("incidents", incidents).end_object();
  return out;
}

}  // namespace weir::server
