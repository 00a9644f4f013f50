// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/ip_range.hpp"
#include "config/config.hpp"
#include "net/http/scanner.hpp"

/// Who is at the other end.
namespace weir::server {

/// The blocks that `trusted_proxies` names; what is no address was refused with the configuration.
[[nodiscard]] std::vector<IpRange> proxies_of(const config::Config& config);

/// Under which name connections of `peer` are counted; empty for those that are not, as many
/// clients share them: loopback, private addresses, proxies. Of an IPv6 address the first 64 bits:
/// the rest is its owner's to choose.
[[nodiscard]] std::string counted_address(std::string_view peer,
                                          const std::vector<IpRange>& proxies);

/// The client's address (rule E-8): `peer`, or where that is a trusted proxy the right-most address
/// in X-Forwarded-For that is none. What stands left of it anyone may have written.
[[nodiscard]] std::string client_address(std::string_view peer, const net::http::RequestHead& head,
                                         const std::vector<IpRange>& proxies);

}  // namespace weir::server
