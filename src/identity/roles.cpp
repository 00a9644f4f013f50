// SPDX-License-Identifier: Apache-2.0
#include "identity/roles.hpp"

#include <algorithm>
#include <array>

namespace weir::identity {
namespace {

constexpr std::array<std::string_view, role_count> role_names{"admin", "operator", "viewer",
                                                              "member"};

struct Holders {
  Permission permission;
  bool admin;
  bool operator_role;
  bool viewer;
  bool member;
};
// clang-format off
constexpr std::array holders{
    //                               admin  operator viewer member
    Holders{Permission::open,        false, false,   false, false},
    Holders{Permission::call_models, false, false,   false, false},
    Holders{Permission::read_own,    true,  true,    true,  true},
    Holders{Permission::write_own,   true,  false,   false, true},
    Holders{Permission::own_account, true,  true,    true,  true},
    Holders{Permission::read_admin,  true,  true,    true,  false},
    Holders{Permission::write_admin, true,  true,    false, false},
    Holders{Permission::read_users,  true,  true,    true,  false},
    Holders{Permission::write_users, true,  false,   false, false},
    Holders{Permission::read_audit,  true,  false,   true,  false},
    Holders{Permission::read_content, true, false,   false, false},
};
// clang-format on

constexpr bool rows_stand_in_order() {
  for (std::size_t i = 0; i < holders.size(); ++i) {
    if (static_cast<std::size_t>(holders[i].permission) != i) return false;
  }
  return holders.size() == permission_count;
}
static_assert(rows_stand_in_order(), "holders: one row per permission, in its order");

}  // namespace

std::string_view name(Role role) noexcept { return role_names[static_cast<std::size_t>(role)]; }

std::optional<Role> parse_role(std::string_view word) noexcept {
  const auto* const found = std::find(role_names.begin(), role_names.end(), word);
  if (found == role_names.end()) return std::nullopt;
  return static_cast<Role>(found - role_names.begin());
}

bool has(Role role, Permission permission) noexcept {
  const Holders& row = holders[static_cast<std::size_t>(permission)];
  switch (role) {
    case Role::admin:
      return row.admin;
    case Role::operator_role:
      return row.operator_role;
    case Role::viewer:
      return row.viewer;
    case Role::member:
      return row.member;
  }
  return false;
}

}  // namespace weir::identity
