// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "server/admin.hpp"
#include "server/program.hpp"

namespace weir::server {

/// The admin API over the running program.
class Administration final : public Admin {
 public:
  /// `token` empty: nothing can be changed. `is_read_open`: whoever reaches the listener may read.
  Administration(Program& program, std::string token, bool is_read_open)
      : program_(program), token_(std::move(token)), is_read_open_(is_read_open) {}

  [[nodiscard]] bool may_enter(Permission permission, std::string_view credential) const override;
  AdminAnswer answer(const AdminRequest& request) override;

 private:
  Result<std::string> respond(const AdminRequest& request, std::string& media_type);
  Result<std::string> add_provider(const AdminRequest& request);
  Result<std::string> set_provider(const AdminRequest& request);
  Result<std::string> remove(const AdminRequest& request, std::string_view section);
  Result<std::string> reset_provider(const AdminRequest& request);
  Result<std::string> detect_provider(const AdminRequest& request);
  Result<std::string> set_route(const AdminRequest& request);
  Result<std::string> set_meaning(const AdminRequest& request, std::string_view section);
  Result<std::string> set_strategy(const AdminRequest& request);
  [[nodiscard]] Result<> refuse_if_from_environment(std::string_view setting,
                                                    std::string_view param) const;
  Result<std::string> set_default_model(const AdminRequest& request);
  Result<std::string> reload(const AdminRequest& request);
  Result<std::string> save();
  [[nodiscard]] std::string provider(std::string_view name);
  [[nodiscard]] std::string metrics();
  [[nodiscard]] std::string changed(std::string_view what, std::string_view name) const;

  Program& program_;
  const std::string token_;
  const bool is_read_open_;
};

}  // namespace weir::server
