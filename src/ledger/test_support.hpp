// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ledger/record.hpp"

namespace weir::ledger {

/// A call with something in every member.
inline CallRecord full_call() {
  AttemptRecord first;
  first.number = 1;
  first.target = "openai/gpt-5";
  first.provider = "openai";
  first.model = "gpt-5-2026";
  first.failure = "cut";
  first.recovered_by = 2;
  first.started_ms = 1'790'000'000'000;
  first.ended_ms = 1'790'000'001'000;
  first.flags = flag::estimated | flag::charged;
  first.usage.input = 1000;
  first.usage.output = 20;
  first.cost_nanousd = 1'250'000;
  AttemptRecord second = first;
  second.number = 2;
  second.recovered_by = 0;
  second.failure = "ok";
  second.exposure_nanousd = 5;
  second.windows = {"provider:openai:month:2026-11"};
  CallRecord call;
  call.request_id = "req-0123456789";
  call.key = "k1";
  call.user = "ann";
  call.team = "blue";
  call.organisation = "acme";
  call.tags = {"a", "b"};
  call.task = "quick_decision";
  call.priority = 2;
  call.endpoint = "chat";
  call.model = "smart";
  call.route = "smart";
  call.target = "openai/gpt-5";
  call.provider = "openai";
  call.started_ms = first.started_ms;
  call.ended_ms = 1'790'000'002'000;
  call.first_content_ms = 120;
  call.outcome = Outcome::completed;
  call.error = "upstream_error";
  call.flags = flag::stream | flag::estimated;
  call.source = UsageSource::mixed;
  call.usage.input = 2000;
  call.usage.input_cache_read = 3;
  call.usage.output = 40;
  call.usage.output_reasoning = 7;
  call.usage.cost_nanousd = 12;
  call.cost_nanousd = 2'500'000;
  call.exposure_nanousd = 5;
  call.windows = {"key:k1:day:2026-11-21"};
  call.price_version = "2026-11-01";
  call.attempts = {first, second};
  return call;
}

}  // namespace weir::ledger
