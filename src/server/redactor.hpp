// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "policy/redaction.hpp"

namespace weir::server {

/// Takes secrets out of text that is about to be written down: the configured ones wherever they
/// stand, and whatever looks like a key although we never saw it (rule G-3); and personal data,
/// where it is told to.
///
/// For any thread.
class Redactor {
 public:
  Redactor() = default;
  explicit Redactor(policy::PersonalKinds personal) : personal_(personal) {}

  /// The secrets in force from now on; those of less than 8 bytes are passed over, since they would
  /// tear holes into ordinary words.
  void set_secrets(std::vector<std::string> secrets);

  /// Cost: linear in the text times the number of secrets.
  [[nodiscard]] std::string clean(std::string_view text) const;

 private:
  using Secrets = std::vector<std::string>;
  [[nodiscard]] std::shared_ptr<const Secrets> secrets() const;

  const policy::PersonalKinds personal_;
  mutable std::mutex mutex_;
  std::shared_ptr<const Secrets> secrets_ = std::make_shared<const Secrets>();
};

}  // namespace weir::server
