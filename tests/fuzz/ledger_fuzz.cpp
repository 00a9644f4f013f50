// SPDX-License-Identifier: Apache-2.0
//
// The ledger's records against arbitrary bytes: whatever a file holds, it is refused or read within
// its bounds, and what is read can be written again and is then read as the same.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/assert.hpp"
#include "ledger/record.hpp"

namespace weir::ledger {
namespace {

void fuzz_payload(std::string_view payload) {
  static_cast<void>(read_checkpoint(payload));
  const auto call = read_call(payload);
  if (!call) return;
  // Lists and texts that are too long are cut when they are written: the second time changes
  // nothing any more.
  alignas(8) static std::array<char, record_bytes_max> room;
  std::vector<AttemptView> attempts;
  const auto rewritten = [&](const CallRecord& record) {
    const std::size_t size = write_call(room, Kind::settlement, 1, view_of(record, attempts));
    const auto frame = read_frame({room.data(), size});
    WEIR_ASSERT(frame.has_value());
    const auto read = read_call(frame->payload);
    WEIR_ASSERT(read.has_value());
    return *read;
  };
  const CallRecord once = rewritten(*call);
  WEIR_ASSERT(rewritten(once) == once);
}

void fuzz_ledger(std::string_view input) {
  if (const auto frame = read_frame(input)) {
    WEIR_ASSERT(frame->size <= input.size());
    fuzz_payload(frame->payload);
  }
  // Hardly any input has the right checksum.
  fuzz_payload(input);
}

}  // namespace
}  // namespace weir::ledger

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  weir::ledger::fuzz_ledger({reinterpret_cast<const char*>(data), size});
  return 0;
}
