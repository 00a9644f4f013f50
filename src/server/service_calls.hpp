// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "pipeline/raw_operation.hpp"
#include "providers/services.hpp"
#include "server/background.hpp"
#include "server/model_calls.hpp"

namespace weir::server {

class Upload;

/// Endpoints whose bodies may be forms with files: they are not to be read to memory beforehand.
bool reads_body_itself(Endpoint endpoint) noexcept;

/// The calls of one thread that are not about text, and those that pass through to a provider:
/// their bodies may be large, so they are kept where they can be sent from again.
class ServiceCalls {
 public:
  /// `uploads_directory` is where large bodies lie. `background` null: no such call comes.
  ServiceCalls(net::Loop& loop, ModelCalls& calls, Background* background,
               std::string uploads_directory)
      : loop_(loop),
        calls_(calls),
        background_(background),
        uploads_directory_(std::move(uploads_directory)) {}

  net::Task<void> answer(ClientRequest& request, providers::Service service);
  net::Task<void> pass_through(ClientRequest& request);

 private:
  net::Task<Result<>> take_digest(ClientRequest& request, Upload& upload);
  net::Task<Result<>> take_outline(ClientRequest& request, const pipeline::RawAsk& ask,
                                   Upload& upload);

  net::Loop& loop_;
  ModelCalls& calls_;
  Background* background_;
  std::string uploads_directory_;
};

}  // namespace weir::server
