// SPDX-License-Identifier: Apache-2.0
#include "config/environment.hpp"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

TEST(Environment, EmptyCountsAsNotSet) {
  const Environment environment{{"A", "1"}, {"B", ""}};
  EXPECT_EQ(environment.get("A"), "1");
  EXPECT_EQ(environment.get("B"), std::nullopt);
  EXPECT_EQ(environment.get("C"), std::nullopt);
}

TEST(EnvFile, UnderstandsTheUsualForms) {
  Environment environment;
  ASSERT_TRUE(environment.add_env_file(".env",
                                       "# keys\n\nA=1\nexport B = two words # comment\nC='a # "
                                       "b'\nD=\"x\\ny\\\"\" # c\nE=\r\nF=a#b"));
  EXPECT_EQ(environment.get("A"), "1");
  EXPECT_EQ(environment.get("B"), "two words");
  EXPECT_EQ(environment.get("C"), "a # b");
  EXPECT_EQ(environment.get("D"), "x\ny\"");
  EXPECT_EQ(environment.get("E"), std::nullopt);
  EXPECT_EQ(environment.get("F"), "a#b");
}

TEST(EnvFile, DoesNotReplaceWhatIsSet) {
  Environment environment{{"A", "typed"}};
  ASSERT_TRUE(environment.add_env_file(".env", "A=file\n"));
  EXPECT_EQ(environment.get("A"), "typed");
}

// The line may be a key that lost its name.
TEST(EnvFile, NamesTheLineButNeverRepeatsIt) {
  Environment environment;
  const auto added = environment.add_env_file(".env", "A=1\nsk-secret\n");
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().message, ".env:2: expected NAME=value");
  EXPECT_FALSE(environment.add_env_file(".env", "A='open\n"));
  EXPECT_FALSE(environment.add_env_file(".env", "1A=x\n"));
}

}  // namespace
}  // namespace weir::config
