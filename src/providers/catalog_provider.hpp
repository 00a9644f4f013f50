// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "providers/price_list.hpp"
#include "providers/provider_table.hpp"

/// The shape of the generated provider rows; only the two tables of this folder include it.
namespace weir::providers {

/// What the catalog says about a provider. `provider_table.cpp` adds what it can't say.
struct CatalogProvider {
  std::string_view id;
  std::string_view name;
  std::string_view base_url;
  std::string_view chat_path;
  std::string_view stream_path;
  std::string_view responses_path;
  wire::Dialect dialect;
  Auth auth;
  FixedHeader header;
  Names key_env;
  Names url_env;
  bool is_local;
  bool has_free_tier;
  LimitHeaders limit_headers;
  PlanLimits free_limits;
  PlanLimits paid_limits;
};

struct CatalogPeakHours {
  std::string_view provider;
  PeakHours hours;
};

}  // namespace weir::providers
