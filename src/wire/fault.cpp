// SPDX-License-Identifier: Apache-2.0
#include "wire/fault.hpp"

#include <charconv>
#include <chrono>
#include <utility>

#include "base/duration_text.hpp"
#include "json/writer.hpp"

namespace weir::wire {
namespace {

constexpr std::size_t raw_message_bytes_max = 512;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blanks = " \t\r\n";
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::string cut(std::string_view text) {
  if (text.size() <= raw_message_bytes_max) return std::string(text);
  std::size_t end = raw_message_bytes_max;
  const auto is_continuation = [&](std::size_t at) {
    return (static_cast<unsigned char>(text[at]) & 0xC0U) == 0x80U;
  };
  while (end > raw_message_bytes_max - 4 && is_continuation(end)) --end;
  return std::string(text.substr(0, end));
}

/// Strings as they are, null as nothing, the rest (numbers, objects) as their JSON.
std::string text_of(json::Value value) {
  if (value.is_null()) return {};
  if (value.is_string()) return value.as_string();
  std::string compact;
  json::append_compact(compact, value.raw().substr(0, 4 * raw_message_bytes_max));
  return cut(compact);
}

std::string member_text(json::Value object, std::string_view key) {
  const auto found = object.find(key);
  return found ? text_of(*found) : std::string();
}

bool is_error_status(std::int64_t value) { return value >= 400 && value <= 599; }

/// The status a body names, where HTTP gave none: a number, or Azure's digits in quotes.
void take_status(UpstreamFault& fault, std::optional<json::Value> value) {
  if (fault.status != 0 || !value) return;
  std::int64_t status = 0;
  if (value->is_string()) {
    const std::string digits = value->as_string();
    std::from_chars(digits.data(), digits.data() + digits.size(), status);
    if (digits.size() != 3) return;
  } else {
    status = value->as_int().value_or(0);
  }
  if (is_error_status(status)) fault.status = static_cast<int>(status);
}

std::optional<std::int64_t> milliseconds_of(std::optional<std::chrono::milliseconds> wait) {
  if (!wait) return std::nullopt;
  return wait->count();
}

/// Google's `details`: why (ErrorInfo), which quota (QuotaFailure), how long to wait (RetryInfo).
void read_google_details(UpstreamFault& fault, json::Value details) {
  std::string quota;
  for (const json::Value detail : details.elements()) {
    const std::string type = member_text(detail, "@type");
    if (type.ends_with("ErrorInfo")) {
      fault.reason = member_text(detail, "reason");
    } else if (type.ends_with("RetryInfo")) {
      fault.retry_after_ms =
          milliseconds_of(parse_protobuf_duration(member_text(detail, "retryDelay")));
    } else if (type.ends_with("QuotaFailure")) {
      const auto violations = detail.find("violations");
      if (!violations || !violations->is_array()) continue;
      for (const json::Value violation : violations->elements()) {
        // A day's quota outweighs a minute's: it will not be back soon.
        auto id = member_text(violation, "quotaId");
        if (quota.empty() || id.find("PerDay") != std::string::npos) quota = std::move(id);
      }
    }
  }
  if (!quota.empty()) fault.reason = std::move(quota);
}

/// FastAPI's list of what is wrong with the body.
void read_validation_list(UpstreamFault& fault, json::Value list) {
  for (const json::Value entry : list.elements()) {
    if (!entry.is_object()) continue;
    if (!fault.message.empty()) fault.message.append("; ");
    fault.message.append(member_text(entry, "msg"));
    const auto place = entry.find("loc");
    if (!fault.param.empty() || !place || !place->is_array()) continue;
    for (const json::Value step : place->elements()) {
      if (step.equals("body")) continue;
      if (!fault.param.empty()) fault.param.push_back('.');
      fault.param.append(text_of(step));
    }
  }
}

void read_detail(UpstreamFault& fault, json::Value detail) {
  if (detail.is_array()) return read_validation_list(fault, detail);
  fault.message = text_of(detail);
}

/// `message` is a string nearly everywhere; Mistral wraps FastAPI's list in it.
void read_message(UpstreamFault& fault, json::Value message) {
  const auto detail = message.find("detail");
  if (detail) return read_detail(fault, *detail);
  fault.message = text_of(message);
}

/// The members of an error object, nested under `error` or flat.
void read_members(UpstreamFault& fault, json::Value error) {
  if (const auto message = error.find("message")) read_message(fault, *message);
  fault.type = member_text(error, "type");
  fault.code = member_text(error, "code");
  fault.param = fault.param.empty() ? member_text(error, "param") : fault.param;
  const auto status = error.find("status");
  if (status && status->is_string() && fault.type.empty()) fault.type = status->as_string();
  take_status(fault, error.find("code"));
  take_status(fault, status);
  if (const auto details = error.find("details")) {
    if (details->is_array()) read_google_details(fault, *details);
    if (details->is_object()) fault.reason = member_text(*details, "error_code");
  }
  if (const auto metadata = error.find("metadata")) {
    fault.reason = member_text(*metadata, "error_type");
    // OpenRouter's moderation has no name of its own, only the list of what it found.
    const auto findings = metadata->find("reasons");
    if (fault.reason.empty() && findings && findings->is_array()) fault.reason = "moderation";
  }
  if (const auto inner = error.find("innererror")) fault.reason = member_text(*inner, "code");
  if (fault.reason.empty()) fault.reason = member_text(error, "error_type");
}

void read_root(UpstreamFault& fault, json::Value root) {
  if (root.is_array() && root.size() > 0) root = *root.elements().begin();
  if (!root.is_object()) {
    if (root.is_string()) fault.message = root.as_string();
    return;
  }
  const auto error = root.find("error");
  if (error && error->is_object()) {
    read_members(fault, *error);
  } else if (error && error->is_string()) {
    read_members(fault, root);
    fault.message = error->as_string();
    if (fault.type.empty()) fault.type = std::exchange(fault.reason, {});
  } else if (root.find("message")) {
    read_members(fault, root);
  } else if (const auto detail = root.find("detail")) {
    read_detail(fault, *detail);
  }
  take_status(fault, root.find("status_code"));
  take_status(fault, root.find("raw_status_code"));
}

}  // namespace

UpstreamFault read_fault(int status, std::string_view body) {
  UpstreamFault fault;
  fault.status = status;
  const std::string_view text = trimmed(body);
  json::Document document;
  if (document.parse(text)) read_root(fault, document.root());
  if (fault.message.empty()) fault.message = cut(text);
  if (!fault.retry_after_ms)
    fault.retry_after_ms = milliseconds_of(find_wait_in_text(fault.message));
  return fault;
}

bool is_fault(json::Value root) {
  if (!root.is_object()) return false;
  const auto error = root.find("error");
  if (error && !error->is_null()) return true;
  const auto object = root.find("object");
  return object && object->equals("error");
}

std::optional<UpstreamFault> fault_of_finish(std::string_view reason) {
  const bool is_overload = reason == "insufficient_system_resource";
  if (!is_overload && reason != "error") return std::nullopt;
  UpstreamFault fault;
  fault.type = is_overload ? "overloaded_error" : "server_error";
  fault.message = "the answer broke off: " + std::string(reason);
  return fault;
}

std::optional<UpstreamFault> find_fault(json::Value root, std::string_view body) {
  if (is_fault(root)) return read_fault(200, body);
  const auto choices = root.is_object() ? root.find("choices") : std::nullopt;
  if (!choices || !choices->is_array()) return std::nullopt;
  for (const json::Value choice : choices->elements()) {
    const auto reason = choice.is_object() ? choice.find("finish_reason") : std::nullopt;
    if (!reason || !reason->is_string()) continue;
    if (auto fault = fault_of_finish(reason->as_string())) return fault;
  }
  return std::nullopt;
}

}  // namespace weir::wire
