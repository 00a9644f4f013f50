// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "identity/directory.hpp"
#include "pipeline/attempt_loop.hpp"
#include "server/admin.hpp"

namespace weir::server {

/// The part of the admin API that is about users, teams, keys and what was done.
class IdentityPages {
 public:
  IdentityPages(identity::Directory& directory, const pipeline::WallClock& wall)
      : directory_(directory), wall_(wall) {}

  static bool has(Endpoint endpoint) noexcept;
  /// Precondition: it has the endpoint. Errors: the directory's; `invalid_json` and
  /// `invalid_request` for a body with members that the endpoint does not take (V-5).
  Result<std::string> answer(const AdminRequest& request);

 private:
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
};

}  // namespace weir::server
