// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "json/document.hpp"
#include "net/task.hpp"
#include "pipeline/kept_body.hpp"
#include "weir/result.hpp"

/// What tells one request from another (M-1). Digests are the 32 bytes of SHA-256.
namespace weir::server {

/// Of several texts in this order, none of which can be taken for a part of its neighbour.
std::string digest_of(std::initializer_list<std::string_view> texts);
std::string to_hex(std::string_view digest);

/// Of JSON, the same however it is written.
std::string json_digest(json::Value body);

/// Of a body that does not stand in memory. A form is the same whatever its boundary is,
/// which clients make up anew each time; what is no form is its bytes. Errors: those of `body`.
net::Task<Result<std::string>> kept_body_digest(pipeline::KeptBody& body, std::string content_type);

}  // namespace weir::server
