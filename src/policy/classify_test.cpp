// SPDX-License-Identifier: Apache-2.0
#include "policy/classify.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace weir::policy {
namespace {

using namespace std::chrono_literals;
using F = FailureClass;
using E = ErrorCode;

struct Row {
  UpstreamReply reply;
  FailureClass failure;
  ErrorCode code;
};

// What each provider is known to answer, one row per condition and status.
// clang-format off
const auto rows = std::to_array<Row>({
  {{.provider = "openai", .status = 401, .type = "invalid_request_error", .code = "invalid_api_key"}, F::auth, E::upstream_auth},
  {{.provider = "openai", .status = 404, .type = "invalid_request_error", .code = "model_not_found"}, F::not_found, E::model_unavailable},
  {{.provider = "openai", .status = 400, .type = "invalid_request_error", .code = "model_not_found"}, F::not_found, E::model_unavailable},
  {{.provider = "openai", .status = 429, .type = "tokens", .code = "rate_limit_exceeded"}, F::rate, E::upstream_rate_limited},
  {{.provider = "openai", .status = 429, .type = "rate_limit_error", .code = "slow_down"}, F::rate, E::upstream_rate_limited},
  {{.provider = "openai", .status = 429, .type = "insufficient_quota", .code = "insufficient_quota"}, F::quota, E::upstream_quota},
  {{.provider = "openai", .status = 429, .type = "insufficient_quota", .code = "credit_balance_exhausted"}, F::quota, E::upstream_quota},
  {{.provider = "openai", .status = 429, .code = "organization_spend_limit_exceeded"}, F::quota, E::upstream_quota},
  {{.provider = "openai", .status = 429, .code = "project_spend_limit_exceeded"}, F::quota, E::upstream_quota},
  {{.provider = "openai", .status = 429, .code = "organization_usage_limit_exceeded"}, F::quota, E::upstream_quota},
  {{.provider = "openai", .status = 400, .type = "invalid_request_error", .code = "context_length_exceeded", .param = "messages"}, F::context, E::context_length_exceeded},
  {{.provider = "openai", .status = 0, .code = "context_length_exceeded"}, F::context, E::context_length_exceeded},
  {{.provider = "openai", .status = 400, .code = "invalid_prompt"}, F::content_filter, E::content_filtered},
  {{.provider = "openai", .status = 400, .code = "content_policy_violation"}, F::content_filter, E::content_filtered},
  {{.provider = "openai", .status = 503, .type = "service_unavailable_error", .code = "server_is_overloaded"}, F::server, E::overloaded},
  {{.provider = "openai", .status = 503, .code = "slow_down", .retry_after = 3s}, F::server, E::overloaded},
  {{.provider = "openai", .status = 500, .type = "server_error"}, F::server, E::upstream_error},
  {{.provider = "openai", .status = 502, .message = "<html>Bad gateway</html>"}, F::server, E::upstream_error},
  {{.provider = "openai", .status = 520, .message = "<html></html>"}, F::server, E::upstream_error},
  {{.provider = "openai", .status = 408}, F::server, E::upstream_timeout},
  {{.provider = "openai", .status = 504}, F::server, E::upstream_timeout},
  {{.provider = "openai", .status = 524}, F::server, E::upstream_timeout},
  {{.provider = "openai", .status = 400, .type = "invalid_request_error", .code = "unsupported_parameter", .param = "max_tokens"}, F::request, E::upstream_rejected},

  {{.provider = "azure", .status = 401, .code = "401", .message = "Access denied"}, F::auth, E::upstream_auth},
  {{.provider = "azure", .status = 404, .code = "DeploymentNotFound"}, F::not_found, E::model_unavailable},
  {{.provider = "azure", .status = 404, .code = "404", .message = "Resource not found"}, F::not_found, E::model_unavailable},
  {{.provider = "azure", .status = 429, .code = "429", .message = "Over your own limit. Please retry after 45 seconds.", .retry_after = 45s}, F::rate, E::upstream_rate_limited},
  {{.provider = "azure", .status = 429, .code = "RateLimitReached"}, F::rate, E::upstream_rate_limited},
  {{.provider = "azure", .status = 429, .code = "429", .retry_after = 86'400s}, F::quota, E::upstream_quota},
  {{.provider = "azure", .status = 403, .code = "403", .message = "This resource has been blocked"}, F::quota, E::upstream_quota},
  {{.provider = "azure", .status = 400, .code = "context_length_exceeded"}, F::context, E::context_length_exceeded},
  {{.provider = "azure", .status = 400, .code = "content_filter", .reason = "ResponsibleAIPolicyViolation", .param = "prompt"}, F::content_filter, E::content_filtered},
  {{.provider = "azure", .status = 429, .code = "429", .message = "The system is in high demand"}, F::server, E::overloaded},
  {{.provider = "azure", .status = 503}, F::server, E::overloaded},
  {{.provider = "azure", .status = 500, .code = "InternalServerError"}, F::server, E::upstream_error},
  {{.provider = "azure", .status = 408, .code = "Timeout"}, F::server, E::upstream_timeout},

  {{.provider = "anthropic", .status = 401, .type = "authentication_error"}, F::auth, E::upstream_auth},
  {{.provider = "anthropic", .status = 403, .type = "permission_error"}, F::forbidden, E::upstream_auth},
  {{.provider = "anthropic", .status = 404, .type = "not_found_error", .message = "model: claude-x"}, F::not_found, E::model_unavailable},
  {{.provider = "anthropic", .status = 429, .type = "rate_limit_error", .reason = "ramp_limit_exceeded"}, F::rate, E::upstream_rate_limited},
  {{.provider = "anthropic", .status = 402, .type = "billing_error"}, F::quota, E::upstream_quota},
  {{.provider = "anthropic", .status = 429, .type = "rate_limit_error", .reason = "enforced_spend_limit_reached"}, F::quota, E::upstream_quota},
  {{.provider = "anthropic", .status = 429, .type = "rate_limit_error", .reason = "contract_spend_limit_reached"}, F::quota, E::upstream_quota},
  {{.provider = "anthropic", .status = 400, .type = "invalid_request_error", .message = "You have reached your API usage limits."}, F::quota, E::upstream_quota},
  {{.provider = "anthropic", .status = 400, .type = "invalid_request_error", .message = "Your credit balance is too low"}, F::quota, E::upstream_quota},
  {{.provider = "anthropic", .status = 400, .type = "invalid_request_error", .message = "prompt is too long: 213462 tokens > 200000 maximum"}, F::context, E::context_length_exceeded},
  {{.provider = "anthropic", .status = 400, .type = "invalid_request_error", .message = "input length and `max_tokens` exceed context limit: 1 + 2 > 2"}, F::context, E::context_length_exceeded},
  {{.provider = "anthropic", .status = 413, .type = "request_too_large"}, F::context, E::context_length_exceeded},
  {{.provider = "anthropic", .status = 400, .type = "invalid_request_error", .message = "Output blocked by content filtering policy"}, F::content_filter, E::content_filtered},
  {{.provider = "anthropic", .status = 529, .type = "overloaded_error"}, F::server, E::overloaded},
  {{.provider = "anthropic", .status = 0, .type = "overloaded_error"}, F::server, E::overloaded},
  {{.provider = "anthropic", .status = 500, .type = "api_error"}, F::server, E::upstream_error},
  {{.provider = "anthropic", .status = 503, .type = "api_error"}, F::server, E::overloaded},
  {{.provider = "anthropic", .status = 504, .type = "timeout_error"}, F::server, E::upstream_timeout},
  {{.provider = "anthropic", .status = 409, .type = "conflict_error"}, F::server, E::upstream_error},

  {{.provider = "gemini", .status = 400, .type = "INVALID_ARGUMENT", .code = "400", .reason = "API_KEY_INVALID"}, F::auth, E::upstream_auth},
  {{.provider = "gemini", .status = 400, .code = "400", .message = "API key not valid. Please pass a valid API key."}, F::auth, E::upstream_auth},
  {{.provider = "gemini", .status = 403, .type = "PERMISSION_DENIED", .code = "403"}, F::forbidden, E::upstream_auth},
  {{.provider = "gemini", .status = 401, .type = "UNAUTHENTICATED", .code = "401"}, F::auth, E::upstream_auth},
  {{.provider = "gemini", .status = 404, .type = "NOT_FOUND", .code = "404"}, F::not_found, E::model_unavailable},
  {{.provider = "gemini", .status = 429, .type = "RESOURCE_EXHAUSTED", .code = "429", .message = "You exceeded your current quota. Please retry in 34.07s.", .reason = "GenerateRequestsPerMinutePerProjectPerModel-FreeTier", .retry_after = 34'070ms}, F::rate, E::upstream_rate_limited},
  {{.provider = "gemini", .status = 402, .type = "RESOURCE_EXHAUSTED", .code = "402"}, F::quota, E::upstream_quota},
  {{.provider = "gemini", .status = 429, .type = "RESOURCE_EXHAUSTED", .reason = "GenerateRequestsPerDayPerProjectPerModel-FreeTier", .retry_after = 34s}, F::quota, E::upstream_quota},
  {{.provider = "gemini", .status = 429, .type = "RESOURCE_EXHAUSTED", .message = "Quota exceeded, limit: 0, model: x"}, F::quota, E::upstream_quota},
  {{.provider = "gemini", .status = 429, .type = "RESOURCE_EXHAUSTED", .retry_after = 10h}, F::quota, E::upstream_quota},
  {{.provider = "gemini", .status = 400, .type = "FAILED_PRECONDITION", .code = "400"}, F::quota, E::upstream_quota},
  {{.provider = "gemini", .status = 400, .type = "INVALID_ARGUMENT", .message = "The input token count (9) exceeds the maximum number of tokens allowed (8)"}, F::context, E::context_length_exceeded},
  {{.provider = "gemini", .status = 500, .type = "INTERNAL", .message = "input token count 9 exceeds the limit"}, F::context, E::context_length_exceeded},
  {{.provider = "gemini", .status = 503, .type = "UNAVAILABLE", .code = "503"}, F::server, E::overloaded},
  {{.provider = "gemini", .status = 500, .type = "INTERNAL", .code = "500"}, F::server, E::upstream_error},
  {{.provider = "gemini", .status = 504, .type = "DEADLINE_EXCEEDED"}, F::server, E::upstream_timeout},
  {{.provider = "gemini", .status = 499, .type = "CANCELLED"}, F::server, E::upstream_timeout},

  {{.provider = "ollama", .status = 401, .message = "unauthorized"}, F::auth, E::upstream_auth},
  {{.provider = "ollama", .status = 404, .message = "model 'x' not found"}, F::not_found, E::model_unavailable},
  {{.provider = "ollama", .status = 429, .message = "too many requests"}, F::rate, E::upstream_rate_limited},
  {{.provider = "ollama", .status = 402, .message = "payment"}, F::quota, E::upstream_quota},
  {{.provider = "ollama", .status = 403, .message = "this model requires a subscription"}, F::quota, E::upstream_quota},
  {{.provider = "ollama", .status = 429, .message = "you have reached your hourly usage limit"}, F::quota, E::upstream_quota},
  {{.provider = "ollama", .status = 400, .message = "the input length exceeds the context length"}, F::context, E::context_length_exceeded},
  {{.provider = "ollama", .status = 503, .message = "maximum pending requests exceeded"}, F::server, E::overloaded},
  {{.provider = "ollama", .status = 500, .message = "runner has stopped"}, F::server, E::upstream_error},
  {{.provider = "ollama", .status = 502}, F::server, E::upstream_error},
  {{.provider = "ollama", .status = 0, .message = "an error was encountered while running the model"}, F::server, E::upstream_error},
  {{.provider = "ollama", .status = 499}, F::server, E::upstream_timeout},

  {{.provider = "groq", .status = 401, .type = "invalid_request_error", .code = "invalid_api_key"}, F::auth, E::upstream_auth},
  {{.provider = "groq", .status = 404, .code = "model_not_found"}, F::not_found, E::model_unavailable},
  {{.provider = "groq", .status = 400, .code = "model_terms_required"}, F::not_found, E::model_unavailable},
  {{.provider = "groq", .status = 429, .type = "tokens", .code = "rate_limit_exceeded", .message = "Please try again in 7.66s", .retry_after = 8s}, F::rate, E::upstream_rate_limited},
  {{.provider = "groq", .status = 413, .type = "tokens", .code = "rate_limit_exceeded", .message = "Request too large for model `x` on tokens per minute (TPM)"}, F::request, E::request_exceeds_limit},
  {{.provider = "groq", .status = 400, .message = "blocked: spend limit reached"}, F::quota, E::upstream_quota},
  {{.provider = "groq", .status = 403, .message = "blocked: spend limit reached"}, F::quota, E::upstream_quota},
  {{.provider = "groq", .status = 400, .message = "Please reduce the length of the messages or completion."}, F::context, E::context_length_exceeded},
  {{.provider = "groq", .status = 413, .message = "Request Entity Too Large"}, F::context, E::context_length_exceeded},
  {{.provider = "groq", .status = 498, .code = "capacity_exceeded"}, F::server, E::overloaded},
  {{.provider = "groq", .status = 503}, F::server, E::overloaded},
  {{.provider = "groq", .status = 500}, F::server, E::upstream_error},
  {{.provider = "groq", .status = 400, .type = "invalid_request_error", .code = "tool_use_failed"}, F::server, E::upstream_error},
  {{.provider = "groq", .status = 499}, F::server, E::upstream_timeout},

  {{.provider = "together", .status = 401, .code = "invalid_api_key"}, F::auth, E::upstream_auth},
  {{.provider = "together", .status = 404, .code = "model_not_available"}, F::not_found, E::model_unavailable},
  {{.provider = "together", .status = 429, .reason = "dynamic_request_limited"}, F::rate, E::upstream_rate_limited},
  {{.provider = "together", .status = 429, .reason = "dynamic_token_limited"}, F::rate, E::upstream_rate_limited},
  {{.provider = "together", .status = 402}, F::quota, E::upstream_quota},
  {{.provider = "together", .status = 403, .message = "The input (9 tokens) is longer than the model's context length (8 tokens)"}, F::context, E::context_length_exceeded},
  {{.provider = "together", .status = 403, .message = "Input tokens plus max_tokens exceed 8192"}, F::context, E::context_length_exceeded},
  {{.provider = "together", .status = 403, .message = "Invalid API key provided", .reason = "invalid_request_error"}, F::forbidden, E::upstream_auth},
  {{.provider = "together", .status = 403}, F::forbidden, E::upstream_auth},
  {{.provider = "together", .status = 422, .message = "The input (9 tokens) is longer than the model's context length (8 tokens)"}, F::context, E::context_length_exceeded},
  {{.provider = "together", .status = 400, .code = "content_filter"}, F::content_filter, E::content_filtered},
  {{.provider = "together", .status = 503}, F::server, E::overloaded},
  {{.provider = "together", .status = 500}, F::server, E::upstream_error},
  {{.provider = "together", .status = 529}, F::server, E::overloaded},
  {{.provider = "together", .status = 524}, F::server, E::upstream_timeout},

  {{.provider = "openrouter", .status = 401, .code = "401", .reason = "authentication"}, F::auth, E::upstream_auth},
  {{.provider = "openrouter", .status = 404, .code = "404", .message = "No endpoints found for x", .reason = "not_found"}, F::not_found, E::model_unavailable},
  {{.provider = "openrouter", .status = 400, .code = "400", .reason = "not_found"}, F::not_found, E::model_unavailable},
  {{.provider = "openrouter", .status = 400, .code = "400", .message = "x is not a valid model ID"}, F::not_found, E::model_unavailable},
  {{.provider = "openrouter", .status = 429, .code = "429", .reason = "rate_limit_exceeded", .retry_after = 5s}, F::rate, E::upstream_rate_limited},
  {{.provider = "openrouter", .status = 402, .reason = "payment_required"}, F::quota, E::upstream_quota},
  {{.provider = "openrouter", .status = 402, .reason = "weight_exceeds_budget"}, F::quota, E::upstream_quota},
  {{.provider = "openrouter", .status = 402, .reason = "in_flight_budget_exhausted", .retry_after = 5s}, F::rate, E::upstream_rate_limited},
  {{.provider = "openrouter", .status = 400, .reason = "context_length_exceeded"}, F::context, E::context_length_exceeded},
  {{.provider = "openrouter", .status = 413}, F::context, E::context_length_exceeded},
  {{.provider = "openrouter", .status = 403, .code = "403", .reason = "moderation"}, F::content_filter, E::content_filtered},
  {{.provider = "openrouter", .status = 403, .code = "403", .message = "Your input was flagged"}, F::content_filter, E::content_filtered},
  {{.provider = "openrouter", .status = 403, .reason = "content_policy_violation"}, F::content_filter, E::content_filtered},
  {{.provider = "openrouter", .status = 503, .retry_after = 2s}, F::server, E::overloaded},
  {{.provider = "openrouter", .status = 529, .reason = "provider_overloaded"}, F::server, E::overloaded},
  {{.provider = "openrouter", .status = 502, .reason = "provider_unavailable"}, F::server, E::upstream_error},
  {{.provider = "openrouter", .status = 200, .code = "502", .message = "Upstream went away"}, F::server, E::upstream_error},
  {{.provider = "openrouter", .status = 408, .reason = "timeout"}, F::server, E::upstream_timeout},

  {{.provider = "deepseek", .status = 401, .type = "authentication_error"}, F::auth, E::upstream_auth},
  {{.provider = "deepseek", .status = 400, .type = "invalid_request_error", .message = "Model Not Exist"}, F::not_found, E::model_unavailable},
  {{.provider = "deepseek", .status = 429}, F::rate, E::upstream_rate_limited},
  {{.provider = "deepseek", .status = 402, .message = "Insufficient Balance"}, F::quota, E::upstream_quota},
  {{.provider = "deepseek", .status = 400, .message = "This model's maximum context length is 8 tokens"}, F::context, E::context_length_exceeded},
  {{.provider = "deepseek", .status = 400, .message = "Content Exists Risk"}, F::content_filter, E::content_filtered},
  {{.provider = "deepseek", .status = 503}, F::server, E::overloaded},
  {{.provider = "deepseek", .status = 500}, F::server, E::upstream_error},

  {{.provider = "mistral", .status = 401, .message = "Unauthorized"}, F::auth, E::upstream_auth},
  {{.provider = "mistral", .status = 400, .type = "invalid_model", .code = "1500"}, F::not_found, E::model_unavailable},
  {{.provider = "mistral", .status = 404, .code = "1500"}, F::not_found, E::model_unavailable},
  {{.provider = "mistral", .status = 429, .type = "rate_limited", .code = "1300"}, F::rate, E::upstream_rate_limited},
  {{.provider = "mistral", .status = 429, .message = "Requests rate limit exceeded"}, F::rate, E::upstream_rate_limited},
  {{.provider = "mistral", .status = 402}, F::quota, E::upstream_quota},
  {{.provider = "mistral", .status = 403, .message = "Your subscription is inactive"}, F::quota, E::upstream_quota},
  {{.provider = "mistral", .status = 400, .message = "Prompt contains 9 tokens, too large for model with 8 maximum context length"}, F::context, E::context_length_exceeded},
  {{.provider = "mistral", .status = 403, .message = "Stopped by a guardrail"}, F::content_filter, E::content_filtered},
  {{.provider = "mistral", .status = 429, .code = "3505"}, F::server, E::overloaded},
  {{.provider = "mistral", .status = 429, .message = "Service tier capacity exceeded for this model."}, F::server, E::overloaded},
  {{.provider = "mistral", .status = 503, .code = "3505"}, F::server, E::overloaded},
  {{.provider = "mistral", .status = 500}, F::server, E::upstream_error},
  {{.provider = "mistral", .status = 504}, F::server, E::upstream_timeout},

  {{.provider = "xai", .status = 400, .message = "Incorrect API key provided: xa***"}, F::auth, E::upstream_auth},
  {{.provider = "xai", .status = 401}, F::auth, E::upstream_auth},
  {{.provider = "xai", .status = 404, .code = "not-found", .message = "Not found"}, F::not_found, E::model_unavailable},
  {{.provider = "xai", .status = 429}, F::rate, E::upstream_rate_limited},
  {{.provider = "xai", .status = 403, .message = "Your team has used all available credits or reached its monthly spending limit."}, F::quota, E::upstream_quota},
  {{.provider = "xai", .status = 429, .message = "Your team has used all available credits"}, F::quota, E::upstream_quota},
  {{.provider = "xai", .status = 400, .message = "This model's maximum prompt length is 8 but the request contains 9 tokens"}, F::context, E::context_length_exceeded},
  {{.provider = "xai", .status = 403, .message = "Content violates usage guidelines"}, F::content_filter, E::content_filtered},
  {{.provider = "xai", .status = 403, .message = "Team has no permission"}, F::forbidden, E::upstream_auth},
  {{.provider = "xai", .status = 503}, F::server, E::overloaded},
  {{.provider = "xai", .status = 500}, F::server, E::upstream_error},
  {{.provider = "xai", .status = 200, .code = "internal", .message = "Something failed"}, F::server, E::upstream_error},
  {{.provider = "xai", .status = 504}, F::server, E::upstream_timeout},

  {{.provider = "fireworks", .status = 401}, F::auth, E::upstream_auth},
  {{.provider = "fireworks", .status = 403}, F::forbidden, E::upstream_auth},
  {{.provider = "fireworks", .status = 404, .type = "error", .message = "Model not found, inaccessible, or not deployed"}, F::not_found, E::model_unavailable},
  {{.provider = "fireworks", .status = 429}, F::rate, E::upstream_rate_limited},
  {{.provider = "fireworks", .status = 402}, F::quota, E::upstream_quota},
  {{.provider = "fireworks", .status = 412, .message = "Account suspended"}, F::quota, E::upstream_quota},
  {{.provider = "fireworks", .status = 412, .message = "LoRA failed to load"}, F::server, E::upstream_error},
  {{.provider = "fireworks", .status = 400, .message = "exceeds the model's maximum context length"}, F::context, E::context_length_exceeded},
  {{.provider = "fireworks", .status = 503}, F::server, E::overloaded},
  {{.provider = "fireworks", .status = 502}, F::server, E::upstream_error},
  {{.provider = "fireworks", .status = 408}, F::server, E::upstream_timeout},

  {{.provider = "cerebras", .status = 401, .code = "wrong_api_key"}, F::auth, E::upstream_auth},
  {{.provider = "cerebras", .status = 404, .code = "model_not_found"}, F::not_found, E::model_unavailable},
  {{.provider = "cerebras", .status = 429, .type = "too_many_requests_error", .code = "request_quota_exceeded", .param = "quota"}, F::rate, E::upstream_rate_limited},
  {{.provider = "cerebras", .status = 429, .code = "token_quota_exceeded"}, F::rate, E::upstream_rate_limited},
  {{.provider = "cerebras", .status = 402}, F::quota, E::upstream_quota},
  {{.provider = "cerebras", .status = 400, .code = "context_length_exceeded"}, F::context, E::context_length_exceeded},
  {{.provider = "cerebras", .status = 400}, F::context, E::context_length_exceeded},
  {{.provider = "cerebras", .status = 413}, F::context, E::context_length_exceeded},
  {{.provider = "cerebras", .status = 429, .message = "We are experiencing high traffic right now"}, F::server, E::overloaded},
  {{.provider = "cerebras", .status = 429, .code = "queue_exceeded"}, F::server, E::overloaded},
  {{.provider = "cerebras", .status = 503}, F::server, E::overloaded},
  {{.provider = "cerebras", .status = 500}, F::server, E::upstream_error},
  {{.provider = "cerebras", .status = 408}, F::server, E::upstream_timeout},

  {{.provider = "perplexity", .status = 401, .code = "401"}, F::auth, E::upstream_auth},
  {{.provider = "perplexity", .status = 400, .type = "invalid_model", .code = "400"}, F::not_found, E::model_unavailable},
  {{.provider = "perplexity", .status = 429, .code = "429"}, F::rate, E::upstream_rate_limited},
  {{.provider = "perplexity", .status = 401, .message = "insufficient quota"}, F::quota, E::upstream_quota},
  {{.provider = "perplexity", .status = 402}, F::quota, E::upstream_quota},
  {{.provider = "perplexity", .status = 400, .message = "exceeds the maximum context length"}, F::context, E::context_length_exceeded},
  {{.provider = "perplexity", .status = 503, .message = "<html></html>"}, F::server, E::overloaded},
  {{.provider = "perplexity", .status = 520}, F::server, E::upstream_error},
  {{.provider = "perplexity", .status = 524}, F::server, E::upstream_timeout},

  {{.provider = "vllm", .status = 401, .message = "Unauthorized"}, F::auth, E::upstream_auth},
  {{.provider = "vllm", .status = 404, .type = "NotFoundError", .code = "404", .message = "The model `x` does not exist."}, F::not_found, E::model_unavailable},
  {{.provider = "vllm", .status = 400, .type = "BadRequestError", .code = "400", .message = "This model's maximum context length is 8 tokens. However, you requested 9"}, F::context, E::context_length_exceeded},
  {{.provider = "vllm", .status = 503}, F::server, E::overloaded},
  {{.provider = "vllm", .status = 0, .type = "InternalServerError", .code = "500"}, F::server, E::upstream_error},

  {{.provider = "localai", .status = 401}, F::auth, E::upstream_auth},
  {{.provider = "localai", .status = 400, .message = "could not load: model x not found"}, F::not_found, E::model_unavailable},
  {{.provider = "localai", .status = 404}, F::not_found, E::model_unavailable},
  {{.provider = "localai", .status = 500, .message = "model x not found"}, F::not_found, E::model_unavailable},
  {{.provider = "localai", .status = 503, .message = "starting"}, F::server, E::overloaded},
  {{.provider = "localai", .status = 500, .message = "rpc error: request exceeds the available context size"}, F::context, E::context_length_exceeded},
  {{.provider = "localai", .status = 500, .message = "rpc error"}, F::server, E::upstream_error},

  {{.provider = "tgi", .status = 401}, F::auth, E::upstream_auth},
  {{.provider = "tgi", .status = 422, .type = "validation", .message = "`inputs` tokens + `max_new_tokens` must be <= 8"}, F::context, E::context_length_exceeded},
  {{.provider = "tgi", .status = 422, .type = "validation", .message = "`temperature` must be positive"}, F::request, E::upstream_rejected},
  {{.provider = "tgi", .status = 429, .type = "overloaded"}, F::server, E::overloaded},
  {{.provider = "tgi", .status = 424, .type = "generation"}, F::server, E::upstream_error},
  {{.provider = "tgi", .status = 500, .type = "incomplete_generation"}, F::server, E::upstream_error},
  {{.provider = "tgi", .status = 503, .type = "healthcheck"}, F::server, E::overloaded},

  {{.provider = "custom", .status = 422, .message = "field required"}, F::request, E::upstream_rejected},
  {{.provider = "custom", .status = 500, .message = "boom"}, F::server, E::upstream_error},

  {{.provider = "huggingface", .status = 401, .message = "Invalid username or password."}, F::auth, E::upstream_auth},
  {{.provider = "huggingface", .status = 400, .message = "The requested model 'x' does not exist"}, F::not_found, E::model_unavailable},
  {{.provider = "huggingface", .status = 404, .message = "Model x unknown"}, F::not_found, E::model_unavailable},
  {{.provider = "huggingface", .status = 402, .message = "You have exceeded your included credits"}, F::quota, E::upstream_quota},
  {{.provider = "huggingface", .status = 429}, F::rate, E::upstream_rate_limited},

  {{.provider = "llamacpp", .status = 401, .type = "authentication_error", .code = "401"}, F::auth, E::upstream_auth},
  {{.provider = "llamacpp", .status = 400, .type = "invalid_request_error", .message = "model 'x' not found"}, F::not_found, E::model_unavailable},
  {{.provider = "llamacpp", .status = 404, .type = "not_found_error", .code = "404"}, F::not_found, E::model_unavailable},
  {{.provider = "llamacpp", .status = 400, .type = "exceed_context_size_error"}, F::context, E::context_length_exceeded},
  {{.provider = "llamacpp", .status = 400, .message = "the request exceeds the available context size"}, F::context, E::context_length_exceeded},
  {{.provider = "llamacpp", .status = 503, .type = "unavailable_error", .message = "Loading model"}, F::server, E::overloaded},
  {{.provider = "llamacpp", .status = 501, .type = "not_supported_error"}, F::request, E::upstream_rejected},
  {{.provider = "llamacpp", .status = 500, .type = "server_error"}, F::server, E::upstream_error},

  {{.provider = "lmstudio", .status = 401}, F::auth, E::upstream_auth},
  {{.provider = "lmstudio", .status = 404, .message = "No model x"}, F::not_found, E::model_unavailable},
  {{.provider = "lmstudio", .status = 400, .message = "Model x not found"}, F::not_found, E::model_unavailable},
  {{.provider = "lmstudio", .status = 400, .message = "Number of tokens to keep from the initial prompt is greater than the context length"}, F::context, E::context_length_exceeded},
  {{.provider = "lmstudio", .status = 500, .message = "The model has crashed"}, F::server, E::upstream_error},
});
// clang-format on

std::string describe(const UpstreamReply& reply) {
  std::string text(reply.provider);
  text.append(" ").append(std::to_string(reply.status));
  for (const auto part : {reply.type, reply.code, reply.reason, reply.message}) {
    text.append(" / ").append(part);
  }
  return text;
}

TEST(Classify, KnowsEveryProvidersAnswers) {
  for (const Row& row : rows) {
    const Classified result = classify(row.reply);
    EXPECT_EQ(name(result.failure), name(row.failure)) << describe(row.reply);
    EXPECT_EQ(weir::traits(result.code).name, weir::traits(row.code).name) << describe(row.reply);
  }
}

// C-1: an error inside a good answer means what it would have meant with a status of its own.
TEST(Classify, ReadsErrorsInsideAGoodAnswerByTheirNames) {
  const auto in_body = [](UpstreamReply reply) {
    reply.provider = "any";
    const auto streamed = classify(reply);
    reply.status = 200;
    EXPECT_EQ(classify(reply), streamed);
    return streamed.failure;
  };
  EXPECT_EQ(in_body({.type = "rate_limit_error"}), F::rate);
  EXPECT_EQ(in_body({.type = "server_error", .code = "rate_limit_exceeded"}), F::rate);
  EXPECT_EQ(in_body({.type = "invalid_request_error"}), F::request);
  EXPECT_EQ(in_body({.type = "invalid_request_error", .code = "invalid_api_key"}), F::auth);
  EXPECT_EQ(in_body({.type = "authentication_error"}), F::auth);
  EXPECT_EQ(in_body({.type = "permission_error"}), F::forbidden);
  EXPECT_EQ(in_body({.type = "not_found_error"}), F::not_found);
  EXPECT_EQ(in_body({.type = "billing_error"}), F::quota);
  EXPECT_EQ(in_body({.message = "Insufficient Balance"}), F::quota);
  EXPECT_EQ(in_body({.code = "content_filter"}), F::content_filter);
  EXPECT_EQ(in_body({.code = "429"}), F::rate);
  EXPECT_EQ(in_body({.type = "something_new"}), F::server);
  EXPECT_EQ(in_body({}), F::server);
}

TEST(Classify, C3UnknownStatusesAreTheServersFaultFrom500OnAndTheRequestsBelow) {
  const auto by_status = [](int status) {
    return classify({.provider = "new", .status = status}).failure;
  };
  EXPECT_EQ(by_status(599), F::server);
  EXPECT_EQ(by_status(505), F::server);
  EXPECT_EQ(by_status(418), F::request);
  EXPECT_EQ(by_status(405), F::request);
  EXPECT_EQ(by_status(307), F::redirect);
  EXPECT_EQ(by_status(404), F::request);  // no word of a model: a wrong path
  EXPECT_EQ(by_status(498), F::rate);
  EXPECT_EQ(by_status(409), F::server);
  EXPECT_EQ(by_status(425), F::server);
  EXPECT_EQ(by_status(999), F::server);
  EXPECT_EQ(by_status(-1), F::server);
}

TEST(Classify, C0WhatATargetCannotTakeGoesToTheNext) {
  for (const std::string_view code : {"unsupported_parameter", "unsupported_value"}) {
    const auto result = classify({.provider = "openai", .status = 400, .code = code});
    EXPECT_EQ(result.next_target, NextTarget::yes) << code;
    EXPECT_TRUE(result.try_next_for_parameter) << code;
  }
  EXPECT_TRUE(classify({.provider = "x", .status = 501}).try_next_for_parameter);
  const auto plain = classify({.provider = "openai", .status = 400, .code = "invalid_value"});
  EXPECT_EQ(plain.next_target, NextTarget::no);
  EXPECT_FALSE(plain.try_next_for_parameter);
}

TEST(Classify, AMissingPathBesideChatsIsOfThatOperationAlone) {
  const auto beside = [](int status, std::string_view message, std::string_view type = {}) {
    UpstreamReply reply{.provider = "vllm", .status = status, .type = type, .message = message};
    reply.is_beside_chat = true;
    return classify(reply);
  };
  for (const Classified& seen :
       {beside(404, "Not Found"), beside(404, "File Not Found", "not_found_error"), beside(404, ""),
        beside(405, "Method Not Allowed"), beside(501, "This model does not support embeddings")}) {
    EXPECT_TRUE(seen.lacks_operation);
    EXPECT_EQ(seen.failure, F::request);
    EXPECT_EQ(seen.code, E::unsupported_capability);
    EXPECT_EQ(seen.next_target, NextTarget::yes);
    EXPECT_EQ(seen.cooldown, CooldownScope::none);
  }
  // It has the path, and not the model; a server that can get the model is asked to.
  const Classified model = beside(404, "The model `m` does not exist.", "NotFoundError");
  EXPECT_EQ(model.failure, F::not_found);
  EXPECT_EQ(model.cooldown, CooldownScope::none) << "chats go on";
  const Classified forbidden = beside(403, "You are not allowed to do this");
  EXPECT_EQ(forbidden.failure, F::forbidden);
  EXPECT_EQ(forbidden.cooldown, CooldownScope::none);
  EXPECT_FALSE(beside(400, "Not Found").lacks_operation);
  EXPECT_EQ(beside(401, "who?").cooldown, CooldownScope::key) << "a key is a key";
}

// What the caller sent must not look like the model's absence: that cools a target for everyone.
// The words are those of the vendors' own refusals.
// Such as an answer that is kept no longer, at a server that keeps none.
TEST(Classify, A404ToWhatIsNotTheModelsIsNoWordAboutTheModel) {
  UpstreamReply reply{.provider = "llamacpp", .status = 404, .code = "404"};
  reply.type = "not_found_error";
  reply.message = "File Not Found";
  EXPECT_EQ(classify(reply).failure, F::not_found);
  reply.is_beside_model = true;
  const Classified seen = classify(reply);
  EXPECT_EQ(seen.failure, F::request);
  EXPECT_EQ(seen.code, E::upstream_rejected);
  EXPECT_EQ(seen.cooldown, CooldownScope::none);
  EXPECT_EQ(seen.next_target, NextTarget::yes);
}

TEST(Classify, F8KnowsARefusedSealWhoeverRefusesIt) {
  const auto is_seal = [](int status, std::string_view code, std::string_view message) {
    const Classified result = classify({.status = status, .code = code, .message = message});
    EXPECT_EQ(result.failure, FailureClass::request);
    EXPECT_EQ(result.next_target, NextTarget::no);
    return result.is_seal_refused;
  };
  EXPECT_TRUE(is_seal(400, "", "messages.1.content.0: Invalid `signature` in `thinking` block"));
  EXPECT_TRUE(is_seal(400, "invalid_encrypted_content", "The encrypted content gAAA is wrong"));
  EXPECT_TRUE(is_seal(400, "INVALID_ARGUMENT", "Thought signature is not valid"));
  EXPECT_FALSE(is_seal(400, "", "messages.1: unexpected role"));
}

TEST(Classify, AMissingThingThatTheCallerNamedIsNotAMissingModel) {
  EXPECT_EQ(classify({.provider = "openai",
                      .status = 404,
                      .type = "invalid_request_error",
                      .param = "previous_response_id"})
                .failure,
            F::request);
  EXPECT_EQ(classify({.provider = "openai",
                      .status = 400,
                      .message = "Tool 'model' was not found in the prompt"})
                .failure,
            F::request);
  const auto no_tools = classify({.provider = "openrouter",
                                  .status = 404,
                                  .code = "404",
                                  .message = "No endpoints found that support tool use"});
  EXPECT_EQ(no_tools.failure, F::request);
  EXPECT_TRUE(no_tools.try_next_for_parameter);
}

TEST(Classify, TextsAboutARateAreNoContextErrors) {
  const auto result = classify({.provider = "new",
                                .status = 429,
                                .message = "Rate limit of tokens per minute: please reduce the "
                                           "length of the messages"});
  EXPECT_EQ(result.failure, F::rate);
}

TEST(Classify, OneRequestAboveALimitPerMinuteIsNotRepeatedButMayFitElsewhere) {
  const auto result = classify(
      {.provider = "groq", .status = 413, .code = "rate_limit_exceeded", .retry_after = 2s});
  EXPECT_EQ(result.same_target, SameTarget::no);
  EXPECT_EQ(result.next_target, NextTarget::yes);
  EXPECT_EQ(result.cooldown, CooldownScope::none);
  EXPECT_EQ(result.wait, std::nullopt);
}

TEST(ClassifyWait, R3NegativeWaitsAreAbsentAndLongOnesCut) {
  const auto wait_of = [](std::chrono::milliseconds wait) {
    return classify({.provider = "new", .status = 429, .retry_after = wait}).wait;
  };
  EXPECT_EQ(wait_of(1'500ms), 1'500ms);
  EXPECT_EQ(wait_of(-1ms), std::nullopt);
  EXPECT_EQ(wait_of(0ms), 0ms);
  EXPECT_EQ(wait_of(100h), 24h);
}

// A provider out of credit that says "in 2 s" would be asked again every 2 s.
TEST(ClassifyWait, IsNotBelievedWhenCreditIsGone) {
  const auto result = classify(
      {.provider = "openai", .status = 429, .code = "insufficient_quota", .retry_after = 2s});
  EXPECT_EQ(result.wait, std::nullopt);
  EXPECT_EQ(result.cooldown, CooldownScope::key);
}

TEST(ClassifyWait, IsBelievedWhenAnAllowanceIsUsedUp) {
  EXPECT_EQ(classify({.provider = "azure", .status = 429, .retry_after = 86'400s}).wait, 24h);
  EXPECT_EQ(classify({.provider = "gemini", .status = 429, .retry_after = 301s}).wait, 301s);
  EXPECT_EQ(classify({.provider = "gemini", .status = 429, .retry_after = 300s}).failure, F::rate);
  EXPECT_EQ(classify({.provider = "azure", .status = 429, .retry_after = 86'399s}).failure,
            F::rate);
}

TEST(Classify, DailyAllowancesAreMarkedForTheProvidersMidnight) {
  EXPECT_TRUE(
      classify({.provider = "gemini", .status = 429, .reason = "RequestsPerDay"}).is_daily_limit);
  EXPECT_TRUE(
      classify({.provider = "gemini", .status = 429, .message = "limit: 0"}).is_daily_limit);
  EXPECT_FALSE(
      classify({.provider = "gemini", .status = 429, .message = "limit: 15"}).is_daily_limit);
  EXPECT_TRUE(classify({.provider = "new", .status = 429, .message = "Daily limit reached"})
                  .is_daily_limit);
  // A rolling day says itself when it goes on.
  const auto rolling = classify({.provider = "groq",
                                 .status = 429,
                                 .code = "rate_limit_exceeded",
                                 .message = "tokens per day (TPD)",
                                 .retry_after = 14min});
  EXPECT_FALSE(rolling.is_daily_limit);
  EXPECT_EQ(rolling.failure, F::rate);
}

TEST(Classify, AServerErrorCoolsDownOnlyWhenAWaitIsNamed) {
  EXPECT_EQ(classify({.provider = "new", .status = 503}).cooldown, CooldownScope::none);
  const auto waiting = classify({.provider = "new", .status = 503, .retry_after = 9s});
  EXPECT_EQ(waiting.cooldown, CooldownScope::target);
  EXPECT_EQ(waiting.wait, 9s);
}

TEST(Classify, AnUnavailableServerThatSpeaksOfARateAndAWaitIsARateLimit) {
  UpstreamReply reply{.provider = "new", .status = 503, .type = "rate_limit_error"};
  EXPECT_EQ(classify(reply).failure, F::server);
  reply.retry_after = 4s;
  EXPECT_EQ(classify(reply).failure, F::rate);
}

// llama.cpp answers like this for some seconds after its start.
TEST(Classify, AModelThatIsLoadingIsWaitedForWithoutACooldown) {
  const auto result = classify({.provider = "llamacpp", .status = 503, .message = "Loading model"});
  EXPECT_EQ(result.wait, 1s);
  EXPECT_EQ(result.cooldown, CooldownScope::none);
  EXPECT_EQ(result.same_target, SameTarget::yes);
}

TEST(Classify, ObeysXShouldRetry) {
  const auto same = [](int status, std::string_view code, bool should_retry) {
    return classify(
               {.provider = "openai", .status = status, .code = code, .should_retry = should_retry})
        .same_target;
  };
  EXPECT_EQ(same(500, "", false), SameTarget::no);
  EXPECT_EQ(same(500, "", true), SameTarget::yes);
  EXPECT_EQ(same(429, "", false), SameTarget::no);
  EXPECT_EQ(same(429, "", true), SameTarget::last_resort);
  EXPECT_EQ(same(400, "", true), SameTarget::yes);
  EXPECT_EQ(same(429, "insufficient_quota", true), SameTarget::no);
}

// The message is as long as the provider likes.
TEST(Classify, ReadsTheBeginningOfAHugeMessageOnly) {
  std::string message(1'000'000, 'x');
  message += "prompt is too long";
  EXPECT_EQ(classify({.provider = "new", .status = 400, .message = message}).failure, F::request);
  message.insert(0, "PROMPT IS TOO LONG ");
  EXPECT_EQ(classify({.provider = "new", .status = 400, .message = message}).failure, F::context);
}

}  // namespace
}  // namespace weir::policy
