// SPDX-License-Identifier: Apache-2.0
#include "pipeline/count_operation.hpp"

#include <utility>

#include "json/writer.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/count_chat.hpp"
#include "pipeline/kept_response_operation.hpp"
#include "wire/fault.hpp"
#include "wire/gemini/path.hpp"

namespace weir::pipeline {
namespace {

std::string_view count_member(wire::Dialect client) {
  return client == wire::Dialect::gemini ? "totalTokens" : "input_tokens";
}

/// The same model where it speaks the client's dialect.
const Target& counting_variant(wire::Dialect client, const Target& target) {
  const bool is_elsewhere = client == wire::Dialect::openai_responses && target.on_responses;
  return is_elsewhere ? *target.on_responses : target;
}

bool can_count(wire::Dialect client, const Target& target) {
  return target.dialect == client && !target.chat_path.empty() && !target.upstream->is_mock;
}

/// The count goes through as the target wrote it.
class CountRelay final : public Relay {
 public:
  explicit CountRelay(wire::Dialect client) : client_(client) {}

  Result<> whole(std::string_view body, std::string& out) override {
    json::Document document;
    if (!document.parse(body)) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer is no JSON");
    }
    if (wire::is_fault(document.root())) {
      facts_.fault = wire::read_fault(200, body);
      return {};
    }
    if (!document.root().find(count_member(client_))) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer holds no count");
    }
    facts_.has_content = facts_.is_complete = facts_.is_terminated = true;
    out.append(body);
    return {};
  }

  // Counts are never streamed; the attempt loop does not call these.
  Result<> whole_as_stream(std::string_view, std::string&) override { return not_streamed(); }
  Result<> feed(std::string_view, std::string&) override { return not_streamed(); }
  Result<> end(std::string&) override { return not_streamed(); }
  void finish(std::string&) override {}
  void fail(const Error&, std::string_view, std::string&) override {}

 private:
  static Error not_streamed() { return {ErrorCode::internal_error, "counts are not streamed"}; }

  wire::Dialect client_;
};

}  // namespace

Result<std::unique_ptr<CountOperation>> CountOperation::make(wire::Dialect client,
                                                             json::Value root) {
  const auto inner = client == wire::Dialect::gemini ? root.find("generateContentRequest")
                                                     : std::optional<json::Value>();
  const json::Value chat = inner.value_or(root);
  WEIR_TRY_ASSIGN(peek, codec_of(client).peek_request(chat));
  return std::unique_ptr<CountOperation>(new CountOperation(client, root, chat, std::move(peek)));
}

bool CountOperation::has_counter(const Route& route) const {
  for (const Step& step : route.steps) {
    for (const auto& target : step.targets) {
      if (can_count(client_, counting_variant(client_, *target))) return true;
    }
  }
  return false;
}

Result<std::string> CountOperation::own_count(const Route& route) const {
  WEIR_TRY_ASSIGN(request, codec_of(client_).decode_request(chat_));
  std::int64_t tokens = 0;
  for (const Step& step : route.steps) {
    if (step.targets.empty()) continue;
    const Target& target = *step.targets.front();
    tokens = count_chat(target.upstream->type, target.model, request).tokens;
    break;
  }
  std::string out;
  json::Writer json(out);
  json.begin_object();
  if (client_ == wire::Dialect::openai_responses) json.member("object", "response.input_tokens");
  json.member(count_member(client_), tokens).end_object();
  return out;
}

std::optional<std::string> CountOperation::lacks(const Target& target) const {
  if (can_count(client_, target)) return std::nullopt;
  return "no counting of tokens here";
}

const Target& CountOperation::variant_of(const Target& target) const {
  return counting_variant(client_, target);
}

Result<Outgoing> CountOperation::prepare(const Target& target) {
  Outgoing outgoing;
  if (client_ == wire::Dialect::gemini) {
    path_ = target.chat_path.substr(0, target.chat_path.rfind(':')) + ":countTokens";
    if (chat_.find("model")) {
      const wire::Splice splice =
          wire::model_splice(chat_, wire::gemini::resource_name(target.model));
      wire::append_spliced(root_, {&splice, 1}, outgoing.body);
    } else {
      outgoing.body = root_.raw();
    }
  } else {
    const bool is_openai = client_ == wire::Dialect::openai_responses;
    path_ = response_path(target, is_openai ? "/input_tokens" : "/count_tokens", {});
    wire::patch_model(root_, {.model = target.model}, outgoing.body);
  }
  outgoing.path = path_;
  return outgoing;
}

std::unique_ptr<Relay> CountOperation::make_relay(const Target& /*target*/) const {
  return std::make_unique<CountRelay>(client_);
}

}  // namespace weir::pipeline
