// SPDX-License-Identifier: Apache-2.0
#include "pipeline/completion_operation.hpp"

#include "base/assert.hpp"
#include "base/hash.hpp"
#include "json/object_reader.hpp"
#include "pipeline/codecs.hpp"
#include "wire/answer_id.hpp"
#include "wire/openai/passthrough.hpp"
#include "wire/quantities.hpp"
#include "wire/routing_members.hpp"

namespace weir::pipeline {
namespace {

/// Several prompts are a list of texts or of token lists; a list of numbers is one prompt.
std::size_t prompts_in(json::Value prompt) {
  if (!prompt.is_array() || prompt.size() == 0) return 1;
  return (*prompt.elements().begin()).is_number() ? 1 : prompt.size();
}

/// The text of one prompt; of more there is no chat.
std::string text_of(json::Value prompt) {
  if (prompt.is_string()) return prompt.as_string();
  if (!prompt.is_array() || prompt.size() != 1) return {};
  const json::Value only = *prompt.elements().begin();
  return only.is_string() ? only.as_string() : std::string();
}

}  // namespace

void TextCompletions::encode_response(const wire::ChatResponse& response, std::string& out) const {
  wire::openai::encode_completion_response(response, style, out);
}

std::unique_ptr<wire::StreamEncoder> TextCompletions::make_stream_encoder(
    const wire::StreamOptions& options) const {
  return wire::openai::make_completion_stream_encoder(options, style);
}

Result<std::unique_ptr<CompletionOperation>> CompletionOperation::make(json::Value root,
                                                                       std::string_view request_id,
                                                                       std::int64_t unix_seconds) {
  std::unique_ptr<CompletionOperation> operation(
      new CompletionOperation(root, request_id, unix_seconds));
  json::Problem problem;
  const json::Path path;
  json::ObjectReader reader(root, path, problem);
  wire::refuse_routing_members(root, problem);
  operation->model_ = reader.string("model").value_or("");
  operation->is_stream_ = reader.boolean("stream").value_or(false);
  operation->output_tokens_ = reader.integer("max_tokens", 0, wire::tokens_asked_max).value_or(0);
  operation->choices_ = reader.integer("n", 1, wire::choices_max).value_or(1);
  if (const auto options = reader.object("stream_options")) {
    const json::Path options_path = reader.path("stream_options");
    json::ObjectReader options_reader(*options, options_path, problem);
    operation->wants_stream_usage_ = options_reader.boolean("include_usage").value_or(false);
  }
  if (const auto prompt = reader.value("prompt"); prompt && !prompt->is_null()) {
    operation->prompts_ = prompts_in(*prompt);
    operation->choices_ *= static_cast<std::int64_t>(operation->prompts_);
    operation->wants_echo_ = reader.boolean("echo").value_or(false);
    operation->read_prompt(*prompt);
  }
  const auto logprobs = reader.value("logprobs");
  operation->wants_logprobs_ = logprobs && !logprobs->is_null();
  WEIR_TRY(problem.result());
  return operation;
}

void CompletionOperation::read_prompt(json::Value prompt) {
  prompt_ = prompt.raw();
  if (wants_echo_) form_.style.echo = text_of(prompt);
}

Parting CompletionOperation::parting_on(const Route& route) const {
  if (prompts_ == 1) return Parting::none;
  const bool is_held =
      route.content_rules != nullptr && route.content_rules->has(guard::Side::output);
  bool takes_all = false;
  bool has_chat = false;
  for (const Step& step : route.steps) {
    for (const auto& target : step.targets) {
      const bool passes = !is_held && has_way_through(*target);
      takes_all = takes_all || passes;
      has_chat = has_chat || (!passes && !target->chat_path.empty());
    }
  }
  if (!has_chat) return Parting::none;
  return takes_all ? Parting::after_failure : Parting::at_once;
}

std::unique_ptr<CompletionOperation> CompletionOperation::part(std::size_t place,
                                                               std::string_view request_id) const {
  WEIR_ASSERT(place < prompts_);
  std::unique_ptr<CompletionOperation> part(new CompletionOperation(*this));
  const auto prompts = root_.find("prompt")->elements();
  auto prompt = prompts.begin();
  for (std::size_t i = 0; i < place; ++i) ++prompt;
  part->request_id_ = request_id;
  part->choices_ /= static_cast<std::int64_t>(prompts_);
  part->prompts_ = 1;
  part->place_ = place;
  part->read_prompt(*prompt);
  part->form_.style.id = answer_id();
  part->form_.style.first_choice = static_cast<std::int64_t>(place) * part->choices_;
  return part;
}

std::string CompletionOperation::answer_id() const {
  return wire::with_id_prefix(wire::completion_id_prefix, request_id_);
}

// OpenAI's own endpoint takes its few old models only; other servers complete with any model.
// Answers that are held to rules are asked for as a chat, whose form is known.
bool CompletionOperation::passes_through(const Target& target) const {
  return rules_ == nullptr && !place_ && has_way_through(target);
}

bool CompletionOperation::has_way_through(const Target& target) const {
  if (target.completions_path.empty() || target.dialect != wire::Dialect::openai_chat) return false;
  const bool is_openai = target.upstream->type == "openai" || target.upstream->type == "azure";
  const bool is_chat_model =
      target.catalog != nullptr &&
      providers::has(target.catalog->capabilities, providers::Capability::chat);
  return !(is_openai && is_chat_model);
}

std::optional<Lack> CompletionOperation::lacks(const Target& target) const {
  if (passes_through(target)) return std::nullopt;
  if (target.chat_path.empty()) return Lack{"no completions here"};
  if (prompts_ > 1) return Lack{"several prompts in one request", Wish::several_prompts};
  const bool has_logprobs = target.can(providers::Capability::logprobs) != providers::Tri::no;
  if (wants_logprobs_ && !has_logprobs) return Lack{"logprobs", Wish::logprobs};
  return std::nullopt;
}

std::string CompletionOperation::field_asking_for(Wish wish) const {
  switch (wish) {
    case Wish::several_prompts:
    case Wish::length:
      return "prompt";
    case Wish::output_limit:
      return "max_tokens";
    case Wish::logprobs:
      return "logprobs";
    default:
      return "model";
  }
}

std::optional<OwnPath> CompletionOperation::own_path(const Target& target) const {
  if (!passes_through(target)) return std::nullopt;
  return completions_own_path;
}

Result<Outgoing> CompletionOperation::prepare(const Target& target) {
  Outgoing outgoing;
  if (passes_through(target)) {
    outgoing.path = target.completions_path;
    const wire::RequestPatch patch{.model = target.model,
                                   .adds_stream_usage = is_stream_ && !wants_stream_usage_};
    wire::openai::patch_request(root_, patch, outgoing.body);
    return outgoing;
  }
  WEIR_TRY_ASSIGN(request, wire::openai::decode_completion_request(root_, place_.value_or(0)));
  request.wants_stream_usage = request.stream;
  const wire::EncodeOptions options{
      .model = target.model, .quirks = target.upstream->quirks, .traits = target.traits};
  outgoing.path = is_stream_ ? target.chat_stream_path : target.chat_path;
  WEIR_TRY_ASSIGN(notes, codec_of(target.dialect).encode_request(request, options, outgoing.body));
  outgoing.dropped = std::move(notes.dropped);
  return outgoing;
}

std::unique_ptr<Relay> CompletionOperation::make_relay(const Target& target) const {
  const RelayOptions options{.client = wire::Dialect::openai_chat,
                             .upstream = target.dialect,
                             .quirks = target.upstream->quirks,
                             .event_bytes_max = target.upstream->event_bytes_max,
                             .request_id = request_id_,
                             .model = target.model,
                             .created = unix_seconds_,
                             .wants_stream_usage = wants_stream_usage_,
                             .choices = choices_,
                             .form = &form_,
                             .rules = rules_};
  return passes_through(target) ? make_passthrough_relay(options) : make_translating_relay(options);
}

std::string_view CompletionOperation::media_type() const {
  return is_stream_ ? "text/event-stream" : "application/json";
}

std::int64_t CompletionOperation::input_tokens_estimate() const {
  return static_cast<std::int64_t>(prompt_.size()) / 4 + 8;
}

std::uint64_t CompletionOperation::prefix_hash() const { return prefix_hash_of(prompt_); }

}  // namespace weir::pipeline
