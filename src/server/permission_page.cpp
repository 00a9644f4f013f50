// SPDX-License-Identifier: Apache-2.0
#include "server/permission_page.hpp"

#include "server/routes.hpp"

namespace weir::server {
namespace {

constexpr const char* introduction =
    "<!-- Made by `weir docs permissions`; scripts/docs.sh writes it. -->\n"
    "# Who may call what\n\n"
    "Every path of the administration and the roles whose users may call it. A role that is not\n"
    "named may not. The token in the file `admin-token` may do what an admin may. What a member\n"
    "reads and changes is his own, whatever the path. Until there are users or keys, whoever is "
    "on\n"
    "the gateway's own machine may read as a viewer, but for keys, users and the audit log.\n\n"
    "| method | path | admin | operator | viewer | member |\n"
    "|---|---|---|---|---|---|\n";

}  // namespace

std::string permissions_markdown() {
  using identity::Permission;
  std::string text = introduction;
  for (const RouteSpec& route : route_specs()) {
    if (route.permission == Permission::open || route.permission == Permission::call_models) {
      continue;
    }
    text.append("| ").append(route.method).append(" | `").append(route.pattern).append("` |");
    for (std::size_t i = 0; i < identity::role_count; ++i) {
      const bool may = identity::has(static_cast<identity::Role>(i), route.permission);
      text.append(may ? " yes |" : " |");
    }
    text.push_back('\n');
  }
  return text;
}

}  // namespace weir::server
