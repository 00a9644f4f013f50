// SPDX-License-Identifier: Apache-2.0
#include "server/client_address.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace weir::server {
namespace {

bool is_proxy(const std::vector<IpRange>& proxies, const IpAddress& address) {
  return std::any_of(proxies.begin(), proxies.end(),
                     [&](const IpRange& range) { return range.contains(address); });
}

/// The last item of a list, taken off it.
std::string_view take_last(std::string_view& list) {
  const auto comma = list.rfind(',');
  std::string_view item = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  while (item.starts_with(' ') || item.starts_with('\t')) item.remove_prefix(1);
  while (item.ends_with(' ') || item.ends_with('\t')) item.remove_suffix(1);
  return item;
}

}  // namespace

std::vector<IpRange> proxies_of(const config::Config& config) {
  std::vector<IpRange> proxies;
  for (const std::string& text : config.trusted_proxies) {
    if (const auto range = parse_ip_range(text)) proxies.push_back(*range);
  }
  return proxies;
}

std::string counted_address(std::string_view peer, const std::vector<IpRange>& proxies) {
  const auto address = parse_ip_address(peer);
  if (!address || is_private_address(*address) || is_proxy(proxies, *address)) return {};
  constexpr std::size_t network_bytes = 8;
  const bool is_v4 = std::all_of(address->begin(), address->begin() + 10,
                                 [](std::uint8_t byte) { return byte == 0; });
  const auto end = is_v4 ? address->end() : address->begin() + network_bytes;
  return std::string(address->begin(), end);
}

std::string client_address(std::string_view peer, const net::http::RequestHead& head,
                           const std::vector<IpRange>& proxies) {
  std::string found(peer);
  auto address = parse_ip_address(peer);
  if (proxies.empty() || !address || !is_proxy(proxies, *address)) return found;
  // Several fields are one list, in their order.
  const auto& fields = head.fields.all();
  for (auto field = fields.rbegin(); field != fields.rend(); ++field) {
    if (!ascii::equals_ignoring_case(field->name, "x-forwarded-for")) continue;
    for (std::string_view list = field->value; !list.empty();) {
      const std::string_view item = take_last(list);
      address = parse_ip_address(item);
      // A hop that is no address tells nothing about those left of it.
      if (!address) return found;
      found = item;
      if (!is_proxy(proxies, *address)) return found;
    }
  }
  return found;
}

}  // namespace weir::server
