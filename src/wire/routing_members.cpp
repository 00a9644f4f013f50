// SPDX-License-Identifier: Apache-2.0
#include "wire/routing_members.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace weir::wire {
namespace {

// What other gateways and client libraries take from a body: addresses, credentials, and settings
// of the connection. None of them is a member of a provider's own API.
constexpr std::array<std::string_view, 17> routing_members{"api_base",
                                                           "api_key",
                                                           "api_version",
                                                           "aws_access_key_id",
                                                           "aws_bedrock_runtime_endpoint",
                                                           "aws_secret_access_key",
                                                           "aws_session_token",
                                                           "aws_sts_endpoint",
                                                           "azure_ad_token",
                                                           "base_url",
                                                           "custom_host",
                                                           "custom_llm_provider",
                                                           "extra_headers",
                                                           "user_config",
                                                           "vertex_credentials",
                                                           "vertex_location",
                                                           "vertex_project"};
static_assert(std::is_sorted(routing_members.begin(), routing_members.end()));

void refuse_in(json::Value object, const json::Path& path, json::Problem& problem) {
  if (!object.is_object()) return;
  std::string scratch;
  for (const json::Member member : object.members()) {
    const std::string_view key = member.key.as_string_view(scratch);
    if (!is_routing_member(key)) continue;
    problem.set(ErrorCode::invalid_request, json::Path{&path, key, 0},
                "is not taken from a request");
  }
}

}  // namespace

bool is_routing_member(std::string_view name) {
  // All of them have a `_` and begin with one of a few letters: most names need no search.
  if (name.size() < 7 || std::string_view("abceuv").find(name.front()) == std::string_view::npos) {
    return false;
  }
  return std::binary_search(routing_members.begin(), routing_members.end(), name);
}

void refuse_routing_members(json::Value root, json::Problem& problem) {
  const json::Path path;
  refuse_in(root, path, problem);
  if (const auto extra_body = root.find("extra_body")) {
    refuse_in(*extra_body, json::Path{&path, "extra_body", 0}, problem);
  }
}

}  // namespace weir::wire
