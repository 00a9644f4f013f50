// SPDX-License-Identifier: Apache-2.0
#include "pipeline/compact_operation.hpp"

#include "pipeline/codecs.hpp"
#include "wire/fault.hpp"

namespace weir::pipeline {
namespace {

Error malformed(std::string message) { return {ErrorCode::upstream_malformed, std::move(message)}; }

/// Passes the shortened conversation as it is; its use is written as in any response.
class CompactRelay final : public Relay {
 public:
  Result<> whole(std::string_view body, std::string& out) override {
    json::Document document;
    if (!document.parse(body)) return malformed("the upstream's answer is no JSON");
    const json::Value root = document.root();
    if (wire::is_fault(root)) {
      facts_.fault = wire::read_fault(200, body);
      return {};
    }
    if (!root.is_object() || !root.find("output")) {
      return malformed("the upstream's answer holds no conversation");
    }
    facts_.usage = codec_of(wire::Dialect::openai_responses).watch_response(root, 0).usage;
    facts_.content_bytes = body.size();
    facts_.has_content = facts_.is_complete = facts_.is_terminated = true;
    out.append(body);
    return {};
  }

  // Nothing of the kind was asked for.
  Result<> whole_as_stream(std::string_view, std::string&) override { return no_stream(); }
  Result<> feed(std::string_view, std::string&) override { return no_stream(); }
  Result<> end(std::string&) override { return no_stream(); }
  void finish(std::string&) override {}
  void fail(const Error&, std::string_view, std::string&) override {}

 private:
  static Result<> no_stream() { return malformed("the upstream streams what is no stream"); }
};

}  // namespace

std::optional<Lack> CompactOperation::lacks(const Target& target) const {
  if (target.dialect == wire::Dialect::openai_responses && !target.chat_path.empty()) {
    return std::nullopt;
  }
  return Lack{"no compaction of responses here"};
}

Result<Outgoing> CompactOperation::prepare(const Target& target) {
  WEIR_TRY_ASSIGN(outgoing, chat_.prepare(target));
  path_ = response_path(target, "/compact", {});
  outgoing.path = path_;
  return std::move(outgoing);
}

std::unique_ptr<Relay> CompactOperation::make_relay(const Target& /*target*/) const {
  return std::make_unique<CompactRelay>();
}

}  // namespace weir::pipeline
