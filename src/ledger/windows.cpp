// SPDX-License-Identifier: Apache-2.0
#include "ledger/windows.hpp"

#include <string_view>
#include <utility>

#include "ledger/reader.hpp"
#include "policy/failure.hpp"

namespace weir::ledger {
namespace {

constexpr std::string_view of_all = "global:";

void add(policy::WindowUse& use, std::int64_t requests, const wire::Usage& usage,
         std::int64_t nanousd) {
  use.requests += requests;
  use.input_tokens += usage.input_total();
  use.output_tokens += usage.output_total();
  use.nanousd += nanousd;
}

}  // namespace

void add_windows(const CallRecord& call, const UseOf& use_of) {
  for (const std::string& id : call.windows) {
    // S-11.9: of the client's side only the whole counts what nobody is charged.
    const bool is_of_all = id.starts_with(of_all);
    add(use_of(id), 1, call.usage, call.cost_nanousd + (is_of_all ? call.exposure_nanousd : 0));
  }
  for (const AttemptRecord& attempt : call.attempts) {
    const bool was_sent = attempt.failure != policy::name(policy::FailureClass::local);
    for (const std::string& id : attempt.windows) {
      add(use_of(id), was_sent ? 1 : 0, attempt.usage,
          attempt.cost_nanousd + attempt.exposure_nanousd);
    }
  }
}

Result<WindowUses> window_uses(store::SpoolFiles& files, const std::string& data_directory,
                               std::int64_t since_ms) {
  WEIR_TRY_ASSIGN(from, position_of(files, data_directory, since_ms));
  WEIR_TRY_ASSIGN(reader, Reader::open(files, data_directory, std::move(from)));
  WindowUses uses;
  const UseOf use_of = [&](const std::string& id) -> policy::WindowUse& { return uses[id]; };
  for (;;) {
    WEIR_TRY_ASSIGN(next, reader.next());
    if (!next) return uses;
    add_windows(next->call, use_of);
  }
}

}  // namespace weir::ledger
