// SPDX-License-Identifier: Apache-2.0
#include "ledger/record.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstring>
#include <utility>

#include "base/assert.hpp"
#include "base/crc32c.hpp"

namespace weir::ledger {
namespace {

constexpr std::size_t text_bytes_max = 256;
constexpr std::size_t list_count_max = 32;
constexpr std::size_t attempts_max = 255;
constexpr std::size_t crc_offset = 4;
constexpr std::size_t sequence_offset = 8;
constexpr std::size_t kind_offset = 16;
constexpr std::size_t alignment = 8;
static_assert(kind_offset + 1 == frame_bytes);

constexpr std::uint64_t version = 1;

using Counts = std::array<std::int64_t wire::Usage::*, 14>;
/// In the order of their bits; new ones at the end.
constexpr Counts counts{&wire::Usage::input,
                        &wire::Usage::input_cache_read,
                        &wire::Usage::input_cache_write,
                        &wire::Usage::input_cache_write_1h,
                        &wire::Usage::output,
                        &wire::Usage::output_reasoning,
                        &wire::Usage::input_audio,
                        &wire::Usage::output_audio,
                        &wire::Usage::accepted_prediction,
                        &wire::Usage::rejected_prediction,
                        &wire::Usage::audio_ms,
                        &wire::Usage::search_units,
                        &wire::Usage::input_image,
                        &wire::Usage::output_image};
constexpr std::uint64_t stated_cost_bit = std::uint64_t{1} << counts.size();

/// Small numbers of either sign in few bytes.
constexpr std::uint64_t zigzag(std::int64_t value) {
  return (static_cast<std::uint64_t>(value) << 1U) ^ static_cast<std::uint64_t>(value >> 63);
}
constexpr std::int64_t unzigzag(std::uint64_t value) {
  return static_cast<std::int64_t>(value >> 1U) ^ -static_cast<std::int64_t>(value & 1U);
}

template <class Number>
void store(char* at, Number number) {
  std::memcpy(at, &number, sizeof number);
}
template <class Number>
Number load(const char* at) {
  Number number{};
  std::memcpy(&number, at, sizeof number);
  return number;
}

/// At most so many bytes of `text`, without half a character.
std::string_view cut(std::string_view text) {
  if (text.size() <= text_bytes_max) return text;
  std::size_t size = text_bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xc0U) == 0x80U) --size;
  return text.substr(0, size);
}

// ---- writing ----------------------------------------------------------------------------------

/// Writes without looking: `record_bytes_max` is more than all that is cut can take, and
/// `put_attempts` looks after what is not.
class Encoder {
 public:
  explicit Encoder(std::span<char> room) : begin_(room.data()), at_(room.data() + frame_bytes) {}

  void put(std::uint64_t number) {
    for (; number >= 0x80U; number >>= 7U) *at_++ = static_cast<char>(number | 0x80U);
    *at_++ = static_cast<char>(number);
  }
  void put_signed(std::int64_t number) { put(zigzag(number)); }
  void put_byte(std::size_t number) { *at_++ = static_cast<char>(number); }
  void put_text(std::string_view text) {
    text = cut(text);
    put(text.size());
    if (!text.empty()) std::memcpy(at_, text.data(), text.size());
    at_ += text.size();
  }
  void put_texts(TextsView texts) {
    const std::size_t count = std::min(texts.size(), list_count_max);
    put(count);
    for (std::size_t i = 0; i < count; ++i) put_text(texts[i]);
  }
  void put_usage(const wire::Usage& usage) {
    std::uint64_t mask = usage.cost_nanousd ? stated_cost_bit : 0;
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (usage.*counts[i] != 0) mask |= std::uint64_t{1} << i;
    }
    put(mask);
    for (const auto count : counts) {
      if (usage.*count != 0) put_signed(usage.*count);
    }
    if (usage.cost_nanousd) put_signed(*usage.cost_nanousd);
  }
  void put_attempt(const AttemptView& attempt) {
    put_signed(attempt.number);
    put_text(attempt.target);
    put_text(attempt.provider);
    put_text(attempt.model);
    put_text(attempt.failure);
    put_signed(attempt.recovered_by);
    put_signed(attempt.started_ms);
    put_signed(attempt.ended_ms);
    put(attempt.flags);
    put_usage(attempt.usage);
    put_signed(attempt.cost_nanousd);
    put_signed(attempt.exposure_nanousd);
    put_texts(attempt.windows);
  }
  void put_attempts(std::span<const AttemptView> attempts) {
    char* const count = at_++;
    std::size_t written = 0;
    while (written < std::min(attempts.size(), attempts_max) && has_room_for(attempts[written])) {
      // Each begins with its size, so that later versions can add to it.
      char* const size = at_;
      at_ += sizeof(std::uint16_t);
      put_attempt(attempts[written++]);
      store(size, static_cast<std::uint16_t>(at_ - size - sizeof(std::uint16_t)));
    }
    *count = static_cast<char>(written);
  }

  [[nodiscard]] std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }

 private:
  [[nodiscard]] bool has_room_for(const AttemptView& attempt) const {
    std::size_t bytes_max = 4 * (text_bytes_max + 2) + 21 * 10 + 2;
    const std::size_t windows = std::min(attempt.windows.size(), list_count_max);
    for (std::size_t i = 0; i < windows; ++i) {
      bytes_max += std::min(attempt.windows[i].size(), text_bytes_max) + 2;
    }
    const std::size_t rest = text_bytes_max + 2 + alignment;  // what a call has behind its attempts
    return size() + bytes_max + rest <= record_bytes_max;
  }

  char* begin_;
  char* at_;
};

/// Puts the frame around a payload that is in its place.
std::size_t seal(std::span<char> room, Kind kind, std::uint64_t sequence, std::size_t size) {
  char* const begin = room.data();
  const std::size_t padded = (size + alignment - 1) / alignment * alignment;
  WEIR_ASSERT(padded <= record_bytes_max);
  store(begin + sequence_offset, sequence);
  begin[kind_offset] = static_cast<char>(kind);
  const std::string_view covered(begin + sequence_offset, size - sequence_offset);
  store(begin + crc_offset, crc32c(covered));
  // Whoever reads the file meanwhile, or after our end, finds no length or a whole record.
  std::uint32_t& length = *reinterpret_cast<std::uint32_t*>(begin);
  std::atomic_ref(length).store(static_cast<std::uint32_t>(size - frame_bytes),
                                std::memory_order_release);
  return padded;
}

// ---- reading ----------------------------------------------------------------------------------

class Decoder {
 public:
  explicit Decoder(std::string_view bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  [[nodiscard]] bool is_ok() const { return is_ok_; }
  [[nodiscard]] bool has_more() const { return at_ != end_; }
  void fail() {
    is_ok_ = false;
    at_ = end_;
  }

  std::uint64_t get() {
    if (at_ != end_ && (static_cast<unsigned char>(*at_) & 0x80U) == 0) {
      return static_cast<unsigned char>(*at_++);
    }
    return get_long();
  }
  std::uint64_t get_long() {
    std::uint64_t number = 0;
    for (unsigned shift = 0; shift < 64 && at_ != end_; shift += 7) {
      const auto byte = static_cast<unsigned char>(*at_++);
      number |= std::uint64_t{byte & 0x7fU} << shift;
      if ((byte & 0x80U) == 0) return number;
    }
    fail();
    return 0;
  }
  std::int64_t get_signed() { return unzigzag(get()); }
  std::string_view get_bytes(std::uint64_t size) {
    if (size > static_cast<std::size_t>(end_ - at_)) {
      fail();
      return {};
    }
    const std::string_view bytes(at_, size);
    at_ += size;
    return bytes;
  }
  void get(std::string& text) {
    const std::string_view bytes = get_bytes(get());
    // Calls resemble each other, and where the size stays, assigning does much that isn't needed.
    if (text.size() == bytes.size()) {
      std::copy(bytes.begin(), bytes.end(), text.begin());
    } else {
      text = bytes;
    }
  }
  void get(std::vector<std::string>& texts) {
    const std::uint64_t count = get();
    std::size_t read = 0;
    for (; read < count && is_ok_; ++read) {
      if (read == texts.size()) texts.emplace_back();
      get(texts[read]);
    }
    texts.resize(read);
  }
  wire::Usage get_usage() {
    wire::Usage usage;
    const std::uint64_t mask = get();
    for (std::uint64_t bits = mask & (stated_cost_bit - 1); bits != 0; bits &= bits - 1) {
      usage.*counts[static_cast<std::size_t>(std::countr_zero(bits))] = get_signed();
    }
    if ((mask & stated_cost_bit) != 0) usage.cost_nanousd = get_signed();
    return usage;
  }
  void get(AttemptRecord& attempt) {
    attempt.number = get_signed();
    get(attempt.target);
    get(attempt.provider);
    get(attempt.model);
    get(attempt.failure);
    attempt.recovered_by = get_signed();
    attempt.started_ms = get_signed();
    attempt.ended_ms = get_signed();
    attempt.flags = static_cast<std::uint32_t>(get());
    attempt.usage = get_usage();
    attempt.cost_nanousd = get_signed();
    attempt.exposure_nanousd = get_signed();
    if (at_ == end_) {
      attempt.windows.clear();  // earlier versions wrote none
    } else {
      get(attempt.windows);
    }
  }
  void get(std::vector<AttemptRecord>& attempts) {
    const std::string_view byte = get_bytes(1);
    const std::size_t count = byte.empty() ? 0 : static_cast<unsigned char>(byte[0]);
    std::size_t read = 0;
    for (; read < count; ++read) {
      const std::string_view size = get_bytes(sizeof(std::uint16_t));
      if (size.empty()) break;
      Decoder one(get_bytes(load<std::uint16_t>(size.data())));
      if (read == attempts.size()) attempts.emplace_back();
      one.get(attempts[read]);
      if (!one.is_ok()) fail();
    }
    attempts.resize(read);
  }

 private:
  const char* at_;
  const char* end_;
  bool is_ok_ = true;
};

struct OutcomeName {
  Outcome outcome;
  std::string_view name;
};
constexpr std::array outcome_names{OutcomeName{Outcome::completed, "completed"},
                                   OutcomeName{Outcome::failed, "failed"},
                                   OutcomeName{Outcome::aborted_upstream, "aborted_upstream"},
                                   OutcomeName{Outcome::cancelled_client, "cancelled_client"},
                                   OutcomeName{Outcome::shutdown, "shutdown"},
                                   OutcomeName{Outcome::unknown, "unknown"}};

}  // namespace

std::string_view name(Outcome outcome) noexcept {
  for (const OutcomeName& row : outcome_names) {
    if (row.outcome == outcome) return row.name;
  }
  return "unknown";
}

std::optional<Outcome> parse_outcome(std::string_view text) noexcept {
  for (const OutcomeName& row : outcome_names) {
    if (row.name == text) return row.outcome;
  }
  return std::nullopt;
}

std::string_view name(UsageSource source) noexcept {
  switch (source) {
    case UsageSource::none:
      return "none";
    case UsageSource::reported:
      return "reported";
    case UsageSource::estimated:
      return "estimated";
    case UsageSource::mixed:
      return "mixed";
  }
  return "none";
}

std::size_t write_call(std::span<char> room, Kind kind, std::uint64_t sequence,
                       const CallView& call) {
  WEIR_ASSERT(room.size() >= record_bytes_max);
  Encoder out(room);
  out.put(version);
  out.put_text(call.request_id);
  out.put_text(call.key);
  out.put_text(call.user);
  out.put_text(call.team);
  out.put_texts(call.tags);
  out.put_text(call.task);
  out.put_signed(call.priority);
  out.put_text(call.endpoint);
  out.put_text(call.model);
  out.put_text(call.route);
  out.put_text(call.target);
  out.put_text(call.provider);
  out.put_signed(call.started_ms);
  out.put_signed(call.ended_ms);
  out.put_signed(call.first_content_ms);
  out.put_byte(static_cast<std::size_t>(call.outcome));
  out.put_text(call.error);
  out.put(call.flags);
  out.put_byte(static_cast<std::size_t>(call.source));
  out.put_usage(call.usage);
  out.put_signed(call.cost_nanousd);
  out.put_signed(call.exposure_nanousd);
  out.put_texts(call.windows);
  out.put_text(call.price_version);
  out.put_attempts(call.attempts);
  if (!call.organisation.empty()) out.put_text(call.organisation);
  return seal(room, kind, sequence, out.size());
}

std::size_t write_checkpoint(std::span<char> room, std::uint64_t sequence,
                             std::string_view request_id, const AttemptView& attempt) {
  WEIR_ASSERT(room.size() >= record_bytes_max);
  Encoder out(room);
  out.put(version);
  out.put_text(request_id);
  out.put_attempt(attempt);
  return seal(room, Kind::checkpoint, sequence, out.size());
}

std::size_t write_end(std::span<char> room, std::uint64_t sequence) {
  WEIR_ASSERT(room.size() >= record_bytes_max);
  Encoder out(room);
  out.put(version);  // a record has a payload, since a length of zero is none
  return seal(room, Kind::end, sequence, out.size());
}

std::optional<Frame> read_frame(std::string_view bytes) {
  if (bytes.size() < frame_bytes) return std::nullopt;
  const auto length = load<std::uint32_t>(bytes.data());
  if (length == 0 || length > record_bytes_max - frame_bytes) return std::nullopt;
  const std::size_t size = frame_bytes + length;
  const std::size_t padded = (size + alignment - 1) / alignment * alignment;
  if (padded > bytes.size()) return std::nullopt;
  const std::string_view covered = bytes.substr(sequence_offset, size - sequence_offset);
  if (crc32c(covered) != load<std::uint32_t>(bytes.data() + crc_offset)) return std::nullopt;
  Frame frame;
  frame.kind = static_cast<Kind>(bytes[kind_offset]);
  frame.sequence = load<std::uint64_t>(bytes.data() + sequence_offset);
  frame.payload = bytes.substr(frame_bytes, length);
  frame.size = padded;
  return frame;
}

bool read_call(std::string_view payload, CallRecord& call) {
  Decoder in(payload);
  if (in.get() < version) return false;
  in.get(call.request_id);
  in.get(call.key);
  in.get(call.user);
  in.get(call.team);
  in.get(call.tags);
  in.get(call.task);
  call.priority = in.get_signed();
  in.get(call.endpoint);
  in.get(call.model);
  in.get(call.route);
  in.get(call.target);
  in.get(call.provider);
  call.started_ms = in.get_signed();
  call.ended_ms = in.get_signed();
  call.first_content_ms = in.get_signed();
  const std::string_view outcome = in.get_bytes(1);
  if (!outcome.empty()) call.outcome = static_cast<Outcome>(outcome[0]);
  in.get(call.error);
  call.flags = static_cast<std::uint32_t>(in.get());
  const std::string_view source = in.get_bytes(1);
  if (!source.empty()) call.source = static_cast<UsageSource>(source[0]);
  call.usage = in.get_usage();
  call.cost_nanousd = in.get_signed();
  call.exposure_nanousd = in.get_signed();
  in.get(call.windows);
  in.get(call.price_version);
  in.get(call.attempts);
  if (in.has_more()) {
    in.get(call.organisation);
  } else {
    call.organisation.clear();
  }
  return in.is_ok();
}

std::optional<CallRecord> read_call(std::string_view payload) {
  std::optional<CallRecord> call(std::in_place);
  if (!read_call(payload, *call)) call.reset();
  return call;
}

std::optional<Checkpoint> read_checkpoint(std::string_view payload) {
  Decoder in(payload);
  if (in.get() < version) return std::nullopt;
  Checkpoint checkpoint;
  in.get(checkpoint.request_id);
  in.get(checkpoint.attempt);
  if (!in.is_ok()) return std::nullopt;
  return checkpoint;
}

AttemptView view_of(const AttemptRecord& record) {
  AttemptView view;
  view.number = record.number;
  view.target = record.target;
  view.provider = record.provider;
  view.model = record.model;
  view.failure = record.failure;
  view.recovered_by = record.recovered_by;
  view.started_ms = record.started_ms;
  view.ended_ms = record.ended_ms;
  view.flags = record.flags;
  view.usage = record.usage;
  view.cost_nanousd = record.cost_nanousd;
  view.exposure_nanousd = record.exposure_nanousd;
  view.windows = record.windows;
  return view;
}

CallView view_of(const CallRecord& record, std::vector<AttemptView>& attempts) {
  attempts.clear();
  for (const AttemptRecord& attempt : record.attempts) attempts.push_back(view_of(attempt));
  CallView view;
  view.request_id = record.request_id;
  view.key = record.key;
  view.user = record.user;
  view.team = record.team;
  view.tags = record.tags;
  view.task = record.task;
  view.priority = record.priority;
  view.endpoint = record.endpoint;
  view.model = record.model;
  view.route = record.route;
  view.target = record.target;
  view.provider = record.provider;
  view.started_ms = record.started_ms;
  view.ended_ms = record.ended_ms;
  view.first_content_ms = record.first_content_ms;
  view.outcome = record.outcome;
  view.error = record.error;
  view.flags = record.flags;
  view.source = record.source;
  view.usage = record.usage;
  view.cost_nanousd = record.cost_nanousd;
  view.exposure_nanousd = record.exposure_nanousd;
  view.windows = record.windows;
  view.price_version = record.price_version;
  view.attempts = attempts;
  view.organisation = record.organisation;
  return view;
}

}  // namespace weir::ledger
