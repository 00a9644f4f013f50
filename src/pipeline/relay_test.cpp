// SPDX-License-Identifier: Apache-2.0
#include "pipeline/relay.hpp"

#include <memory>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

namespace weir::pipeline {
namespace {

using wire::Dialect;

std::unique_ptr<Relay> relay_between(Dialect upstream, Dialect client, bool wants_usage = false) {
  const RelayOptions options{.client = client,
                             .upstream = upstream,
                             .request_id = "req_1",
                             .model = "m",
                             .created = 7,
                             .wants_stream_usage = wants_usage};
  return upstream == client ? make_passthrough_relay(options) : make_translating_relay(options);
}

// Some servers put the failure into the event's type and write any object as its data.
TEST(PassthroughRelay, TakesAnEventOfTypeErrorForAFault) {
  const auto relay = relay_between(Dialect::openai_chat, Dialect::openai_chat);
  std::string out;
  ASSERT_TRUE(
      relay->feed("event: error\ndata: {\"message\":\"out of memory\",\"code\":503}\n\n", out));
  ASSERT_TRUE(relay->facts().fault);
  EXPECT_EQ(relay->facts().fault->message, "out of memory");
  EXPECT_EQ(relay->facts().fault->status, 503);
  EXPECT_EQ(out, "") << "a client must not read it as an answer";
}

TEST(PassthroughRelay, TakesPlainTextInAnErrorEventForAFaultToo) {
  const auto relay = relay_between(Dialect::openai_chat, Dialect::openai_chat);
  std::string out;
  ASSERT_TRUE(relay->feed("event: error\ndata: overloaded\n\n", out));
  ASSERT_TRUE(relay->facts().fault);
  EXPECT_EQ(relay->facts().fault->message, "overloaded");
}

}  // namespace
}  // namespace weir::pipeline
