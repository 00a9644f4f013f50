// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <string>

#include "wire/field_names.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/gemini/contents_encode.hpp"
#include "wire/gemini/generation_config.hpp"
#include "wire/gemini/proto.hpp"
#include "wire/gemini/schema.hpp"
#include "wire/portability.hpp"

namespace weir::wire::gemini {
namespace {

Error unsupported(std::string message, std::string field) {
  return {ErrorCode::unsupported_capability, std::move(message), std::move(field)};
}

class RequestEncoder {
 public:
  RequestEncoder(const ChatRequest& request, const EncodeOptions& options, std::string& out)
      : request_(request),
        options_(options),
        json_(out),
        is_own_(request.origin == Dialect::gemini) {}

  Result<EncodeNotes> run() {
    WEIR_TRY(check_portable(request_, options_, Dialect::gemini));
    json_.begin_object();
    WEIR_TRY(write_contents(json_, request_, options_, notes_));
    WEIR_TRY(write_tools());
    WEIR_TRY(write_tool_config());
    WEIR_TRY(write_generation_config());
    write_service_tier();
    if (is_own_) {
      write_extra_except(json_, request_.extra, {"generationConfig", "toolConfig"});
    } else {
      note_unsayable();
    }
    json_.end_object();
    return std::move(notes_);
  }

 private:
  /// Hints that Gemini has no member for.
  void note_unsayable() {
    const FieldNames names = field_names(request_.origin);
    if (!request_.sampling.logit_bias.empty()) notes_.drop(names.logit_bias);
    if (request_.parallel_tool_calls == false) notes_.drop(names.parallel_calls);
    if (!request_.verbosity.empty()) notes_.drop(names.verbosity);
    if (!request_.user.empty()) notes_.drop(user_field(request_));
    if (!request_.prompt_cache_key.empty()) notes_.drop("prompt_cache_key");
    if (!request_.metadata.empty()) notes_.drop("metadata");
    if (request_.store == true) notes_.drop("store");
    drop_extra(notes_, request_.extra);
  }

  // All functions go into one entry; each hosted tool has its own.
  Result<> write_tools() {
    if (request_.tools.empty()) return {};
    const bool has_functions =
        std::any_of(request_.tools.begin(), request_.tools.end(),
                    [](const Tool& tool) { return tool.kind == ToolKind::function; });
    json_.key("tools").begin_array();
    if (has_functions) {
      json_.begin_object().key("functionDeclarations").begin_array();
      for (const Tool& tool : request_.tools) {
        if (tool.kind == ToolKind::function) WEIR_TRY(write_function(tool));
      }
      json_.end_array().end_object();
    }
    for (const Tool& tool : request_.tools) {
      if (tool.kind == ToolKind::function) continue;
      if (!is_own_) {
        return unsupported("the tool '" + tool.name + "' can't be sent to Gemini",
                           options_.field_of(tool.place, "tools"));
      }
      json_.raw(tool.hosted);
    }
    json_.end_array();
    return {};
  }

  Result<> write_function(const Tool& tool) {
    json_.begin_object().member("name", tool.name);
    if (!tool.description.empty()) json_.member("description", tool.description);
    if (is_own_ && !tool.openapi_parameters.empty()) {
      json_.key("parameters").raw(tool.openapi_parameters);
    } else if (!tool.parameters.empty()) {
      auto written = write_schema(json_, tool.parameters,
                                  {.takes_json_schema = options_.traits.takes_json_schema,
                                   .json_schema_name = "parametersJsonSchema",
                                   .openapi_name = "parameters",
                                   .field = "tools"});
      if (!written) {
        written.error().param = options_.field_of(tool.place, "tools");
        return written;
      }
    }
    if (is_own_) {
      write_extra(json_, tool.extra);
    } else {
      if (tool.strict == true) notes_.drop("strict");
      drop_extra(notes_, tool.extra);
    }
    json_.end_object();
    return {};
  }

  Result<> write_tool_config() {
    using Mode = ToolChoice::Mode;
    const ToolChoice& choice = request_.tool_choice;
    if (choice.mode == Mode::opaque && !is_own_) {
      return unsupported("this tool_choice can't be sent to Gemini",
                         std::string(field_names(request_.origin).tool_choice));
    }
    const bool has_extra = is_own_ && request_.extra.find("toolConfig") != nullptr;
    if (choice.mode == Mode::unset && !has_extra) return {};
    json_.key("toolConfig").begin_object();
    if (choice.mode != Mode::unset) write_function_calling(choice);
    if (has_extra) write_nested_extra(json_, request_.extra, "toolConfig");
    json_.end_object();
    return {};
  }

  void write_function_calling(const ToolChoice& choice) {
    using Mode = ToolChoice::Mode;
    json_.key("functionCallingConfig");
    if (choice.mode == Mode::opaque) {
      json_.raw(choice.opaque);
      return;
    }
    json_.begin_object().member("mode", mode_name(choice));
    const bool has_names = choice.mode == Mode::named || choice.mode == Mode::allowed;
    if (has_names) {
      json_.key("allowedFunctionNames").begin_array();
      if (choice.mode == Mode::named) json_.string(choice.name);
      for (const auto& name : choice.allowed) json_.string(name);
      json_.end_array();
    }
    json_.end_object();
  }

  static std::string_view mode_name(const ToolChoice& choice) {
    using Mode = ToolChoice::Mode;
    switch (choice.mode) {
      case Mode::none:
        return "NONE";
      case Mode::required:
      case Mode::named:
        return "ANY";
      // AUTO takes no names; VALIDATED leaves the decision to the model as well.
      case Mode::allowed:
        return choice.is_allowed_required ? "ANY" : "VALIDATED";
      case Mode::unset:
      case Mode::automatic:
      case Mode::opaque:
        break;
    }
    return "AUTO";
  }

  Result<> write_generation_config() {
    WEIR_TRY_ASSIGN(config, generation_config(request_, options_, notes_));
    if (!config.empty()) json_.key("generationConfig").raw(config);
    return {};
  }

  void write_service_tier() {
    const std::string& tier = request_.service_tier;
    if (tier.empty() || tier == "auto") return;
    if (is_own_ || tier == "flex" || tier == "priority") {
      json_.member("serviceTier", tier);
    } else if (tier == "default" || tier == "standard_only") {
      json_.member("serviceTier", "standard");
    } else {
      notes_.drop(field_names(request_.origin).service_tier);
    }
  }

  const ChatRequest& request_;
  const EncodeOptions& options_;
  json::Writer json_;
  bool is_own_;
  EncodeNotes notes_;
};

}  // namespace

Result<EncodeNotes> encode_request(const ChatRequest& request, const EncodeOptions& options,
                                   std::string& out) {
  return RequestEncoder(request, options, out).run();
}

}  // namespace weir::wire::gemini
