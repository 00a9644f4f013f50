// SPDX-License-Identifier: Apache-2.0
//
// Runs the wire cases: folders of text that say what a dialect's bytes mean and how they look in
// the other dialects. README.md beside this file says what the files of a case are.

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "json/document.hpp"
#include "json/writer.hpp"
#include "wire/anthropic/codec.hpp"
#include "wire/codec.hpp"
#include "wire/fault.hpp"
#include "wire/gemini/codec.hpp"
#include "wire/ollama/codec.hpp"
#include "wire/openai/codec.hpp"
#include "wire/responses/codec.hpp"
#include "wire_case_text.hpp"

namespace weir::wire::cases {
namespace {

namespace fs = std::filesystem;

/// The functions of one dialect, as its codec.hpp declares them.
struct Codec {
  std::string_view folder;
  Result<ChatRequest> (*decode_request)(json::Value);
  Result<EncodeNotes> (*encode_request)(const ChatRequest&, const EncodeOptions&, std::string&);
  Result<ChatResponse> (*decode_response)(json::Value, Quirks);
  void (*encode_response)(const ChatResponse&, std::string&);
  std::unique_ptr<StreamDecoder> (*make_stream_decoder)(Quirks, std::size_t event_bytes_max);
  std::unique_ptr<StreamEncoder> (*make_stream_encoder)(const StreamOptions&);
};

#define WEIR_CODEC(dialect)                                                                     \
  Codec {                                                                                       \
    #dialect, &dialect::decode_request, &dialect::encode_request, &dialect::decode_response,    \
        &dialect::encode_response, &dialect::make_stream_decoder, &dialect::make_stream_encoder \
  }

constexpr std::array codecs{
    WEIR_CODEC(openai), WEIR_CODEC(responses), WEIR_CODEC(anthropic),
    WEIR_CODEC(gemini), WEIR_CODEC(ollama),
};

#undef WEIR_CODEC

const Codec* find_codec(std::string_view folder) {
  for (const Codec& codec : codecs) {
    if (codec.folder == folder) return &codec;
  }
  return nullptr;
}

/// One case folder with what its `options` say.
class Case {
 public:
  explicit Case(fs::path folder) : folder_(std::move(folder)) {
    const auto unknown = read_options(text("options").value_or(""), options_);
    EXPECT_TRUE(unknown.empty()) << "options: unknown word " << unknown.front();
  }

  [[nodiscard]] std::optional<std::string> text(std::string_view file) const {
    return read_file(folder_ / file);
  }
  [[nodiscard]] bool has(std::string_view file) const { return fs::exists(folder_ / file); }
  [[nodiscard]] EncodeOptions options(std::string_view model) const {
    EncodeOptions options = options_;
    options.model = model;
    return options;
  }
  [[nodiscard]] Quirks quirks() const { return options_.quirks; }

  /// Compares `actual` with the file, or fills the file where it is missing or empty and goldens
  /// are being made.
  void expect_json(const std::string& file, const std::string& actual) const {
    if (is_golden_wanted(file)) {
      json::Document document;
      const auto parsed = document.parse(actual);
      ASSERT_TRUE(parsed) << parsed.error().message << " in " << actual;
      return write(file, pretty(document.root()));
    }
    const auto difference = text_difference(text(file).value_or(""), actual);
    EXPECT_TRUE(difference.empty()) << file << ": " << difference << "\ngot " << actual;
  }
  void expect_text(const std::string& file, const std::string& actual) const {
    if (is_golden_wanted(file)) return write(file, actual);
    EXPECT_EQ(text(file).value_or(""), actual) << file;
  }
  /// An error's code, and its path where the file has a second line.
  void expect_error(const std::string& file, const Error& error) const {
    const std::string code(traits(error.code).name);
    if (is_golden_wanted(file)) return write(file, code + "\n" + error.param + "\n");
    const auto lines = lines_of(text(file).value_or(""));
    ASSERT_FALSE(lines.empty()) << file << " is empty";
    EXPECT_EQ(lines[0], code) << file << ": " << error.message;
    if (lines.size() > 1) EXPECT_EQ(lines[1], error.param) << file << ": " << error.message;
  }
  /// Names that are missing from the file are as wrong as names too many.
  void expect_dropped(const std::string& file, const EncodeNotes& notes) const {
    std::string actual;
    for (const auto& name : notes.dropped) actual.append(name).append("\n");
    const bool is_new = !has(file) && !actual.empty() && updates_goldens();
    if (is_new) return write(file, actual);
    auto wanted = lines_of(text(file).value_or(""));
    auto got = notes.dropped;
    std::sort(wanted.begin(), wanted.end());
    std::sort(got.begin(), got.end());
    EXPECT_EQ(wanted, got) << file;
  }

 private:
  static bool updates_goldens() { return std::getenv("WEIR_UPDATE_GOLDEN") != nullptr; }
  [[nodiscard]] bool is_golden_wanted(const std::string& file) const {
    return updates_goldens() && text(file).value_or("").empty();
  }
  void write(const std::string& file, const std::string& text) const {
    std::ofstream(folder_ / file, std::ios::binary) << text;
  }

  fs::path folder_;
  EncodeOptions options_;
};

/// Decodes a JSON file of the case with `decode`.
template <class Decode>
auto decode_file(const Case& wire_case, const std::string& file, Decode decode)
    -> decltype(decode(json::Value())) {
  const std::string text = wire_case.text(file).value_or("");
  json::Document document;
  WEIR_TRY(document.parse(text));
  return decode(document.root());
}

void check_request(const Case& wire_case, const Codec& codec) {
  auto request = decode_file(wire_case, "request.json", codec.decode_request);
  if (wire_case.has("request.error")) {
    ASSERT_FALSE(request) << "request.json was taken";
    return wire_case.expect_error("request.error", request.error());
  }
  ASSERT_TRUE(request) << request.error().param << ": " << request.error().message;
  std::string out;
  const auto notes = codec.encode_request(*request, wire_case.options(request->model), out);
  ASSERT_TRUE(notes) << notes.error().param << ": " << notes.error().message;
  const bool is_same = !wire_case.has("request.encoded.json");
  wire_case.expect_json(is_same ? "request.json" : "request.encoded.json", out);
  wire_case.expect_dropped("request.encoded.dropped", *notes);
}

void check_request_to(const Case& wire_case, const Codec& codec, const Codec& target) {
  const std::string stem = "request.to-" + std::string(target.folder);
  const auto request = decode_file(wire_case, "request.json", codec.decode_request);
  ASSERT_TRUE(request) << request.error().param << ": " << request.error().message;
  std::string out;
  const auto notes = target.encode_request(*request, wire_case.options("target-model"), out);
  if (wire_case.has(stem + ".error")) {
    ASSERT_FALSE(notes) << "encoded as " << out;
    return wire_case.expect_error(stem + ".error", notes.error());
  }
  ASSERT_TRUE(notes) << notes.error().param << ": " << notes.error().message;
  wire_case.expect_json(stem + ".json", out);
  wire_case.expect_dropped(stem + ".dropped", *notes);
}

void check_response(const Case& wire_case, const Codec& codec, const Codec& target) {
  const auto response = decode_file(wire_case, "response.json", [&](json::Value root) {
    return codec.decode_response(root, wire_case.quirks());
  });
  ASSERT_TRUE(response) << response.error().param << ": " << response.error().message;
  std::string out;
  target.encode_response(*response, out);
  std::string file = "response.to-" + std::string(target.folder) + ".json";
  if (&codec == &target) {
    file = wire_case.has("response.encoded.json") ? "response.encoded.json" : "response.json";
  }
  wire_case.expect_json(file, out);
}

/// Writes events down, and passes them on to a client's encoder where there is one.
class Recorder final : public EventSink {
 public:
  explicit Recorder(StreamEncoder* encoder = nullptr) : encoder_(encoder) {}
  void on_event(const StreamEvent& event) override {
    lines += event_line(event) + "\n";
    has_failed = event.type == StreamEvent::Type::error;
    if (encoder_ == nullptr) return;
    if (has_failed) {
      encoder_->fail(Error(ErrorCode::upstream_error, event.fault->message), "req_1", client);
    } else {
      encoder_->encode(event, client);
    }
  }

  std::string lines;
  std::string client;
  bool has_failed = false;

 private:
  StreamEncoder* encoder_;
};

/// Feeds the pieces; the last line tells how the stream ended.
Result<> run_stream(StreamDecoder& decoder, std::initializer_list<std::string_view> pieces,
                    Recorder& recorder) {
  const auto feed_all = [&]() -> Result<> {
    for (const auto piece : pieces) {
      if (!piece.empty()) WEIR_TRY(decoder.feed(piece, recorder));
    }
    return decoder.end(recorder);
  };
  const auto fed = feed_all();
  json::Writer json(recorder.lines);
  json.begin_object();
  if (fed) {
    json.member("type", "end");
    json.member("complete", decoder.is_complete()).member("terminated", decoder.is_terminated());
  } else {
    json.member("type", "failed").member("code", traits(fed.error().code).name);
  }
  json.end_object();
  recorder.lines.push_back('\n');
  return fed;
}

std::unique_ptr<StreamDecoder> make_decoder(const Codec& codec, const Case& wire_case) {
  return codec.make_stream_decoder(wire_case.quirks(), event_bytes_max_default);
}

void check_stream(const Case& wire_case, const Codec& codec, const std::string& file) {
  const std::string text = wire_case.text(file).value_or("");
  const std::string_view whole = text;
  ASSERT_FALSE(whole.empty());
  Recorder at_once;
  static_cast<void>(run_stream(*make_decoder(codec, wire_case), {whole}, at_once));
  wire_case.expect_text("events.jsonl", at_once.lines);

  for (std::size_t cut = 1; cut < whole.size(); ++cut) {
    Recorder recorder;
    static_cast<void>(run_stream(*make_decoder(codec, wire_case),
                                 {whole.substr(0, cut), whole.substr(cut)}, recorder));
    ASSERT_EQ(at_once.lines, recorder.lines) << "cut at byte " << cut;
  }
  Recorder byte_by_byte;
  const auto decoder = make_decoder(codec, wire_case);
  bool is_lost = false;
  for (std::size_t i = 0; i + 1 < whole.size() && !is_lost; ++i) {
    is_lost = !decoder->feed(whole.substr(i, 1), byte_by_byte);
  }
  if (!is_lost) {
    static_cast<void>(run_stream(*decoder, {whole.substr(whole.size() - 1)}, byte_by_byte));
    ASSERT_EQ(at_once.lines, byte_by_byte.lines) << "fed byte by byte";
  } else {
    ASSERT_NE(at_once.lines.find("\"failed\""), std::string::npos) << "lost byte by byte only";
  }
}

void check_stream_to(const Case& wire_case, const Codec& codec, const Codec& target,
                     const std::string& file, const std::string& expected) {
  const StreamOptions options{
      .id = "weir-1", .model = "weir-model", .created = 1790000000, .wants_usage = true};
  const auto encoder = target.make_stream_encoder(options);
  const auto decoder = make_decoder(codec, wire_case);
  Recorder recorder(encoder.get());
  const auto fed = run_stream(*decoder, {wire_case.text(file).value_or("")}, recorder);
  if (fed && decoder->is_complete()) {
    encoder->finish(recorder.client);
  } else if (!recorder.has_failed) {
    encoder->fail(Error(ErrorCode::upstream_error, "the stream broke off"), "req_1",
                  recorder.client);
  }
  wire_case.expect_text(expected, recorder.client);
}

void check_fault(const Case& wire_case) {
  const int status = std::atoi(wire_case.text("fault.status").value_or("0").c_str());
  const auto fault = read_fault(status, wire_case.text("fault.body").value_or(""));
  wire_case.expect_json("fault.expected.json", fault_text(fault));
}

/// The codec of the dialect in `name`, a file called <stem><dialect><suffix>; nothing for another
/// file, and for a dialect there is none of.
const Codec* codec_in(std::string_view name, std::string_view stem, std::string_view suffix) {
  if (!name.starts_with(stem) || !name.ends_with(suffix)) return nullptr;
  return find_codec(name.substr(stem.size(), name.size() - stem.size() - suffix.size()));
}

bool is_companion(std::string_view file) {
  constexpr std::array<std::string_view, 9> names{"request.encoded.json",
                                                  "request.encoded.dropped",
                                                  "request.error",
                                                  "response.encoded.json",
                                                  "events.jsonl",
                                                  "fault.status",
                                                  "fault.expected.json",
                                                  "options",
                                                  "source.md"};
  return std::find(names.begin(), names.end(), file) != names.end() ||
         codec_in(file, "request.to-", ".dropped") != nullptr;
}

/// Runs the check that `file` asks for by being there. False for a file that asks for none and goes
/// with none: a misspelt name must not pass for a check.
bool check_file(const Case& wire_case, const Codec& codec, const std::string& file) {
  SCOPED_TRACE(file);
  const std::string upstream =
      wire_case.has("upstream.ndjson") ? "upstream.ndjson" : "upstream.sse";
  if (file == "request.json") return check_request(wire_case, codec), true;
  if (file == "response.json") return check_response(wire_case, codec, codec), true;
  if (file == upstream) return check_stream(wire_case, codec, file), true;
  if (file == "fault.body") return check_fault(wire_case), true;
  for (const std::string_view suffix : {".json", ".error"}) {
    const Codec* target = codec_in(file, "request.to-", suffix);
    if (target != nullptr) return check_request_to(wire_case, codec, *target), true;
  }
  if (const Codec* target = codec_in(file, "response.to-", ".json")) {
    return check_response(wire_case, codec, *target), true;
  }
  for (const std::string_view suffix : {".sse", ".ndjson"}) {
    const Codec* target = codec_in(file, "stream.to-", suffix);
    if (target != nullptr) return check_stream_to(wire_case, codec, *target, upstream, file), true;
  }
  return is_companion(file);
}

class WireCase : public testing::TestWithParam<fs::path> {};

TEST_P(WireCase, Holds) {
  const fs::path& folder = GetParam();
  const Codec* codec = find_codec(folder.parent_path().filename().string());
  ASSERT_NE(codec, nullptr) << "the folder is named after no dialect";
  const Case wire_case(folder);
  EXPECT_TRUE(wire_case.has("source.md")) << "a case names its source";
  EXPECT_TRUE(wire_case.has("request.json") || wire_case.has("response.json") ||
              wire_case.has("upstream.sse") || wire_case.has("upstream.ndjson") ||
              wire_case.has("fault.body"))
      << "a case without input";
  std::vector<std::string> files;
  for (const auto& entry : fs::directory_iterator(folder)) {
    files.push_back(entry.path().filename().string());
  }
  for (const auto& file : files) {
    EXPECT_TRUE(check_file(wire_case, *codec, file)) << file << " is no file of a case";
  }
}

std::vector<fs::path> case_folders() {
  std::vector<fs::path> folders;
  for (const auto& dialect : fs::directory_iterator(WEIR_SOURCE_DIR)) {
    if (!dialect.is_directory()) continue;
    for (const auto& entry : fs::directory_iterator(dialect.path())) {
      if (entry.is_directory()) folders.push_back(entry.path());
    }
  }
  std::sort(folders.begin(), folders.end());
  return folders;
}

std::string case_name(const testing::TestParamInfo<fs::path>& info) {
  std::string name =
      info.param.parent_path().filename().string() + "_" + info.param.filename().string();
  for (char& c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0) c = '_';
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(All, WireCase, testing::ValuesIn(case_folders()), case_name);

}  // namespace
}  // namespace weir::wire::cases
