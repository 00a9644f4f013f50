// SPDX-License-Identifier: Apache-2.0
#include "pipeline/raw_operation.hpp"

#include "pipeline/service_relay.hpp"

namespace weir::pipeline {

Result<Outgoing> RawOperation::prepare(const Target& target) {
  path_ = target.base_path;
  if (path_.empty() && !ask_.rest.starts_with('/')) path_.push_back('/');
  path_.append(ask_.rest);
  Outgoing outgoing;
  outgoing.path = path_;
  outgoing.method = ask_.method;
  outgoing.content_type = ask_.content_type;
  outgoing.body = ask_.text;
  if (ask_.body != nullptr) {
    auto body = std::make_unique<ComposedBody>(*ask_.body);
    body->add_range(0, ask_.body->size());
    outgoing.source = std::move(body);
  }
  return outgoing;
}

std::unique_ptr<Relay> RawOperation::make_relay(const Target& /*target*/) const {
  return make_raw_relay({});
}

}  // namespace weir::pipeline
