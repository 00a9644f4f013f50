// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/routes.hpp"
#include "weir/error.hpp"

namespace weir::server {

struct AdminRequest {
  Endpoint endpoint;
  std::string_view argument;    ///< what the path's placeholder took
  net::http::Query query;
  std::string_view media_type;  ///< of the body, as the client said; may be empty
  std::string_view body;
};

struct AdminAnswer {
  std::optional<Error> error;
  std::string media_type = "application/json";
  std::string body;
};

/// The administration: what the program tells about itself and lets be changed while it runs.
/// `may_enter` is called by any thread, `answer` by one at a time that may wait.
class Admin {
 public:
  virtual ~Admin() = default;
  [[nodiscard]] virtual bool may_enter(Permission permission,
                                       std::string_view credential) const = 0;
  virtual AdminAnswer answer(const AdminRequest& request) = 0;
};

}  // namespace weir::server
