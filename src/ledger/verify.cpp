// SPDX-License-Identifier: Apache-2.0
#include "ledger/verify.hpp"

#include <algorithm>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "base/hash.hpp"
#include "ledger/segment.hpp"
#include "ledger/segment_reader.hpp"
#include "wire/usage_sum.hpp"

namespace weir::ledger {
namespace {

/// I-3: what a call cost is what its charged attempts cost.
bool has_right_sums(const CallRecord& call) {
  std::int64_t cost = 0;
  std::int64_t exposure = 0;
  wire::Usage usage;
  for (const AttemptRecord& attempt : call.attempts) {
    exposure += attempt.exposure_nanousd;
    if (!attempt.has(flag::charged)) continue;
    cost += attempt.cost_nanousd;
    usage = wire::sum(usage, attempt.usage);
  }
  usage.cost_nanousd = call.usage.cost_nanousd;  // known of the whole only when known of each part
  return cost == call.cost_nanousd && exposure == call.exposure_nanousd && usage == call.usage;
}

bool is_negative(const wire::Usage& usage) {
  return usage.input < 0 || usage.input_cache_read < 0 || usage.input_cache_write < 0 ||
         usage.input_cache_write_1h < 0 || usage.output < 0 || usage.output_reasoning < 0 ||
         usage.audio_ms < 0 || usage.search_units < 0;
}

bool is_negative(const CallRecord& call) {
  return call.cost_nanousd < 0 || call.exposure_nanousd < 0 || is_negative(call.usage);
}

class Verifier {
 public:
  Verifier(store::SpoolFiles& files, std::string folder)
      : files_(files), folder_(std::move(folder)) {}

  Result<Verification> run() {
    WEIR_TRY_ASSIGN(segments, list_segments(files_, folder_));
    std::map<std::uint64_t, std::vector<SegmentName>> streams;
    for (const SegmentName& name : segments) streams[name.stream].push_back(name);
    for (const auto& [stream, names] : streams) read_stream(names);
    std::sort(settled_.begin(), settled_.end());
    for (std::size_t i = 1; i < settled_.size(); ++i) {
      if (settled_[i] == settled_[i - 1]) ++found_.settlements_doubled;
    }
    return found_;
  }

 private:
  struct Stream {
    std::uint64_t next_sequence = 0;
    bool is_over = false;
    std::set<std::uint64_t> open;  ///< hashes of the ids
  };

  void read_stream(const std::vector<SegmentName>& names) {
    ++found_.streams;
    Stream stream;
    for (const SegmentName& name : names) {
      ++found_.segments;
      if (!read_segment(name, stream)) ++found_.segments_unreadable;
    }
    (stream.is_over ? found_.settlements_missing : found_.under_way) += stream.open.size();
  }

  Result<SegmentReader> open(SegmentName name) {
    auto reader = SegmentReader::open(files_, folder_, name);
    if (reader || reader.error().code != ErrorCode::route_unknown) return reader;
    WEIR_TRY_ASSIGN(segments, list_segments(files_, folder_));  // it was closed or packed since
    for (const SegmentName& other : segments) {
      if (other.number == name.number && other.stream == name.stream) name = other;
    }
    return SegmentReader::open(files_, folder_, name);
  }

  Result<> read_segment(const SegmentName& name, Stream& stream) {
    WEIR_TRY_ASSIGN(reader, open(name));
    for (;;) {
      WEIR_TRY_ASSIGN(record, reader.next());
      if (record) {
        take(record->frame, stream);
        continue;
      }
      const std::uint64_t unreadable = reader.bytes_unreadable();
      WEIR_TRY_ASSIGN(goes_on, reader.skip_damage(stream.next_sequence));
      // What is torn at the end of a segment was never acknowledged.
      const bool is_torn = !goes_on && name.state == SegmentName::State::open;
      if (!is_torn) found_.bytes_unreadable += reader.bytes_unreadable() - unreadable;
      if (!goes_on) return {};
    }
  }

  void take(const Frame& frame, Stream& stream) {
    if (frame.sequence < stream.next_sequence) return;
    if (stream.next_sequence > 0) {
      found_.records_missing += frame.sequence - stream.next_sequence;
    }
    stream.next_sequence = frame.sequence + 1;
    ++found_.records;
    if (frame.kind == Kind::end) stream.is_over = true;
    if (frame.kind != Kind::intent && frame.kind != Kind::settlement) return;
    const auto call = read_call(frame.payload);
    if (!call) {
      found_.bytes_unreadable += frame.size;
      return;
    }
    const std::uint64_t id = mixed(hash_of(call->request_id));
    if (frame.kind == Kind::intent) {
      stream.open.insert(id);
      return;
    }
    stream.open.erase(id);
    settled_.push_back(id);
    ++found_.calls;
    found_.cost_nanousd += call->cost_nanousd;
    found_.exposure_nanousd += call->exposure_nanousd;
    if (!has_right_sums(*call)) ++found_.sums_wrong;
    if (is_negative(*call)) ++found_.negative;
  }

  store::SpoolFiles& files_;
  std::string folder_;
  Verification found_;
  std::vector<std::uint64_t> settled_;  ///< hashes of the ids
};

}  // namespace

Result<Verification> verify(store::SpoolFiles& files, const std::string& data_directory) {
  return Verifier(files, folder_of(data_directory)).run();
}

}  // namespace weir::ledger
