// SPDX-License-Identifier: Apache-2.0
#include "pipeline/service_operation.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "base/ascii.hpp"
#include "pipeline/needs.hpp"
#include "pipeline/service_relay.hpp"
#include "wire/openai/passthrough.hpp"

namespace weir::pipeline {
namespace {

using providers::Service;

bool is_sound(std::string_view media_type) {
  return media_type.starts_with("audio/") || media_type.starts_with("video/") ||
         media_type == "application/octet-stream";
}

/// Transcripts as plain text or subtitles.
bool is_transcript(std::string_view media_type) {
  return media_type != "text/html" &&
         (media_type.starts_with("text/") || media_type == "application/x-subrip");
}

bool asks_for_text(std::string_view response_format) {
  return response_format == "text" || response_format == "srt" || response_format == "vtt";
}

/// What an answer in JSON must have, by one of these names, to be one.
std::array<std::string_view, 2> answer_members(Service service) {
  switch (service) {
    case Service::image_generations:
    case Service::image_edits:
    case Service::image_variations:
      return {"data", "data"};
    case Service::transcriptions:
    case Service::translations:
      return {"text", "segments"};
    case Service::moderations:
      return {"results", "results"};
    case Service::rerank:
      return {"results", "data"};
    case Service::speech:
      break;
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<ServiceOperation>> ServiceOperation::make(Service service,
                                                                 json::Value root) {
  WEIR_TRY_ASSIGN(peek, wire::openai::peek_service_request(root));
  std::unique_ptr<ServiceOperation> made(new ServiceOperation(service, std::move(peek)));
  made->root_ = root;
  return made;
}

Result<std::unique_ptr<ServiceOperation>> ServiceOperation::make(Service service,
                                                                 const Form& form) {
  WEIR_TRY_ASSIGN(peek, wire::openai::peek_service_form(form.parts));
  std::unique_ptr<ServiceOperation> made(new ServiceOperation(service, std::move(peek)));
  made->form_.emplace(form);
  return made;
}

const std::string& ServiceOperation::path_of(const Target& target) const {
  return target.service_paths[static_cast<std::size_t>(service_)];
}

std::optional<Lack> ServiceOperation::lacks(const Target& target) const {
  if (path_of(target).empty()) return Lack{no_such_path(own_path_of(service_))};
  return std::nullopt;
}

bool ServiceOperation::is_uncertain(const Target& /*target*/) const { return false; }

Result<Outgoing> ServiceOperation::prepare(const Target& target) {
  Outgoing outgoing;
  outgoing.path = path_of(target);
  if (form_) {
    outgoing.content_type = wire::form_content_type(form_->boundary);
    outgoing.source = compose(*form_, target.model);
  } else {
    wire::openai::patch_request(*root_, {.model = target.model}, outgoing.body);
  }
  return outgoing;
}

/// The client's form with the target's name for the model in the place of its own.
std::unique_ptr<net::BodySource> ServiceOperation::compose(const Form& form,
                                                           std::string_view model) const {
  auto body = std::make_unique<ComposedBody>(form.body);
  const auto named = std::find_if(form.parts.begin(), form.parts.end(),
                                  [](const wire::FormPart& part) { return part.name == "model"; });
  if (named == form.parts.end()) {
    std::string part("--");
    part.append(form.boundary);
    part.append("\r\nContent-Disposition: form-data; name=\"model\"\r\n\r\n");
    part.append(model).append("\r\n");
    body->add_text(std::move(part));
  }
  std::uint64_t done = 0;
  for (auto part = form.parts.begin(); part != form.parts.end(); ++part) {
    const auto number = static_cast<std::size_t>(part - form.parts.begin());
    const auto other = form.replaced.find(number);
    if (part != named && other == form.replaced.end()) continue;
    body->add_range(done, part->offset - done);
    body->add_text(part == named ? std::string(model) : other->second);
    done = part->offset + part->size;
  }
  body->add_range(done, form.body.size() - done);
  return body;
}

std::unique_ptr<Relay> ServiceOperation::make_relay(const Target& target) const {
  return make_service_relay({.answer_members = answer_members(service_),
                             .event_bytes_max = target.upstream->event_bytes_max,
                             .answers = peek_.n});
}

std::string_view ServiceOperation::media_type() const {
  return peek_.stream ? "text/event-stream" : "application/json";
}

bool ServiceOperation::passes_bytes(std::string_view media_type) const {
  if (peek_.stream) return false;
  switch (service_) {
    case Service::speech:
      return media_type.empty() || is_sound(media_type);
    case Service::transcriptions:
    case Service::translations:
      return asks_for_text(peek_.response_format) &&
             (media_type.empty() || is_transcript(media_type));
    default:
      return false;
  }
}

std::int64_t ServiceOperation::input_tokens_estimate() const {
  return root_ ? static_cast<std::int64_t>(root_->raw().size()) / 4 + 1 : 1;
}

}  // namespace weir::pipeline
