// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>

#include "weir/weir.hpp"

namespace weir::api {

/// A gateway of `options`; the test fails when there is none.
inline Gateway open_gateway(GatewayOptions options) {
  auto gateway = Gateway::from_options(options);
  if (!gateway) ADD_FAILURE() << gateway.error().message;
  return *std::move(gateway);
}

inline ChatRequest ask(std::string model, std::string text) {
  ChatRequest request;
  request.model = std::move(model);
  request.items.emplace_back(user_message(std::move(text)));
  return request;
}

/// A provider made of functions.
class FunctionProvider final : public Provider {
 public:
  using Chat = std::function<Result<ChatResponse>(const ChatRequest&)>;
  using Stream = std::function<Result<ChatResponse>(const ChatRequest&, AnswerSink&)>;

  explicit FunctionProvider(Chat on_chat, Stream on_stream = {})
      : on_chat_(std::move(on_chat)), on_stream_(std::move(on_stream)) {}

  Result<ChatResponse> chat(const ChatRequest& request) override { return on_chat_(request); }
  Result<ChatResponse> stream(const ChatRequest& request, AnswerSink& sink) override {
    return on_stream_ ? on_stream_(request, sink) : Provider::stream(request, sink);
  }

 private:
  Chat on_chat_;
  Stream on_stream_;
};

inline ProviderOptions own_provider(std::string name, FunctionProvider::Chat on_chat,
                                    FunctionProvider::Stream on_stream = {}) {
  ProviderOptions options;
  options.name = std::move(name);
  options.implementation =
      std::make_shared<FunctionProvider>(std::move(on_chat), std::move(on_stream));
  return options;
}

inline ChatResponse text_answer(std::string text) {
  ChatResponse response;
  response.text = std::move(text);
  return response;
}

}  // namespace weir::api
