// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "config/config.hpp"
#include "identity/directory.hpp"
#include "identity/login_guard.hpp"
#include "pipeline/attempt_loop.hpp"
#include "server/admin.hpp"

namespace weir::server {

/// The part of the admin API that is about users, teams, keys and what was done, and where users
/// log in. For one thread at a time.
class IdentityPages {
 public:
  IdentityPages(identity::Directory& directory, const pipeline::WallClock& wall)
      : directory_(directory), wall_(wall) {}

  static bool has(Endpoint endpoint) noexcept;
  /// Precondition: it has the endpoint. Errors: the directory's; `invalid_json` and
  /// `invalid_request` for a body with members that the endpoint does not take (V-5).
  /// A login that is refused is `invalid_login`, or `rate_limited` where too many were wrong.
  Result<std::string> answer(const AdminRequest& request, const config::Config& config);

 private:
  Result<std::string> answer_about_sessions(const AdminRequest& request,
                                            const config::Config& config);
  Result<std::string> log_in(const AdminRequest& request, const config::Config& config);
  Result<> check_password(const AdminRequest& request, std::string_view user,
                          std::string_view password);
  Result<std::string> change_own_password(const AdminRequest& request);
  Result<std::string> answer_about_keys(const AdminRequest& request);
  Result<std::string> answer_about_users(const AdminRequest& request);
  Result<std::string> answer_about_teams(const AdminRequest& request);
  Result<std::string> answer_about_secrets(const AdminRequest& request);
  Result<std::string> list_keys(const AdminRequest& request);
  Result<std::string> create_key(const AdminRequest& request);
  Result<std::string> change_key(const AdminRequest& request);
  Result<std::string> rotate_key(const AdminRequest& request);
  Result<std::string> add_user(const AdminRequest& request);
  Result<std::string> set_user(const AdminRequest& request);
  Result<std::string> set_team(const AdminRequest& request);
  Result<std::string> list_audit(const AdminRequest& request);

  identity::Directory& directory_;
  const pipeline::WallClock& wall_;
  identity::LoginGuard logins_;
};

}  // namespace weir::server
