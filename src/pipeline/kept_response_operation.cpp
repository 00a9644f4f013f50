// SPDX-License-Identifier: Apache-2.0
#include "pipeline/kept_response_operation.hpp"

#include <utility>

#include "json/document.hpp"
#include "wire/fault.hpp"

namespace weir::pipeline {
namespace {

/// Lets JSON and streams of events pass. A stream is only looked at for where it ends.
class KeptResponseRelay final : public Relay {
 public:
  explicit KeptResponseRelay(std::unique_ptr<Relay> stream) : stream_(std::move(stream)) {}

  Result<> whole(std::string_view body, std::string& out) override {
    json::Document document;
    if (!document.parse(body) || !document.root().is_object()) {
      return Error(ErrorCode::upstream_malformed, "the upstream's answer is no JSON object");
    }
    facts_.has_content = facts_.is_complete = facts_.is_terminated = true;
    out.append(body);
    return {};
  }

  Result<> whole_as_stream(std::string_view /*body*/, std::string& /*out*/) override {
    return Error(ErrorCode::upstream_malformed, "the upstream does not stream this");
  }

  Result<> feed(std::string_view bytes, std::string& out) override {
    auto fed = stream_->feed(bytes, out);
    learn();
    return fed;
  }
  Result<> end(std::string& out) override {
    auto ended = stream_->end(out);
    learn();
    return ended;
  }
  void finish(std::string& out) override { stream_->finish(out); }
  void fail(const Error& error, std::string_view request_id, std::string& out) override {
    stream_->fail(error, request_id, out);
  }

 private:
  void learn() {
    facts_ = stream_->facts();
    facts_.usage.reset();  // it was paid for when the answer was made
  }

  std::unique_ptr<Relay> stream_;
};

}  // namespace

std::optional<Lack> KeptResponseOperation::lacks(const Target& target) const {
  if (target.dialect == wire::Dialect::openai_responses && !target.chat_path.empty()) {
    return std::nullopt;
  }
  return Lack{"no kept responses here"};
}

const Target& responses_variant(const Target& target) {
  return target.on_responses ? *target.on_responses : target;
}

std::string response_path(const Target& target, std::string_view rest, std::string_view query) {
  const std::string_view api = target.chat_path;
  const auto question = api.find('?');
  std::string path = std::string(api.substr(0, question)).append(rest);
  std::string whole_query(question == std::string_view::npos ? std::string_view()
                                                             : api.substr(question + 1));
  if (!whole_query.empty() && !query.empty()) whole_query.push_back('&');
  whole_query.append(query);
  if (!whole_query.empty()) path.append("?").append(whole_query);
  return path;
}

Result<Outgoing> KeptResponseOperation::prepare(const Target& target) {
  whole_path_ = response_path(target, ask_.path, ask_.query);
  Outgoing outgoing;
  outgoing.path = whole_path_;
  outgoing.method = ask_.method;
  outgoing.content_type.clear();
  return outgoing;
}

std::unique_ptr<Relay> KeptResponseOperation::make_relay(const Target& target) const {
  const RelayOptions options{.client = wire::Dialect::openai_responses,
                             .upstream = wire::Dialect::openai_responses,
                             .quirks = target.upstream->quirks,
                             .event_bytes_max = target.upstream->event_bytes_max,
                             .request_id = {},
                             .model = target.model};
  return std::make_unique<KeptResponseRelay>(make_passthrough_relay(options));
}

}  // namespace weir::pipeline
