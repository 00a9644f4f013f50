// SPDX-License-Identifier: Apache-2.0
#include <string>

#include <gtest/gtest.h>

#include "wire/data_url.hpp"

namespace weir::wire {
namespace {

TEST(DataUrl, SplitsIntoTypeAndDataAndLeavesParametersOut) {
  const auto parts = split_data_url("DATA:image/png;name=a.png;base64,iVBORw0KGgo=");
  ASSERT_TRUE(parts.has_value());
  EXPECT_EQ(parts->mime, "image/png");
  EXPECT_EQ(parts->data, "iVBORw0KGgo=");
  EXPECT_EQ(split_data_url("data:;base64,YQ==")->mime, "");
}

TEST(DataUrl, AnythingButBase64IsRefused) {
  for (const auto* url : {"", "data:", "data:text/plain,hi", "data:image/png;base64", "https://x/y",
                          "data:base64,YQ=="}) {
    EXPECT_FALSE(split_data_url(url).has_value()) << url;
  }
}

TEST(DataUrl, AnUnknownTypeIsNotLeftToTheDefaultOfTextPlain) {
  std::string out;
  append_data_url(out, "", "YQ==");
  EXPECT_EQ(out, "data:application/octet-stream;base64,YQ==");
}

TEST(ImageMime, KnowsTheFourCommonSignatures) {
  EXPECT_EQ(image_mime("iVBORw0KGgo="), "image/png");
  EXPECT_EQ(image_mime("/9j/4AAQ"), "image/jpeg");
  EXPECT_EQ(image_mime("R0lGODlh"), "image/gif");
  EXPECT_EQ(image_mime("UklGRiQAAABXRUJQ"), "image/webp");
  EXPECT_EQ(image_mime("AAAA"), "");
  EXPECT_EQ(image_mime(""), "");
}

}  // namespace
}  // namespace weir::wire
