// SPDX-License-Identifier: Apache-2.0
#include "server/redactor.hpp"

#include <algorithm>

#include "base/redact.hpp"
#include "config/secret.hpp"

namespace weir::server {
namespace {

constexpr std::size_t secret_bytes_min = 8;

void replace_all(std::string& text, std::string_view secret) {
  std::size_t at = text.find(secret);
  if (at == std::string::npos) return;
  const std::string mask = config::Secret(std::string(secret)).to_display();
  while (at != std::string::npos) {
    text.replace(at, secret.size(), mask);
    at = text.find(secret, at + mask.size());
  }
}

}  // namespace

void Redactor::set_secrets(std::vector<std::string> secrets) {
  std::erase_if(secrets,
                [](const std::string& secret) { return secret.size() < secret_bytes_min; });
  // The longest first: a secret that begins another must not leave its rest behind.
  std::sort(secrets.begin(), secrets.end(),
            [](const auto& a, const auto& b) { return a.size() > b.size(); });
  auto next = std::make_shared<const Secrets>(std::move(secrets));
  const std::lock_guard lock(mutex_);
  secrets_ = std::move(next);
}

std::shared_ptr<const Redactor::Secrets> Redactor::secrets() const {
  const std::lock_guard lock(mutex_);
  return secrets_;
}

std::string Redactor::clean(std::string_view text) const {
  std::string out(text);
  const auto in_force = secrets();  // kept: others may come while we look
  for (const std::string& secret : *in_force) replace_all(out, secret);
  out = redacted(out);
  return personal_.is_empty() ? out : policy::redact(out, personal_);
}

}  // namespace weir::server
