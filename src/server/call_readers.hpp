// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "json/document.hpp"
#include "net/http/scanner.hpp"
#include "net/http/target.hpp"
#include "pipeline/call.hpp"
#include "pipeline/completion_operation.hpp"
#include "pipeline/count_operation.hpp"
#include "server/routes.hpp"

/// How the body of each endpoint that calls a model becomes an operation of the pipeline. An
/// endpoint is one function and one row of the table in call_readers.cpp.
namespace weir::server {

/// A request that calls a model. All views outlive the operation made of it.
struct CallInput {
  const RouteSpec& route;
  Door door;
  std::string_view path_model;  ///< where the path names the model; else empty
  const net::http::RequestHead& head;
  const net::http::Query& query;
  json::Value root;  ///< of the body
  std::string_view request_id;
  std::int64_t unix_seconds;
  const pipeline::AnswerForm& ollama_answers;
};

/// What is asked, and of which model; empty: of the default one.
struct ModelCall {
  std::unique_ptr<pipeline::Operation> operation;
  std::string model;
  /// Set where the operation counts tokens: then we can answer by ourselves.
  pipeline::CountOperation* count = nullptr;
  /// Set where the operation is a legacy completion: it may hold several prompts.
  const pipeline::CompletionOperation* completion = nullptr;
};

/// Errors: `invalid_request` with the path of the member.
using CallReader = Result<ModelCall> (*)(const CallInput& input);

/// Null for an endpoint that calls no model.
CallReader call_reader_of(Endpoint endpoint) noexcept;

}  // namespace weir::server
