// SPDX-License-Identifier: Apache-2.0
#include "server/redactor.hpp"

#include <gtest/gtest.h>

namespace weir::server {
namespace {

TEST(Redactor, G3LeavesOfAConfiguredSecretOnlyItsEnds) {
  Redactor redactor;
  redactor.set_secrets({"plain-secret-with-no-prefix"});
  EXPECT_EQ(redactor.clean("a=plain-secret-with-no-prefix,b=plain-secret-with-no-prefix."),
            "a=plain…efix,b=plain…efix.");
}

TEST(Redactor, G3HidesTheLongerSecretWhole) {
  Redactor redactor;
  redactor.set_secrets({"shared-begin-1", "shared-begin-1-and-the-rest"});
  EXPECT_EQ(redactor.clean("shared-begin-1-and-the-rest"), "share…rest");
}

// Upstream error texts quote keys that we don't have configured, for example the client's own.
TEST(Redactor, G3KnowsKeysByTheirLook) {
  const Redactor redactor;
  EXPECT_EQ(redactor.clean("Incorrect API key provided: sk-proj-abcdefghijklmnop1234."),
            "Incorrect API key provided: sk-…1234.");
}

TEST(Redactor, LeavesOrdinaryTextAlone) {
  const Redactor redactor;
  for (const char* text : {"sk-learn is no key", "the risk-averse-strategy-of-everyone-else",
                           "model gpt-4.1-2025-04-14 at openai", ""}) {
    EXPECT_EQ(redactor.clean(text), text);
  }
}

TEST(Redactor, PassesOverSecretsThatAreShorterThanWords) {
  Redactor redactor;
  redactor.set_secrets({"a", "", "test"});
  EXPECT_EQ(redactor.clean("a test"), "a test");
}

TEST(Redactor, TakesOutPeopleWhereItIsToldTo) {
  const std::string text = "ann@example.com, 4111 1111 1111 1111, +49 30 901820";
  const Redactor people(policy::PersonalKinds::all());
  EXPECT_EQ(people.clean(text), "[email], [card], [phone]");
  EXPECT_EQ(Redactor().clean(text), text);
  for (const char* plain :
       {"127.0.0.1:37575", "req_4521lc46vhj1sambfkv41cb0", "2026-11-21T11:59:35"}) {
    EXPECT_EQ(people.clean(plain), plain);
  }
}

}  // namespace
}  // namespace weir::server
