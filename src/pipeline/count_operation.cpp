// SPDX-License-Identifier: Apache-2.0
#include "pipeline/count_operation.hpp"

#include <utility>

#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "pipeline/codecs.hpp"
#include "pipeline/count_chat.hpp"
#include "pipeline/kept_response_operation.hpp"
#include "wire/fault.hpp"
#include "wire/gemini/path.hpp"
#include "wire/routing_members.hpp"

namespace weir::pipeline {
namespace {

/// True where the dialect has no count of its own, and vLLM's is taken for it.
bool counts_as_vllm(wire::Dialect client) {
  return client == wire::Dialect::openai_chat || client == wire::Dialect::ollama;
}

std::string_view count_member(wire::Dialect client) {
  if (counts_as_vllm(client)) return "count";
  return client == wire::Dialect::gemini ? "totalTokens" : "input_tokens";
}

/// The same model where it speaks the client's dialect.
const Target& counting_variant(wire::Dialect client, const Target& target) {
  return client == wire::Dialect::openai_responses ? responses_variant(target) : target;
}

bool can_count(wire::Dialect client, const Target& target) {
  if (target.dialect != client || target.chat_path.empty() || target.upstream->is_mock)
    return false;
  return !counts_as_vllm(client) || target.upstream->type == "vllm";
}

/// Of the server, not below its API.
std::string tokenizer_path(const Target& target) {
  std::string_view base = target.base_path;
  if (base.ends_with("/v1")) base.remove_suffix(3);
  return std::string(base).append("/tokenize");
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

Result<std::unique_ptr<CountOperation>> CountOperation::make_of_prompt(wire::Dialect client,
                                                                       json::Value root) {
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  wire::refuse_routing_members(root, problem);
  wire::RequestPeek peek;
  peek.model = reader.string("model").value_or("");
  auto prompt = reader.string("prompt");
  WEIR_TRY(problem.result());
  std::unique_ptr<CountOperation> made(new CountOperation(client, root, root, std::move(peek)));
  made->prompt_ = std::move(prompt).value_or("");
  return made;
}

Result<std::unique_ptr<CountOperation>> CountOperation::make(wire::Dialect client,
                                                             json::Value root) {
  if (counts_as_vllm(client) && root.find("prompt") && !root.find("messages")) {
    return make_of_prompt(client, root);
  }
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

Result<tokens::Tally> CountOperation::tally_for(const Target& target) const {
  if (prompt_) {
    const tokens::Counter& counter = tokens::counter_for(target.upstream->type, target.model);
    return tokens::Tally{counter.count(*prompt_), counter.method()};
  }
  WEIR_TRY_ASSIGN(request, codec_of(client_).decode_request(chat_));
  return count_chat(target.upstream->type, target.model, request);
}

Result<std::string> CountOperation::own_count(const Route& route) const {
  const Target* target = nullptr;
  for (const Step& step : route.steps) {
    if (target == nullptr && !step.targets.empty()) target = step.targets.front().get();
  }
  tokens::Tally tally;
  if (target != nullptr) {
    WEIR_TRY_ASSIGN(counted, tally_for(*target));
    tally = counted;
  }
  std::string out;
  json::Writer json(out);
  json.begin_object();
  if (client_ == wire::Dialect::openai_responses) json.member("object", "response.input_tokens");
  json.member(count_member(client_), tally.tokens);
  if (counts_as_vllm(client_)) {
    json.member("method", tokens::name_of(tally.method));
    const bool is_known = target != nullptr && target->context_tokens > 0;
    if (is_known) json.member("max_model_len", target->context_tokens);
  }
  json.end_object();
  return out;
}

std::optional<Lack> CountOperation::lacks(const Target& target) const {
  if (can_count(client_, target)) return std::nullopt;
  return Lack{"no counting of tokens here"};
}

const Target& CountOperation::variant_of(const Target& target) const {
  return counting_variant(client_, target);
}

Result<Outgoing> CountOperation::prepare(const Target& target) {
  Outgoing outgoing;
  if (counts_as_vllm(client_)) {
    path_ = tokenizer_path(target);
    wire::patch_model(root_, {.model = target.model}, outgoing.body);
  } else if (client_ == wire::Dialect::gemini) {
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
