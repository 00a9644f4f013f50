// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::identity {

/// What a user may do in the administration.
enum class Role : std::uint8_t {
  admin,          ///< everything
  operator_role,  ///< runs the gateway: providers, routes, configuration; sees the rest but the
                  ///< audit log
  viewer,         ///< sees everything but logged content, the audit log included; changes nothing
  member,         ///< has keys of his own and sees what they did
};
inline constexpr std::size_t role_count = 4;
std::string_view name(Role role) noexcept;
std::optional<Role> parse_role(std::string_view word) noexcept;

/// Who may call a path. One that no role has below is nobody's.
enum class Permission : std::uint8_t {
  open,          ///< anyone
  call_models,   ///< client keys, where there are any
  read_own,      ///< any user; a member what is his own, the others everything
  write_own,     ///< a member what is his own, admins everything
  own_account,   ///< any user: his own session and password
  read_admin,    ///< operation: providers, routes, configuration, metrics; on loopback anyone,
                 ///< until there are users or keys
  write_admin,   ///< changes of them
  read_users,    ///< users and teams
  write_users,   ///< changes of them; secrets; export and erasure of a user's data
  read_audit,    ///< the audit log
  read_content,  ///< what was asked and answered, of those whose content is logged
};
inline constexpr std::size_t permission_count = 11;

/// True when users of `role` have `permission`. Never for those that no user needs.
bool has(Role role, Permission permission) noexcept;
/// True when `role` sees and changes only what belongs to its user.
constexpr bool is_confined(Role role) noexcept { return role == Role::member; }

}  // namespace weir::identity
