// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/shared_text.hpp"
#include "wire/canonical.hpp"

/// What the ledger writes down of every call, and how it looks in a file.
///
/// A record stands in its segment as: length of the payload (u32) · CRC-32C of everything after it
/// (u32) · sequence number (u64) · kind (u8) · payload, padded to 8 bytes; all little-endian. The
/// length is written last, so that a record is there as a whole or not at all, whenever the process
/// ends. Within a payload numbers are varints and texts carry their length; later versions add
/// members at the end, which older readers pass over.
namespace weir::ledger {

/// How a call ended (S-11.2). The numbers stand in files.
enum class Outcome : std::uint8_t {
  completed = 1,
  failed = 2,
  aborted_upstream = 3,
  cancelled_client = 4,
  shutdown = 5,
  unknown = 6,  ///< the process ended before the call did
};
std::string_view name(Outcome outcome) noexcept;
std::optional<Outcome> parse_outcome(std::string_view text) noexcept;

/// Where the token counts come from (S-11.1). The numbers stand in files.
enum class UsageSource : std::uint8_t {
  none = 0,       ///< nothing was used
  reported = 1,   ///< by the provider
  estimated = 2,  ///< by the gateway
  mixed = 3,      ///< some attempts this way, some that
};
std::string_view name(UsageSource source) noexcept;

/// Bits of `BasicCall::flags` and `BasicAttempt::flags`.
namespace flag {
inline constexpr std::uint32_t estimated = 1U << 0U;  ///< not all counts come from the provider
inline constexpr std::uint32_t stream = 1U << 1U;     ///< of a call: it asked for a stream
inline constexpr std::uint32_t cached = 1U << 2U;     ///< answered from a cache or a replay
inline constexpr std::uint32_t odd_usage = 1U
                                           << 3U;    ///< the provider's figures look wrong (S-11.8)
inline constexpr std::uint32_t hedge = 1U << 4U;     ///< of an attempt: started beside another
inline constexpr std::uint32_t charged = 1U << 5U;   ///< of an attempt: to the client
inline constexpr std::uint32_t replay = 1U << 6U;    ///< of a call: it repeated an earlier one
inline constexpr std::uint32_t unpriced = 1U << 7U;  ///< a price was assumed or missing (U-5)
inline constexpr std::uint32_t price_told = 1U << 8U;        ///< of an attempt: by the provider
inline constexpr std::uint32_t impossible_usage = 1U << 9U;  ///< the provider's told (S-11.8)
/// Those that a call has when one of its charged attempts has them.
inline constexpr std::uint32_t of_usage = odd_usage | impossible_usage | unpriced | price_told;
}  // namespace flag

/// Records own their texts; what is written is viewed where it stands.
struct Owned {
  using Text = std::string;
  using Texts = std::vector<std::string>;
};
struct Viewed {
  using Text = std::string_view;
  using Texts = TextsView;
};

/// One attempt at a target (S-11.4: found again by request id and number).
template <class Storage>
struct BasicAttempt {
  std::int64_t number = 0;             ///< from 1
  typename Storage::Text target = {};  ///< as shown: provider/model
  typename Storage::Text provider = {};
  typename Storage::Text model = {};    ///< the id on the wire
  typename Storage::Text failure = {};  ///< class of failure; `ok`
  std::int64_t recovered_by = 0;  ///< the attempt that went on with this one's stream; 0 = none
  std::int64_t started_ms = 0;    ///< Unix time
  std::int64_t ended_ms = 0;      ///< Unix time; 0 = it had not when its process did
  std::uint32_t flags = 0;
  wire::Usage usage = {};
  std::int64_t cost_nanousd = 0;
  std::int64_t exposure_nanousd = 0;     ///< what the provider may charge us besides
  typename Storage::Texts windows = {};  ///< of its target and provider, as it began

  [[nodiscard]] bool has(std::uint32_t bit) const { return (flags & bit) != 0; }
  bool operator==(const BasicAttempt&) const = default;
};
using AttemptRecord = BasicAttempt<Owned>;
using AttemptView = BasicAttempt<Viewed>;

struct OwnedCall : Owned {
  using Attempts = std::vector<AttemptRecord>;
};
struct ViewedCall : Viewed {
  using Attempts = std::span<const AttemptView>;
};

/// One call: whose it was, what it asked for, how it ended, what it took.
template <class Storage>
struct BasicCall {
  typename Storage::Text request_id = {};  ///< the key of the row
  typename Storage::Text key = {};  ///< public id of the client key; empty: none was asked for
  typename Storage::Text user = {};
  typename Storage::Text team = {};
  typename Storage::Texts tags = {};
  typename Storage::Text task = {};
  std::int64_t priority = 1;             ///< 0 low, 1 normal, 2 high, 3 critical
  typename Storage::Text endpoint = {};  ///< what was asked for: chat, embeddings, ...
  typename Storage::Text model = {};     ///< the name that was asked for
  typename Storage::Text route = {};     ///< what that meant
  typename Storage::Text target = {};    ///< that gave the answer, or failed last
  typename Storage::Text provider = {};
  std::int64_t started_ms = 0;  ///< Unix time
  std::int64_t ended_ms = 0;
  std::int64_t first_content_ms = 0;  ///< after the start; 0 = none came
  Outcome outcome = Outcome::unknown;
  typename Storage::Text error = {};  ///< stable code; empty: none
  std::uint32_t flags = 0;
  UsageSource source = UsageSource::none;
  wire::Usage usage = {};  ///< charged to the client, over all attempts
  std::int64_t cost_nanousd = 0;
  std::int64_t exposure_nanousd = 0;
  typename Storage::Texts windows = {};  ///< ids of its client's windows as of admission (S-11.5)
  typename Storage::Text price_version = {};
  typename Storage::Attempts attempts = {};
  typename Storage::Text organisation = {};  ///< of the team

  [[nodiscard]] bool has(std::uint32_t bit) const { return (flags & bit) != 0; }
  bool operator==(const BasicCall&) const = default;
};
using CallRecord = BasicCall<OwnedCall>;
using CallView = BasicCall<ViewedCall>;

/// What a record is. The numbers stand in files.
enum class Kind : std::uint8_t {
  intent = 1,      ///< the call is about to be tried; a CallRecord without an end
  checkpoint = 2,  ///< what one attempt has taken so far; an AttemptRecord
  settlement = 3,  ///< how the call ended; a CallRecord
  end = 4,         ///< nothing follows in this stream of segments
};

/// A record takes no more room than this with its frame; texts and lists are cut so that it fits.
inline constexpr std::size_t record_bytes_max = 32 * 1024;
inline constexpr std::size_t frame_bytes = 17;

/// Write a record with its frame to `room` and answer how many bytes it takes, padding included.
/// Precondition: `room` has `record_bytes_max` bytes and is aligned to 8. Cost: no allocation.
std::size_t write_call(std::span<char> room, Kind kind, std::uint64_t sequence,
                       const CallView& call);
std::size_t write_checkpoint(std::span<char> room, std::uint64_t sequence,
                             std::string_view request_id, const AttemptView& attempt);
std::size_t write_end(std::span<char> room, std::uint64_t sequence);

/// `record` for the functions above. `attempts` is where the views of its attempts are kept.
CallView view_of(const CallRecord& record, std::vector<AttemptView>& attempts);
AttemptView view_of(const AttemptRecord& record);

/// A record as it stands in a file; views into that.
struct Frame {
  Kind kind = Kind::end;
  std::uint64_t sequence = 0;
  std::string_view payload;
  std::size_t size = 0;  ///< with frame and padding
};

/// The record that `bytes` begins with. Nothing when there is none, when it is not whole, or when
/// it was damaged.
std::optional<Frame> read_frame(std::string_view bytes);
/// The payload of an intent or a settlement. Nothing when it says what can't be.
std::optional<CallRecord> read_call(std::string_view payload);
/// The same into a record whose texts and lists keep their room, for those who read many. False:
/// `call` is good for nothing but being read into again.
bool read_call(std::string_view payload, CallRecord& call);
struct Checkpoint {
  std::string request_id;
  AttemptRecord attempt;
};
std::optional<Checkpoint> read_checkpoint(std::string_view payload);

}  // namespace weir::ledger
