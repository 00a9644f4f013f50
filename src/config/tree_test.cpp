// SPDX-License-Identifier: Apache-2.0
#include "config/tree.hpp"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

Node parse(std::string_view text) {
  std::vector<Problem> problems;
  Node node = parse_tree("weir.yaml", text, problems);
  EXPECT_TRUE(problems.empty()) << problems.front().message();
  return node;
}

std::string first_problem(std::string_view text) {
  std::vector<Problem> problems;
  parse_tree("weir.yaml", text, problems);
  return problems.empty() ? "none" : problems.front().message();
}

TEST(Tree, KnowsTheLineOfEveryValue) {
  const Node root = parse("listen: a\nlog:\n  level: info\n");
  EXPECT_EQ(root.find("listen")->place(), "weir.yaml:1");
  EXPECT_EQ(root.find("log")->find("level")->place(), "weir.yaml:3");
  EXPECT_EQ(root.find("nothing"), nullptr);
}

TEST(Tree, ReadsJsonToo) {
  const Node root = parse(R"({"listen": "a:1", "keys": ["x", "y"], "threads": 2})");
  EXPECT_EQ(root.find("listen")->text, "a:1");
  EXPECT_EQ(root.find("keys")->items.size(), 2u);
  EXPECT_EQ(to_json(root), R"({"listen":"a:1","keys":["x","y"],"threads":2})");
}

TEST(Tree, AnEmptyFileIsAnEmptyMap) {
  EXPECT_EQ(parse("").kind, Node::Kind::map);
  EXPECT_EQ(parse("# nothing but a comment\n").kind, Node::Kind::map);
}

// yaml-cpp keeps the first of them in silence, so the operator would never learn of the second.
TEST(Tree, RefusesAKeyThatOccursTwice) {
  EXPECT_EQ(first_problem("listen: a\nlog:\n  level: info\nlisten: b\n"),
            "weir.yaml:4: the key 'listen' is there twice; first in line 1");
  EXPECT_EQ(first_problem(R"({"a": 1, "a": 2})"),
            "weir.yaml:1: the key 'a' is there twice; first in line 1");
}

TEST(Tree, TellsWhereTheSyntaxIsBroken) {
  EXPECT_TRUE(first_problem("listen: [a\nthreads: 2\n").starts_with("weir.yaml:"));
  EXPECT_TRUE(first_problem("a: b: c\n").starts_with("weir.yaml:1"));
  EXPECT_NE(first_problem("a: 1\n---\nb: 2\n"), "none");
  EXPECT_NE(first_problem("a: !shell rm\n"), "none");
  EXPECT_NE(first_problem("? [a, b]\n: c\n"), "none");
}

TEST(Tree, FollowsAliases) {
  const Node root = parse("a: &x {level: info}\nb: *x\n");
  EXPECT_EQ(root.find("b")->find("level")->text, "info");
  EXPECT_EQ(root.find("b")->place(), "weir.yaml:2");
}

// "Billion laughs": nine lines that would become gigabytes.
TEST(Tree, BoundsWhatAliasesCanGrowTo) {
  std::string text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 10; ++i) {
    const std::string name = "a" + std::to_string(i);
    const std::string last = "*a" + std::to_string(i - 1);
    text += name + ": &" + name + " [";
    for (int k = 0; k < 10; ++k) text += last + (k == 9 ? "" : ", ");
    text += "]\n";
  }
  EXPECT_NE(first_problem(text).find("too big"), std::string::npos);
}

TEST(Tree, BoundsTheDepth) {
  EXPECT_EQ(first_problem(std::string(31, '[') + std::string(31, ']')), "none");
  EXPECT_NE(first_problem(std::string(33, '[') + std::string(33, ']')), "none");
  EXPECT_NE(first_problem(std::string(100'000, '[')), "none");
  std::string chain = "a0: &a0 [x]\n";
  for (int i = 1; i < 200; ++i) {
    const std::string number = std::to_string(i);
    chain += "a" + number + ": &a" + number + " [*a" + std::to_string(i - 1) + "]\n";
  }
  EXPECT_NE(first_problem(chain), "none");
}

TEST(Tree, AnOverlayMergesMapsAndReplacesTheRest) {
  Node base = parse("listen: a\nkeys: [x, y]\nlog: {level: info, format: json}\n");
  merge(base, parse("keys: [z]\nlog: {level: debug}\nthreads: 2\n"));
  EXPECT_EQ(to_json(base),
            R"({"listen":"a","keys":["z"],"log":{"level":"debug","format":"json"},"threads":2})");
}

TEST(Tree, QuotedTextStaysTextInJson) {
  EXPECT_EQ(to_json(parse("a: '1'\nb: 1\nc: true\nd: yes\ne:\nf: 1.50\n")),
            R"({"a":"1","b":1,"c":true,"d":"yes","e":null,"f":1.50})");
}

}  // namespace
}  // namespace weir::config
