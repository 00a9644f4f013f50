// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "server/admin.hpp"
#include "server/identity_pages.hpp"
#include "server/program.hpp"

namespace weir::server {

/// The admin API over the running program.
class Administration final : public Admin {
 public:
  /// `token` empty: only users with tokens of their own can change anything. `is_local`: whoever
  /// reaches the listener is on this machine. `directory` null: there are no users; otherwise it
  /// outlives the administration.
  Administration(Program& program, identity::Directory* directory, std::string token,
                 bool is_local);

  [[nodiscard]] Result<identity::Actor> authorize(Permission permission,
                                                  std::string_view credential) const override;
  AdminAnswer answer(const AdminRequest& request) override;
  void note_refusal(const identity::Actor& actor, Endpoint endpoint,
                    std::string_view object) override;

 private:
  Result<std::string> respond(const AdminRequest& request, std::string& media_type);
  Result<std::string> ask_identity_pages(const AdminRequest& request);
  Result<std::string> personal_data(const AdminRequest& request, const config::Config& config);
  Result<std::string> show_content(const AdminRequest& request);
  Result<std::string> add_provider(const AdminRequest& request);
  Result<std::string> set_provider(const AdminRequest& request);
  Result<std::string> remove(const AdminRequest& request, std::string_view section);
  Result<std::string> reset_provider(const AdminRequest& request);
  Result<std::string> detect_provider(const AdminRequest& request);
  Result<std::string> set_circuit(const AdminRequest& request);
  Result<std::string> explain(const AdminRequest& request);
  Result<std::string> answer_of_usage(const AdminRequest& request, std::string& media_type);
  Result<std::string> set_route(const AdminRequest& request);
  Result<std::string> set_meaning(const AdminRequest& request, std::string_view section);
  Result<std::string> set_strategy(const AdminRequest& request);
  [[nodiscard]] Result<> refuse_if_from_environment(std::string_view setting,
                                                    std::string_view param) const;
  Result<std::string> set_default_model(const AdminRequest& request);
  Result<std::string> reload(const AdminRequest& request);
  Result<std::string> save(const AdminRequest& request);
  [[nodiscard]] std::string provider(std::string_view name);
  [[nodiscard]] std::string metrics();
  [[nodiscard]] std::string changed(std::string_view what, std::string_view name) const;

  [[nodiscard]] bool is_open_for(Permission permission) const;

  Program& program_;
  identity::Directory* const directory_;
  std::optional<IdentityPages> identity_pages_;
  const std::string token_;
  const bool is_local_;
};

}  // namespace weir::server
