// SPDX-License-Identifier: Apache-2.0
#include "api/embedded_providers.hpp"

#include <optional>
#include <utility>

#include "api/answer_pipe.hpp"
#include "api/convert.hpp"
#include "json/document.hpp"
#include "wire/error_writer.hpp"
#include "wire/openai/codec.hpp"
#include "wire/openai/embeddings.hpp"

namespace weir::api {
namespace {

constexpr std::string_view json_type = "application/json";
constexpr std::string_view stream_type = "text/event-stream";

using Question = std::variant<wire::ChatRequest, wire::openai::EmbeddingsCall>;

void answer_whole(AnswerPipe& pipe, AnswerPipe::Head head, std::string_view body) {
  head.media_type = json_type;
  pipe.begin(head);
  static_cast<void>(pipe.write(body));  // a reader that is gone needs no body
  pipe.end();
}

void refuse(AnswerPipe& pipe, const Error& error) {
  std::string body;
  wire::append_error_body(body, wire::Dialect::openai_chat, error, {});
  AnswerPipe::Head head;
  head.status = wire::status_of(wire::Dialect::openai_chat, error);
  head.retry_after = error.retry_after;
  answer_whole(pipe, head, body);
}

/// Writes a provider's pieces as a stream.
class PipeSink final : public AnswerSink {
 public:
  PipeSink(AnswerPipe& pipe, std::string_view model)
      : pipe_(pipe),
        model_(model),
        encoder_(wire::openai::make_stream_encoder({.model = model, .wants_usage = true})) {}

  bool text(std::string_view piece) override {
    return add({.type = wire::StreamEvent::Type::text, .text = piece});
  }
  bool reasoning(std::string_view piece) override {
    return add({.type = wire::StreamEvent::Type::reasoning, .text = piece});
  }
  bool tool_call(const ToolCall& call) override {
    using enum wire::StreamEvent::Type;
    const std::uint32_t tool = calls_++;
    return add({.type = tool_call_begin, .tool = tool, .id = call.id, .name = call.name}) &&
           add({.type = tool_call_delta, .tool = tool, .text = call.arguments}) &&
           add({.type = tool_call_end, .tool = tool});
  }
  [[nodiscard]] bool is_wanted() const override { return pipe_.is_wanted(); }

  void finish(const ChatResponse& answer) {
    wire::Finish finish = to_canonical(answer.finish);
    if (finish == wire::Finish::none) {
      finish = calls_ > 0 ? wire::Finish::tool_calls : wire::Finish::stop;
    }
    static_cast<void>(add({.type = wire::StreamEvent::Type::finish, .finish = finish}));
    const wire::Usage usage = to_canonical(answer.usage);
    static_cast<void>(add({.type = wire::StreamEvent::Type::usage, .usage = &usage}));
    encoder_->finish(out_);
    end();
  }
  void fail(const Error& error) {
    if (!has_begun_) return refuse(pipe_, error);
    encoder_->fail(error, {}, out_);
    end();
  }

 private:
  bool add(const wire::StreamEvent& event) {
    if (!std::exchange(has_begun_, true)) {
      pipe_.begin({.status = 200, .media_type = stream_type});
      encoder_->encode({.type = wire::StreamEvent::Type::start, .model = model_}, out_);
    }
    encoder_->encode(event, out_);
    const bool is_taken = pipe_.write(out_);
    out_.clear();
    return is_taken;
  }
  void end() {
    static_cast<void>(pipe_.write(out_));
    pipe_.end();
  }

  AnswerPipe& pipe_;
  std::string_view model_;
  std::unique_ptr<wire::StreamEncoder> encoder_;
  std::string out_;
  std::uint32_t calls_ = 0;
  bool has_begun_ = false;
};

void answer_chat(Provider& provider, const wire::ChatRequest& asked, AnswerPipe& pipe) {
  const ChatRequest request = to_public(asked);
  if (asked.stream) {
    PipeSink sink(pipe, asked.model);
    const Result<ChatResponse> answer = provider.stream(request, sink);
    return answer ? sink.finish(*answer) : sink.fail(answer.error());
  }
  Result<ChatResponse> answer = provider.chat(request);
  if (!answer) return refuse(pipe, answer.error());
  if (answer->items.empty()) answer->items.emplace_back(assistant_message(answer->text));
  wire::Choice choice;
  choice.output = to_canonical(answer->items);
  choice.finish = to_canonical(answer->finish);
  if (choice.finish == wire::Finish::none) {
    choice.finish = answer->tool_calls().empty() ? wire::Finish::stop : wire::Finish::tool_calls;
  }
  wire::ChatResponse out;
  out.id = answer->id;
  out.model = answer->model.empty() ? asked.model : answer->model;
  out.choices.push_back(std::move(choice));
  out.usage = to_canonical(answer->usage);
  std::string body;
  wire::openai::encode_response(out, body);
  answer_whole(pipe, {.status = 200}, body);
}

void answer_embeddings(Provider& provider, const wire::openai::EmbeddingsCall& asked,
                       AnswerPipe& pipe) {
  EmbeddingRequest request;
  request.model = asked.request.model;
  request.dimensions = asked.request.dimensions;
  for (const auto& input : asked.request.inputs) request.texts.push_back(input.text);
  Result<EmbeddingResponse> answer = provider.embed(request);
  if (!answer) return refuse(pipe, answer.error());
  wire::EmbeddingsResponse out;
  out.model = answer->model.empty() ? request.model : answer->model;
  out.vectors = std::move(answer->vectors);
  out.input_tokens = answer->input_tokens;
  std::string body;
  wire::openai::encode_embeddings_response(out, wire::openai::EmbeddingFormat::floats, body);
  answer_whole(pipe, {.status = 200}, body);
}

Result<Question> read_question(std::string_view head, std::string_view body) {
  json::Document document;
  WEIR_TRY(document.parse(body));
  const std::string_view request_line = head.substr(0, head.find("\r\n"));
  if (request_line.find("/embeddings") != std::string_view::npos) {
    WEIR_TRY_ASSIGN(call, wire::openai::decode_embeddings_request(document.root()));
    return Question(std::move(call));
  }
  WEIR_TRY_ASSIGN(request, wire::openai::decode_request(document.root()));
  return Question(std::move(request));
}

/// One request to a provider in the process.
class EmbeddedExchange final : public net::Exchange, private net::Cancellable {
 public:
  EmbeddedExchange(std::shared_ptr<Provider> provider, ProviderThreads& threads, net::Loop& loop,
                   net::Cancellation& cancellation)
      : provider_(std::move(provider)),
        threads_(threads),
        wakeup_(loop),
        pipe_(std::make_shared<AnswerPipe>(wakeup_.sender())) {
    if (cancellation.is_cancelled()) {
      close();
    } else {
      cancellation.add(*this);
    }
  }
  ~EmbeddedExchange() override { pipe_->close(); }

  net::Task<net::ExchangeResult> send(std::string_view, std::string_view head,
                                      std::string_view body, const net::ExchangeTimeouts& timeouts,
                                      const net::ExchangeLimits&) override {
    net::ExchangeResult result;
    Result<Question> question = read_question(head, body);
    if (!question) {
      result = {net::ExchangeError::malformed, question.error().message};
      co_return result;
    }
    start(std::move(*question));
    while (pipe_->head().status == 0) {
      Wakeup::Wait wait(wakeup_, timeouts.first_byte, closed_);
      const bool is_woken = co_await wait;
      if (is_woken) continue;
      result.error =
          closed_.is_cancelled() ? net::ExchangeError::cancelled : net::ExchangeError::timeout_sent;
      co_return result;
    }
    const AnswerPipe::Head told = pipe_->head();
    head_.status = told.status;
    head_.fields.add({"content-type", told.media_type});
    if (told.retry_after) {
      retry_after_ms_ = std::to_string(told.retry_after->count());
      head_.fields.add({"retry-after-ms", retry_after_ms_});
    }
    co_return result;
  }

  [[nodiscard]] const net::http::ResponseHead& head() const override { return head_; }

  net::Task<Piece> read(net::Duration timeout) override {
    Piece piece;
    for (;;) {
      piece.is_last = pipe_->take(bytes_);
      piece.bytes = bytes_;
      if (piece.is_last || !bytes_.empty()) co_return piece;
      Wakeup::Wait wait(wakeup_, timeout, closed_);
      const bool is_woken = co_await wait;
      if (is_woken) continue;
      piece.error =
          closed_.is_cancelled() ? net::ExchangeError::cancelled : net::ExchangeError::stalled;
      co_return piece;
    }
  }

  void finish(net::Duration) override {}
  void close() override {
    pipe_->close();
    closed_.cancel();
  }

 private:
  void on_cancel() override { close(); }

  void start(Question question) {
    threads_.run([provider = provider_, pipe = pipe_, question = std::move(question)] {
      if (!pipe->is_wanted()) return;
      if (const auto* chat = std::get_if<wire::ChatRequest>(&question)) {
        answer_chat(*provider, *chat, *pipe);
      } else {
        answer_embeddings(*provider, std::get<wire::openai::EmbeddingsCall>(question), *pipe);
      }
    });
  }

  std::shared_ptr<Provider> provider_;
  ProviderThreads& threads_;
  net::Cancellation closed_;
  Wakeup wakeup_;
  std::shared_ptr<AnswerPipe> pipe_;
  net::http::ResponseHead head_;
  std::string retry_after_ms_;  ///< the head has a view of it
  std::string bytes_;
};

}  // namespace

void EmbeddedRegistry::set(const std::string& name, std::shared_ptr<Provider> provider) {
  const std::lock_guard lock(mutex_);
  providers_.insert_or_assign(name, std::move(provider));
}

void EmbeddedRegistry::remove(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = providers_.find(name); found != providers_.end()) {
    providers_.erase(found);
  }
}

std::shared_ptr<Provider> EmbeddedRegistry::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = providers_.find(name);
  return found == providers_.end() ? nullptr : found->second;
}

std::unique_ptr<net::Exchange> EmbeddedRegistry::make(const pipeline::Target& target,
                                                      net::Loop& loop,
                                                      net::Cancellation& cancellation) {
  auto provider = find(target.upstream->name);
  if (!provider) return nullptr;
  return std::make_unique<EmbeddedExchange>(std::move(provider), threads_, loop, cancellation);
}

}  // namespace weir::api

namespace weir {

Result<ChatResponse> Provider::stream(const ChatRequest& request, AnswerSink& sink) {
  Result<ChatResponse> answer = chat(request);
  if (!answer) return answer;
  if (answer->items.empty()) static_cast<void>(sink.text(answer->text));
  for (const Item& item : answer->items) {
    bool is_wanted = true;
    if (const auto* message = std::get_if<Message>(&item)) {
      is_wanted = sink.text(message->text());
    } else if (const auto* thought = std::get_if<Reasoning>(&item)) {
      is_wanted = sink.reasoning(thought->text);
    } else if (const auto* call = std::get_if<ToolCall>(&item)) {
      is_wanted = sink.tool_call(*call);
    }
    if (!is_wanted) break;
  }
  return answer;
}

Result<EmbeddingResponse> Provider::embed(const EmbeddingRequest&) {
  return Error(ErrorCode::unsupported_capability, "this provider has no embeddings");
}

}  // namespace weir
