// SPDX-License-Identifier: Apache-2.0
#include "admin/limits_view.hpp"

#include <algorithm>

#include "base/money.hpp"

namespace weir::admin {
namespace {

using shared_state::Duration;
using shared_state::LimitStatus;

std::int64_t ms_of(Duration time) {
  return std::chrono::ceil<std::chrono::milliseconds>(time).count();
}

void append_amount(json::Writer& json, std::string_view name, std::int64_t amount, bool is_money) {
  if (is_money) {
    json.member(std::string(name) + "_usd", to_usd_text(NanoUsd(amount)));
    json.member(std::string(name) + "_nanousd", amount);
  } else {
    json.member(name, amount);
  }
}

void append_limit(json::Writer& json, const LimitStatus& status) {
  const bool is_money = status.unit == policy::LimitUnit::nanousd;
  json.begin_object().member("scope", policy::name(status.owner.scope));
  if (!status.owner.name.empty()) json.member("name", status.owner.name);
  json.member("unit", is_money ? "usd" : policy::name(status.unit));
  if (!status.algorithm.empty()) json.member("counted_by", status.algorithm);
  if (!status.period.empty()) json.member("period", status.period);
  if (!status.zone.empty()) json.member("time_zone", status.zone);
  if (status.window > Duration::zero()) json.member("window_ms", ms_of(status.window));
  append_amount(json, "limit", status.limit, is_money);
  if (status.in_force != status.limit) json.member("in_force", status.in_force);
  append_amount(json, "used", status.used, is_money);
  if (is_money) append_amount(json, "reserved", status.reserved, true);
  if (status.burst > 0) json.member("burst", status.burst);
  const std::int64_t whole = status.burst > 0 ? status.burst : status.in_force;
  const std::int64_t left = whole - status.used - status.reserved;
  append_amount(json, "left", std::max<std::int64_t>(0, left), is_money);
  if (is_money) json.member("hard", status.is_hard);
  json.member("reset_ms", ms_of(status.reset));
  const bool is_never = status.wait == policy::never;
  if (!is_never && !is_money) json.member("wait_ms", ms_of(status.wait));
  json.end_object();
}

/// Keys and models carry their provider's name before their own.
bool is_of_provider(const shared_state::LimitOwner& owner, std::string_view provider) {
  using policy::LimitScope;
  const std::string_view name = owner.name;
  const bool is_named = name.starts_with(provider);
  switch (owner.scope) {
    case LimitScope::provider:
      return name == provider;
    case LimitScope::provider_key:
      return is_named && (name.size() == provider.size() || name[provider.size()] == ' ');
    case LimitScope::model:
    case LimitScope::target:
      return is_named && name.size() > provider.size() && name[provider.size()] == '/';
    default:
      return false;
  }
}

}  // namespace

void append_limits_of(json::Writer& json, const std::vector<LimitStatus>& limits,
                      std::string_view provider) {
  json.begin_array();
  for (const LimitStatus& status : limits) {
    if (is_of_provider(status.owner, provider)) append_limit(json, status);
  }
  json.end_array();
}

std::string limits_json(const std::vector<LimitStatus>& limits) {
  std::string text;
  json::Writer json(text);
  json.begin_object().key("limits").begin_array();
  for (const LimitStatus& status : limits) append_limit(json, status);
  json.end_array().end_object();
  return text;
}

}  // namespace weir::admin
