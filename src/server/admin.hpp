// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "identity/audit_log.hpp"
#include "net/http/target.hpp"
#include "server/routes.hpp"
#include "weir/error.hpp"

namespace weir::server {

struct AdminRequest {
  Endpoint endpoint;
  std::string_view argument;  ///< what the path's placeholder took
  net::http::Query query;
  std::string_view media_type;  ///< of the body, as the client said; may be empty
  std::string_view body;
  identity::Actor actor = {};  ///< who asks; sees and changes only what is his where he is confined
};

struct AdminAnswer {
  std::optional<Error> error;
  std::string media_type = "application/json";
  std::string body;
};

/// The administration: what the program tells about itself and lets be changed while it runs.
/// `authorize` is called by any thread, `answer` by one at a time that may wait.
class Admin {
 public:
  virtual ~Admin() = default;
  /// Who it is that asks with this credential, and whether he may. Errors: `invalid_api_key`,
  /// `expired_api_key`.
  [[nodiscard]] virtual Result<identity::Actor> authorize(Permission permission,
                                                          std::string_view credential) const = 0;
  virtual AdminAnswer answer(const AdminRequest& request) = 0;
  /// Writes down that `actor` was refused (J-1); as `answer`.
  virtual void note_refusal(const identity::Actor& actor, Endpoint endpoint,
                            std::string_view object) = 0;
};

}  // namespace weir::server
