// SPDX-License-Identifier: Apache-2.0
#include "wire/gemini/passthrough.hpp"

#include <algorithm>
#include <vector>

#include "wire/foreign_seal.hpp"
#include "wire/gemini/answer.hpp"
#include "wire/gemini/proto.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"
#include "wire/seals.hpp"

namespace weir::wire::gemini {
namespace {

void peek_media(ProtoReader& part, std::string_view key, RequestPeek& peek) {
  const auto media = part.object(key);
  if (!media) return;
  const json::Path path = part.path(key);
  ProtoReader reader(*media, path, part.problem());
  const std::string mime = reader.string("mimeType").value_or("");
  if (mime.starts_with("image/")) {
    ++peek.images;
  } else if (mime.starts_with("audio/")) {
    peek.uses_audio = true;
  } else {
    peek.uses_files = true;
  }
}

void peek_seal(std::string_view seal, RequestPeek& peek) {
  if (seal.empty() || seal == skip_thought_signature) return;
  const auto foreign = unwrap_seal(seal);
  peek.has_foreign_items = peek.has_foreign_items || foreign;
  peek.note_seal(foreign ? foreign->sealed_by : Vendor::google);
}

void peek_part(json::Value value, const json::Path& path, json::Problem& problem,
               RequestPeek& peek) {
  ProtoReader part(value, path, problem);
  peek.text_bytes += string_bytes(value.find("text"));
  peek_media(part, "inlineData", peek);
  peek_media(part, "fileData", peek);
  peek_seal(part.string("thoughtSignature").value_or(""), peek);
  for (const std::string_view member : {"functionCall", "functionResponse"}) {
    const auto call = part.object(member);
    if (!call) continue;
    peek.uses_tools = true;
    peek.text_bytes += call->raw().size();
  }
}

void peek_content(json::Value value, const json::Path& path, json::Problem& problem,
                  RequestPeek& peek) {
  ProtoReader content(value, path, problem);
  const auto parts = content.array("parts");
  if (!parts) return;
  const json::Path parts_path = content.path("parts");
  std::size_t i = 0;
  for (const json::Value part : parts->elements()) {
    peek_part(part, json::Path{&parts_path, {}, i++}, problem, peek);
  }
}

void peek_contents(ProtoReader& root, RequestPeek& peek) {
  if (const auto system = root.object("systemInstruction")) {
    peek_content(*system, root.path("systemInstruction"), root.problem(), peek);
  }
  const auto contents = root.array("contents");
  if (!contents || contents->size() == 0) {
    return root.fail("contents", "at least one content is required");
  }
  const json::Path path = root.path("contents");
  std::size_t i = 0;
  for (const json::Value content : contents->elements()) {
    peek_content(content, json::Path{&path, {}, i++}, root.problem(), peek);
  }
}

void peek_config(ProtoReader& config, RequestPeek& peek) {
  peek.output_tokens_max = config.integer("maxOutputTokens", 0, tokens_asked_max);
  peek.n = config.integer("candidateCount", 1, choices_max).value_or(1);
  peek.uses_logprobs = config.boolean("responseLogprobs").value_or(false);
  const bool is_json = config.string("responseMimeType") == "application/json";
  const bool has_schema = config.object("responseJsonSchema") || config.object("responseSchema");
  peek.uses_json_schema = is_json && has_schema;
  peek.uses_json_object = is_json && !has_schema;
  peek.asks_reasoning = config.object("thinkingConfig").has_value();
}

bool is_part_content(json::Value part) {
  if (!part.is_object()) return false;
  for (const json::Member member : part.members()) {
    const bool is_flag = member.key.equals("thought");
    const bool is_empty_text = member.value.is_string() && string_bytes(member.value) == 0;
    if (!is_flag && !is_empty_text) return true;
  }
  return false;
}

std::size_t said_in(json::Value part) {
  if (!part.is_object()) return 0;
  std::size_t bytes = member_bytes(part, {"text"});
  const auto call = part.find("functionCall");
  if (call && call->is_object()) {
    const auto arguments = call->find("args");
    bytes += member_bytes(*call, {"name"}) + (arguments ? arguments->raw().size() : 0);
  }
  if (const auto code = part.find("executableCode")) bytes += member_bytes(*code, {"code"});
  return bytes;
}

/// What one candidate brings: of a whole answer or of one frame.
struct CandidateWatch {
  bool is_content = false;
  std::size_t content_bytes = 0;
  bool has_calls = false;
  std::string reason;  ///< finishReason; empty = not finished
};

CandidateWatch watch_candidate(json::Value candidate) {
  CandidateWatch watch;
  const auto content = candidate.find("content");
  const auto parts = content ? content->find("parts") : std::nullopt;
  if (parts && parts->is_array()) {
    for (const json::Value part : parts->elements()) {
      watch.is_content = watch.is_content || is_part_content(part);
      watch.content_bytes += said_in(part);
      watch.has_calls = watch.has_calls || part.find("functionCall").has_value();
    }
  }
  const auto reason = candidate.find("finishReason");
  if (reason && reason->is_string()) watch.reason = reason->as_string();
  return watch;
}

/// Of a candidate as `{"content":{"role":"model","parts":[{"text":"..."}]},"index":0}`.
std::optional<json::Value> plain_text(json::Value candidate) {
  const auto content = only_member(candidate, "content", "index");
  const auto parts = content ? only_member(*content, "parts", "role") : std::nullopt;
  if (!parts || !parts->is_array() || parts->size() != 1) return std::nullopt;
  const auto text = only_member(*parts->elements().begin(), "text", {});
  return text && text->is_string() ? text : std::nullopt;
}

std::optional<Usage> usage_of(json::Value root) {
  const auto metadata = root.find("usageMetadata");
  if (!metadata || !metadata->is_object()) return std::nullopt;
  json::Problem problem;
  const json::Path path;
  const Usage usage = decode_usage(*metadata, path, problem, nullptr);
  return problem.is_set() ? std::nullopt : std::optional(usage);
}

/// Older models name a finish reason in every frame, so the last one counts, and only the end of
/// the body ends the stream.
class AnswerWatcher final : public StreamWatcher {
 public:
  FrameWatch watch(std::string_view /*type*/, std::string_view data) override {
    FrameWatch watch;
    if (!read_frame(data, document_, watch)) return watch;
    const json::Value root = document_.root();
    watch.usage = usage_of(root);
    const auto candidates = root.find("candidates");
    if (candidates && candidates->is_array()) {
      for (const json::Value candidate : candidates->elements()) take(candidate, watch);
    }
    const bool is_alone = candidates && candidates->is_array() && candidates->size() == 1;
    if (watch.is_content && is_alone && choices_.size() == 1 && choices_.front().index == 0) {
      watch.text = plain_text(*candidates->elements().begin());
    }
    if (is_prompt_blocked(root)) {
      is_blocked_ = watch.is_content = true;
      watch.finish = Finish::content_filter;
    }
    return watch;
  }

  [[nodiscard]] bool is_complete() const override {
    const bool has_all = std::all_of(choices_.begin(), choices_.end(),
                                     [](const ChoiceState& choice) { return choice.is_finished; });
    return has_all && (!choices_.empty() || is_blocked_);
  }

 private:
  struct ChoiceState {
    std::int64_t index;
    bool has_calls = false;
    bool is_finished = false;
  };

  void take(json::Value candidate, FrameWatch& watch) {
    const auto member = candidate.find("index");
    const std::int64_t index = member ? member->as_int().value_or(0) : 0;
    if (index < 0 || index >= choices_max) return;
    auto found = std::find_if(choices_.begin(), choices_.end(),
                              [&](const ChoiceState& choice) { return choice.index == index; });
    if (found == choices_.end()) found = choices_.insert(choices_.end(), ChoiceState{index});
    const CandidateWatch seen = watch_candidate(candidate);
    found->has_calls = found->has_calls || seen.has_calls;
    watch.is_content = watch.is_content || seen.is_content || !seen.reason.empty();
    watch.content_bytes += seen.content_bytes;
    if (seen.reason.empty()) return;
    found->is_finished = true;
    ++watch.finishes;
    if (watch.finish == Finish::none) watch.finish = finish_of(seen.reason, found->has_calls);
  }

  json::Document document_;
  std::vector<ChoiceState> choices_;  ///< at most `choices_max`
  bool is_blocked_ = false;
};

}  // namespace

Result<RequestPeek> peek_request(json::Value root) {
  json::Problem problem;
  const json::Path path;
  ProtoReader reader(root, path, problem);
  RequestPeek peek;
  peek.wants_stream_usage = true;  // its streams always tell it
  refuse_routing_members(root, problem);
  peek_contents(reader, peek);
  if (const auto tools = reader.array("tools"); tools && tools->size() > 0) {
    peek.uses_tools = true;
    peek.text_bytes += tools->raw().size();
  }
  if (const auto config = reader.object("generationConfig")) {
    const json::Path config_path = reader.path("generationConfig");
    ProtoReader settings(*config, config_path, problem);
    peek_config(settings, peek);
  }
  WEIR_TRY(problem.result());
  return peek;
}

void patch_request(json::Value root, const RequestPatch& /*patch*/, std::string& out) {
  out.append(root.raw());
}

ResponseWatch watch_response(json::Value root, Quirks /*quirks*/) {
  ResponseWatch watch;
  watch.usage = usage_of(root);
  const auto candidates = root.find("candidates");
  if (candidates && candidates->is_array() && candidates->size() > 0) {
    watch.has_answer = true;
    const CandidateWatch first = watch_candidate(*candidates->elements().begin());
    if (!first.reason.empty()) watch.finish = finish_of(first.reason, first.has_calls);
    for (const json::Value candidate : candidates->elements()) {
      watch.content_bytes += watch_candidate(candidate).content_bytes;
    }
  } else if (is_prompt_blocked(root)) {
    watch.has_answer = true;
    watch.finish = Finish::content_filter;
  }
  return watch;
}

std::unique_ptr<StreamWatcher> make_stream_watcher(Quirks /*quirks*/, std::int64_t /*choices*/) {
  return std::make_unique<AnswerWatcher>();
}

}  // namespace weir::wire::gemini
