// SPDX-License-Identifier: Apache-2.0
#include "admin/failover_view.hpp"

#include "json/writer.hpp"

namespace weir::admin {

std::string failovers_json(const shared_state::Failovers& failovers) {
  std::string out;
  json::Writer json(out);
  json.begin_object().key("failovers").begin_array();
  for (const shared_state::FailoverCount& row : failovers.list()) {
    json.begin_object().member("route", row.route).member("from", row.from).member("to", row.to);
    json.member("why", policy::name(row.failure)).member("kind", shared_state::name(row.kind));
    json.member("count", static_cast<std::int64_t>(row.count)).end_object();
  }
  json.end_array().key("degradations").begin_array();
  for (const shared_state::DegradationCount& row : failovers.degradations()) {
    json.begin_object().member("route", row.route).member("to", row.to);
    json.member("count", static_cast<std::int64_t>(row.count)).end_object();
  }
  json.end_array().end_object();
  return out;
}

}  // namespace weir::admin
