// SPDX-License-Identifier: Apache-2.0
#include "server/model_lists.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "admin/model_view.hpp"
#include "server/model_calls.hpp"
#include "wire/openai/models.hpp"

namespace weir::server {
namespace {

constexpr std::string_view json_type = "application/json";

/// Who has a model: the provider its name starts with, ourselves for routes.
std::string_view owner_of(std::string_view name) {
  const std::size_t slash = name.find('/');
  return slash == std::string_view::npos ? "weir" : name.substr(0, slash);
}

}  // namespace

net::Task<void> list_models(ClientRequest& request, std::int64_t created) {
  const config::Resolver& resolver = request.snapshot->resolver();
  const std::vector<std::string> names = resolver.listed_names();
  const admin::Refused refused = request.snapshot->refused();
  std::vector<std::string> facts;
  for (const std::string& name : names) {
    facts.push_back(admin::listed_name_json(resolver, refused, name));
  }
  std::vector<wire::openai::ModelEntry> entries;
  entries.reserve(names.size());
  for (std::size_t i = 0; i < names.size(); ++i) {
    entries.push_back({names[i], owner_of(names[i]), created, facts[i]});
  }
  std::string body;
  wire::openai::encode_models(entries, body);
  co_await respond(request, 200, json_type, std::move(body));
}

net::Task<void> get_model(ClientRequest& request, std::int64_t created) {
  const auto route = find_route(*request.snapshot, request.door, request.argument);
  if (!route) {
    co_await refuse(request, route.error());
    co_return;
  }
  const std::string facts = admin::listed_name_json(request.snapshot->resolver(),
                                                    request.snapshot->refused(), request.argument);
  std::string body;
  wire::openai::encode_model({request.argument, owner_of(request.argument), created, facts}, body);
  co_await respond(request, 200, json_type, std::move(body));
}

}  // namespace weir::server
