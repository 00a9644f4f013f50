// SPDX-License-Identifier: Apache-2.0
#include "policy/classify.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "base/ascii.hpp"
#include "base/duration_text.hpp"

namespace weir::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

/// What a rule decides: a class, or a shade of one that some reaction depends on.
enum class Verdict : std::uint8_t {
  context,
  over_limit,  ///< this one request is larger than a limit per minute: never fits here
  quota,       ///< credit is gone; a wait that comes with it is a lie
  exhausted,   ///< an allowance is gone; the wait that comes with it is true
  daily,
  rate,
  auth,
  forbidden,
  filter,
  model,
  parameter,
  seal,  ///< of thoughts that it can't read
  timeout,
  overloaded,
  loading,
  server,
  redirect,
  request,
};

/// Where a rule looks.
enum class Look : std::uint8_t {
  status,             ///< nowhere but at the status
  code,               ///< type, code or reason is the pattern
  code_part,          ///< the pattern stands in one of them; an empty one: there is a code at all
  code_end,           ///< one of them ends in the pattern
  code_with_wait,     ///< as `code`, and a wait is named
  text,               ///< the message has the pattern, a `*` standing for anything
  text_without_wait,  ///< as `text`, and no wait is named
  text_not_of_rates,  ///< as `text`, in a message that is not about a rate limit
  other_param,        ///< it is about a field other than the pattern
  silence,            ///< nothing was said
  wait_of_minutes,    ///< a wait above 5 minutes
  wait_of_a_day,
};

/// In place of an exact status.
constexpr int any = -1;
constexpr int refused = -4;  ///< any 4xx, and an error inside a stream that names no status
constexpr std::string_view everyone;

struct Rule {
  std::string_view provider;
  int status;
  Look look;
  std::string_view pattern;
  Verdict verdict;
};

// The first rule that fits decides. The order: what one request can never do, money, days, keys,
// content, models, parameters, load, and only then the bare status. Codes and words come before
// statuses because the same status means different things: 403 may be a long prompt at Together, an
// empty purse at xAI, moderation at OpenRouter and a key's rights elsewhere.
//
// Words decide against a target (model, quota) only at the providers known for them: a message may
// quote the prompt, and a prompt must not be able to cool a target down for all.
// clang-format off
constexpr auto rules = [] {
  using V = Verdict;
  using L = Look;
  return std::to_array<Rule>({
    // One request above a limit per minute comes back however long one waits.
    {"groq",       413,     L::code,              "rate_limit_exceeded",                    V::over_limit},
    {"groq",       429,     L::text,              "request too large for",                  V::over_limit},
    {"openai",     429,     L::text,              "request too large for",                  V::over_limit},

    {everyone,     any,     L::code,              "context_length_exceeded",                V::context},
    {everyone,     any,     L::code,              "exceed_context_size_error",              V::context},
    {everyone,     any,     L::code,              "model_length",                           V::context},
    {everyone,     any,     L::code,              "request_too_large",                      V::context},
    {everyone,     any,     L::text_not_of_rates, "prompt is too long",                     V::context},
    {everyone,     any,     L::text_not_of_rates, "exceeds the context window",             V::context},
    {everyone,     any,     L::text_not_of_rates, "maximum context length",                 V::context},
    {everyone,     any,     L::text_not_of_rates, "maximum prompt length is",               V::context},
    {everyone,     any,     L::text_not_of_rates, "input token count*exceeds",              V::context},
    {everyone,     any,     L::text_not_of_rates, "reduce the length of the messages",      V::context},
    {everyone,     any,     L::text_not_of_rates, "longer than the model's context length", V::context},
    {everyone,     any,     L::text_not_of_rates, "exceeds the available context size",     V::context},
    {everyone,     any,     L::text_not_of_rates, "greater than the context length",        V::context},
    {everyone,     any,     L::text_not_of_rates, "too large for model with",               V::context},
    {everyone,     any,     L::text_not_of_rates, "exceed context limit",                   V::context},
    {everyone,     any,     L::text_not_of_rates, "input length exceeds",                   V::context},
    {"tgi",        422,     L::text,              "tokens + `max_new_tokens` must be",      V::context},
    // Together's 403 is a long prompt, where it says so, or else a key's rights.
    {"together",   403,     L::text,              "longer than",                            V::context},
    {"together",   403,     L::text,              "context length",                         V::context},
    {"together",   403,     L::text,              "tokens*exceed",                          V::context},
    {"cerebras",   400,     L::silence,           "",                                       V::context},
    {"cerebras",   413,     L::status,            "",                                       V::context},
    {"groq",       413,     L::status,            "",                                       V::context},
    {"openrouter", 413,     L::status,            "",                                       V::context},

    {"openrouter", any,     L::code,              "in_flight_budget_exhausted",             V::rate},
    {everyone,     402,     L::status,            "",                                       V::quota},
    {everyone,     any,     L::code,              "insufficient_quota",                     V::quota},
    {everyone,     any,     L::code,              "credit_balance_exhausted",               V::quota},
    {everyone,     any,     L::code_end,          "_spend_limit_exceeded",                  V::quota},
    {everyone,     any,     L::code_end,          "_usage_limit_exceeded",                  V::quota},
    {everyone,     any,     L::code,              "enforced_spend_limit_reached",           V::quota},
    {everyone,     any,     L::code,              "contract_spend_limit_reached",           V::quota},
    {everyone,     any,     L::code,              "payment_required",                       V::quota},
    {everyone,     any,     L::code,              "billing_error",                          V::quota},
    {"openrouter", any,     L::code,              "weight_exceeds_budget",                  V::quota},
    {everyone,     refused, L::text,              "credit balance",                         V::quota},
    {everyone,     refused, L::text,              "spending limit",                         V::quota},
    {everyone,     refused, L::text,              "insufficient balance",                   V::quota},
    {everyone,     refused, L::text,              "purchase more credits",                  V::quota},
    {"anthropic",  400,     L::text,              "usage limits",                           V::quota},
    {"anthropic",  400,     L::text,              "spend limit",                            V::quota},
    {"azure",      429,     L::wait_of_a_day,     "",                                       V::exhausted},
    {"azure",      403,     L::text,              "blocked",                                V::quota},
    {"azure",      403,     L::text,              "disabled",                               V::quota},
    {"fireworks",  412,     L::text,              "lora",                                   V::server},
    {"fireworks",  412,     L::status,            "",                                       V::quota},
    {"gemini",     400,     L::code,              "FAILED_PRECONDITION",                    V::quota},
    {"groq",       400,     L::text,              "spend limit",                            V::quota},
    {"groq",       403,     L::text,              "spend limit",                            V::quota},
    {"mistral",    403,     L::text,              "subscription",                           V::quota},
    {"ollama",     403,     L::text,              "subscription",                           V::quota},
    {"ollama",     refused, L::text,              "usage limit",                            V::quota},
    {"perplexity", 401,     L::text,              "insufficient quota",                     V::quota},
    {"xai",        refused, L::text,              "used all available credits",             V::quota},

    {"gemini",     429,     L::code_part,         "PerDay",                                 V::daily},
    {"gemini",     429,     L::code_part,         "Daily",                                  V::daily},
    {"gemini",     429,     L::text,              "limit: 0",                               V::daily},
    {"gemini",     429,     L::wait_of_minutes,   "",                                       V::exhausted},
    {everyone,     429,     L::text_without_wait, "per day",                                V::daily},
    {everyone,     429,     L::text_without_wait, "per-day",                                V::daily},
    {everyone,     429,     L::text_without_wait, "daily",                                  V::daily},

    {everyone,     400,     L::code,              "API_KEY_INVALID",                        V::auth},
    {"gemini",     400,     L::text,              "API key not valid",                      V::auth},
    {everyone,     400,     L::text,              "Incorrect API key",                      V::auth},
    {everyone,     401,     L::status,            "",                                       V::auth},

    {everyone,     any,     L::code,              "content_filter",                         V::filter},
    {everyone,     any,     L::code,              "content_policy_violation",               V::filter},
    {everyone,     any,     L::code,              "ResponsibleAIPolicyViolation",           V::filter},
    {everyone,     any,     L::code,              "moderation_blocked",                     V::filter},
    {everyone,     any,     L::code,              "bio_policy",                             V::filter},
    {everyone,     400,     L::code,              "invalid_prompt",                         V::filter},
    {"anthropic",  400,     L::text,              "content filtering policy",               V::filter},
    {"deepseek",   400,     L::text,              "Content Exists Risk",                    V::filter},
    {"mistral",    403,     L::text,              "guardrail",                              V::filter},
    {"openrouter", 403,     L::code,              "moderation",                             V::filter},
    {"openrouter", 403,     L::text,              "moderation",                             V::filter},
    {"openrouter", 403,     L::text,              "flagged",                                V::filter},
    {"xai",        403,     L::text,              "usage guidelines",                       V::filter},
    {everyone,     403,     L::status,            "",                                       V::forbidden},

    {everyone,     any,     L::code,              "model_not_found",                        V::model},
    {everyone,     any,     L::code,              "DeploymentNotFound",                     V::model},
    {everyone,     any,     L::code,              "model_not_available",                    V::model},
    {everyone,     400,     L::code,              "invalid_model",                          V::model},
    {"mistral",    400,     L::code,              "1500",                                   V::model},
    {"groq",       400,     L::code,              "model_terms_required",                   V::model},
    {"openrouter", 400,     L::code,              "not_found",                              V::model},
    {"openrouter", 400,     L::text,              "not a valid model ID",                   V::model},
    {"deepseek",   400,     L::text,              "Model Not Exist",                        V::model},
    {"huggingface", 400,    L::text,              "model*not exist",                        V::model},
    {"huggingface", 400,    L::text,              "model*not supported",                    V::model},
    {"llamacpp",   400,     L::text,              "model*not found",                        V::model},
    {"lmstudio",   400,     L::text,              "model*not found",                        V::model},
    {"localai",    400,     L::text,              "model*not found",                        V::model},
    {"localai",    500,     L::text,              "model*not found",                        V::model},
    {"localai",    404,     L::status,            "",                                       V::model},
    // A response or file id that is gone, a tool no endpoint offers: not the model's absence.
    {everyone,     404,     L::other_param,       "model",                                  V::request},
    {"openrouter", 404,     L::text,              "endpoints*support",                      V::parameter},
    {everyone,     404,     L::code_part,         "",                                       V::model},
    {everyone,     404,     L::text,              "model",                                  V::model},
    {everyone,     410,     L::text,              "model",                                  V::model},

    {everyone,     refused, L::code,              "invalid_encrypted_content",              V::seal},
    {everyone,     refused, L::text,              "encrypted content*could not be verified", V::seal},
    {everyone,     refused, L::text,              "invalid `signature`",                    V::seal},
    {everyone,     refused, L::text,              "invalid signature in",                   V::seal},
    {everyone,     refused, L::text,              "thinking` blocks*cannot be modified",    V::seal},
    {everyone,     refused, L::text,              "thought signature*not valid",            V::seal},
    {everyone,     refused, L::text,              "invalid thought*signature",              V::seal},
    {everyone,     refused, L::text,              "corrupted thought signature",            V::seal},
    {everyone,     refused, L::code,              "unsupported_parameter",                  V::parameter},
    {everyone,     refused, L::code,              "unsupported_value",                      V::parameter},
    {everyone,     501,     L::status,            "",                                       V::parameter},
    {"ollama",     400,     L::text,              "does not support tools",                 V::parameter},
    {"groq",       400,     L::code,              "tool_use_failed",                        V::server},

    {everyone,     any,     L::code,              "overloaded_error",                       V::overloaded},
    {everyone,     any,     L::code,              "server_is_overloaded",                   V::overloaded},
    {everyone,     any,     L::code,              "provider_overloaded",                    V::overloaded},
    {"azure",      429,     L::text,              "high demand",                            V::overloaded},
    {"cerebras",   429,     L::code,              "queue_exceeded",                         V::overloaded},
    {"cerebras",   429,     L::text,              "high traffic",                           V::overloaded},
    {"groq",       498,     L::status,            "",                                       V::overloaded},
    {"mistral",    any,     L::code,              "3505",                                   V::overloaded},
    {"mistral",    429,     L::text,              "capacity exceeded",                      V::overloaded},
    {"tgi",        429,     L::code,              "overloaded",                             V::overloaded},
    {"llamacpp",   503,     L::text,              "loading model",                          V::loading},
    {"localai",    503,     L::status,            "",                                       V::loading},
    {everyone,     503,     L::code_with_wait,    "rate_limit_exceeded",                    V::rate},
    {everyone,     503,     L::code_with_wait,    "rate_limit_error",                       V::rate},
    {everyone,     503,     L::code_with_wait,    "rate_limited",                           V::rate},
    {everyone,     503,     L::code_with_wait,    "RESOURCE_EXHAUSTED",                     V::rate},

    {everyone,     408,     L::status,            "",                                       V::timeout},
    {everyone,     499,     L::status,            "",                                       V::timeout},
    {everyone,     504,     L::status,            "",                                       V::timeout},
    {everyone,     522,     L::status,            "",                                       V::timeout},
    {everyone,     524,     L::status,            "",                                       V::timeout},
    {everyone,     429,     L::status,            "",                                       V::rate},
    {everyone,     498,     L::status,            "",                                       V::rate},
    {everyone,     503,     L::status,            "",                                       V::overloaded},
    {everyone,     529,     L::status,            "",                                       V::overloaded},
    // Passing trouble among the 4xx: a conflict, a failed dependency, too early.
    {everyone,     409,     L::status,            "",                                       V::server},
    {everyone,     424,     L::status,            "",                                       V::server},
    {everyone,     425,     L::status,            "",                                       V::server},
  });
}();

/// The status that an error inside a body or stream would have had, by its names. What is not here
/// counts as the provider's own failure.
struct NamedStatus {
  std::string_view name;
  int status;
};
constexpr auto named_statuses = std::to_array<NamedStatus>({
    {"BadRequestError", 400},      {"INVALID_ARGUMENT", 400},          {"FAILED_PRECONDITION", 400},
    {"API_KEY_INVALID", 400},      {"content_filter", 400},            {"invalid_image", 400},
    {"invalid_model", 400},        {"invalid_prompt", 400},            {"invalid_request", 400},
    {"invalid_request_error", 400}, {"tool_use_failed", 400},          {"unsupported_parameter", 400},
    {"unsupported_value", 400},    {"validation", 400},

    {"UNAUTHENTICATED", 401},      {"authentication", 401},            {"authentication_error", 401},
    {"invalid_api_key", 401},      {"wrong_api_key", 401},             {"unauthorized", 401},
    {"PERMISSION_DENIED", 403},    {"permission_error", 403},
    {"NOT_FOUND", 404},            {"NotFoundError", 404},             {"not_found", 404},
    {"not_found_error", 404},      {"CANCELLED", 499},

    {"RESOURCE_EXHAUSTED", 429},   {"dynamic_request_limited", 429},   {"dynamic_token_limited", 429},
    {"quota_exceeded", 429},       {"rate_limit_error", 429},          {"rate_limit_exceeded", 429},
    {"rate_limited", 429},         {"request_quota_exceeded", 429},    {"slow_down", 429},
    {"token_quota_exceeded", 429}, {"too_many_requests_error", 429},

    {"not_supported_error", 501},  {"UNAVAILABLE", 503},               {"overloaded", 503},
    {"service_unavailable_error", 503}, {"unavailable_error", 503},
    {"DEADLINE_EXCEEDED", 504},    {"timeout", 504},                   {"timeout_error", 504},
});
// clang-format on

/// Rules read at most so much of a message, which is as long as the provider likes.
constexpr std::size_t message_bytes_max = 4'096;

/// From the narrowest name to the widest: a type of `invalid_request_error` says little beside a
/// code of `invalid_api_key`.
std::array<std::string_view, 3> names_of(const UpstreamReply& reply) {
  return {reply.reason, reply.code, reply.type};
}

int status_of_digits(std::string_view text) {
  int status = 0;
  if (text.size() != 3) return 0;
  std::from_chars(text.data(), text.data() + text.size(), status);
  return status >= 400 && status <= 599 ? status : 0;
}

/// The HTTP status; for an error inside a good answer (C-1) the one its names stand for.
int effective_status(const UpstreamReply& reply) {
  if (reply.status >= 300) return reply.status;
  for (const std::string_view name : names_of(reply)) {
    const auto found = std::find_if(named_statuses.begin(), named_statuses.end(),
                                    [name](const NamedStatus& row) { return row.name == name; });
    if (found != named_statuses.end()) return found->status;
    if (const int status = status_of_digits(name); status != 0) return status;
  }
  return 0;
}

/// `pattern` with at most one `*`, which stands for anything.
bool says(std::string_view message, std::string_view pattern) {
  const auto gap = pattern.find('*');
  const std::string_view first = pattern.substr(0, gap);
  const auto at = ascii::find_ignoring_case(message, first);
  if (at == std::string_view::npos) return false;
  if (gap == std::string_view::npos) return true;
  return ascii::find_ignoring_case(message.substr(at + first.size()), pattern.substr(gap + 1)) !=
         std::string_view::npos;
}

bool is_about_rates(std::string_view message) {
  constexpr std::array<std::string_view, 4> marks{"rate limit", "tokens per min", "per minute",
                                                  "too many requests"};
  return std::any_of(marks.begin(), marks.end(),
                     [message](std::string_view mark) { return says(message, mark); });
}

/// The reply in the form the rules ask about.
struct Seen {
  std::string_view provider;
  int status;
  std::array<std::string_view, 3> names;
  std::string_view message;
  std::string_view param;
  std::optional<milliseconds> wait;
};

Seen look_at(const UpstreamReply& reply) {
  Seen seen{.provider = reply.provider,
            .status = effective_status(reply),
            .names = names_of(reply),
            .message = reply.message.substr(0, message_bytes_max),
            .param = reply.param,
            .wait = {}};
  if (reply.retry_after && *reply.retry_after >= milliseconds(0)) {
    seen.wait = std::min(*reply.retry_after, wait_max);
  }
  return seen;
}

template <class Question>
bool any_name(const Seen& seen, Question question) {
  return std::any_of(seen.names.begin(), seen.names.end(),
                     [&](std::string_view name) { return !name.empty() && question(name); });
}

bool has_code(const Seen& seen, std::string_view pattern) {
  return any_name(seen, [pattern](std::string_view name) { return name == pattern; });
}

bool finds(const Seen& seen, const Rule& rule) {
  const std::string_view pattern = rule.pattern;
  switch (rule.look) {
    case Look::status:
      return true;
    case Look::code:
      return has_code(seen, pattern);
    case Look::code_part:
      return any_name(seen, [pattern](std::string_view name) {
        return name.find(pattern) != std::string_view::npos;
      });
    case Look::code_end:
      return any_name(seen, [pattern](std::string_view name) { return name.ends_with(pattern); });
    case Look::code_with_wait:
      return seen.wait.has_value() && has_code(seen, pattern);
    case Look::text:
      return says(seen.message, pattern);
    case Look::text_without_wait:
      return !seen.wait.has_value() && says(seen.message, pattern);
    case Look::text_not_of_rates:
      return says(seen.message, pattern) && !is_about_rates(seen.message);
    case Look::other_param:
      return !seen.param.empty() && seen.param != pattern;
    case Look::silence:
      return seen.message.empty() && !any_name(seen, [](std::string_view) { return true; });
    case Look::wait_of_minutes:
      return seen.wait > minutes(5);
    case Look::wait_of_a_day:
      return seen.wait >= wait_max;
  }
  return false;
}

bool fits(const Seen& seen, const Rule& rule) {
  if (rule.provider != everyone && rule.provider != seen.provider) return false;
  const bool is_status_right =
      rule.status == any || rule.status == seen.status ||
      (rule.status == refused && (seen.status / 100 == 4 || seen.status == 0));
  return is_status_right && finds(seen, rule);
}

/// C-3: what a status means that no rule names.
Verdict fallback(int status) {
  if (status / 100 == 3) return Verdict::redirect;
  if (status / 100 == 4) return Verdict::request;
  return Verdict::server;
}

Verdict judge(const Seen& seen) {
  const auto rule = std::find_if(rules.begin(), rules.end(),
                                 [&seen](const Rule& candidate) { return fits(seen, candidate); });
  return rule == rules.end() ? fallback(seen.status) : rule->verdict;
}

Classified row_of(FailureClass failure) {
  const FailureTraits& row = traits(failure);
  return {.failure = failure,
          .code = row.code,
          .same_target = row.same_target,
          .next_target = row.next_target,
          .cooldown = row.cooldown,
          .wait = {},
          .is_daily_limit = false,
          .try_next_for_parameter = false,
          .is_seal_refused = false,
          .lacks_operation = false};
}

Classified server_row(ErrorCode code, std::optional<milliseconds> wait) {
  Classified result = row_of(FailureClass::server);
  result.code = code;
  result.wait = wait;
  result.cooldown = wait ? CooldownScope::target : CooldownScope::none;
  return result;
}

/// A model that is being loaded is there in seconds. Cooling it down would be wrong, asking at
/// once useless.
Classified loading_row(std::optional<milliseconds> wait) {
  Classified result = server_row(ErrorCode::overloaded, wait.value_or(seconds(1)));
  result.cooldown = CooldownScope::none;
  return result;
}

/// The class's row with a floor of `wait`.
Classified waiting_row(FailureClass failure, std::optional<milliseconds> wait) {
  Classified result = row_of(failure);
  result.wait = wait;
  return result;
}

Classified row_of(Verdict verdict, std::optional<milliseconds> wait) {
  Classified result;
  switch (verdict) {
    case Verdict::context:
      return row_of(FailureClass::context);
    case Verdict::over_limit:
      result = row_of(FailureClass::request);
      result.code = ErrorCode::request_exceeds_limit;
      result.next_target = NextTarget::yes;
      return result;
    case Verdict::quota:
      result = row_of(FailureClass::quota);
      result.cooldown = CooldownScope::key;  // credit belongs to the account, not to one model
      return result;
    case Verdict::exhausted:
      return waiting_row(FailureClass::quota, wait);
    case Verdict::daily:
      result = waiting_row(FailureClass::quota, wait);
      result.is_daily_limit = true;
      return result;
    case Verdict::rate:
      return waiting_row(FailureClass::rate, wait);
    case Verdict::auth:
      return row_of(FailureClass::auth);
    case Verdict::forbidden:
      return row_of(FailureClass::forbidden);
    case Verdict::filter:
      return row_of(FailureClass::content_filter);
    case Verdict::model:
      return row_of(FailureClass::not_found);
    case Verdict::parameter:
      result = row_of(FailureClass::request);
      result.next_target = NextTarget::yes;
      result.try_next_for_parameter = true;
      return result;
    case Verdict::seal:
      result = row_of(FailureClass::request);
      result.is_seal_refused = true;
      return result;
    case Verdict::timeout:
      return server_row(ErrorCode::upstream_timeout, wait);
    case Verdict::overloaded:
      return server_row(ErrorCode::overloaded, wait);
    case Verdict::loading:
      return loading_row(wait);
    case Verdict::server:
      return server_row(ErrorCode::upstream_error, wait);
    case Verdict::redirect:
      return row_of(FailureClass::redirect);
    case Verdict::request:
      return row_of(FailureClass::request);
  }
  return result;
}

/// `x-should-retry` forbids what the table allows, and allows what only a status forbade. It can't
/// make a full purse of an empty one.
void obey(std::optional<bool> should_retry, Classified& result) {
  if (!should_retry) return;
  if (!*should_retry) result.same_target = SameTarget::no;
  if (*should_retry && result.failure == FailureClass::request) {
    result.same_target = SameTarget::yes;
  }
}

/// A server that is asked for a path that it does not have says so in a hundred ways; one that has
/// the path and not the model speaks of the model.
bool lacks_path(const Seen& seen) {
  if (seen.status == 405 || seen.status == 501) return true;
  const auto is_of_model = [](std::string_view name) {
    return ascii::find_ignoring_case(name, "model") != std::string_view::npos;
  };
  return seen.status == 404 && seen.param.empty() && !says(seen.message, "model") &&
         !any_name(seen, is_of_model);
}

/// Chats go on, whatever is the matter with what is beside them.
void spare_chats(const Seen& seen, Classified& result) {
  if (lacks_path(seen)) {
    result = row_of(FailureClass::request);
    result.code = ErrorCode::unsupported_capability;
    result.next_target = NextTarget::yes;
    result.lacks_operation = true;
  }
  const bool is_of_model =
      result.failure == FailureClass::not_found || result.failure == FailureClass::forbidden;
  if (is_of_model) result.cooldown = CooldownScope::none;
}

}  // namespace

Classified classify(const UpstreamReply& reply) {
  const Seen seen = look_at(reply);
  Classified result = row_of(judge(seen), seen.wait);
  if (result.failure == FailureClass::not_found && reply.is_beside_model) {
    result = row_of(FailureClass::request);
    result.next_target = NextTarget::yes;
  }
  if (reply.is_beside_chat) spare_chats(seen, result);
  obey(reply.should_retry, result);
  return result;
}

}  // namespace weir::policy
