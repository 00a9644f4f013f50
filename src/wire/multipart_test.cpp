// SPDX-License-Identifier: Apache-2.0
#include "wire/multipart.hpp"

#include <gtest/gtest.h>

namespace weir::wire {
namespace {

const std::string upload =
    "--b-1\r\n"
    "Content-Disposition: form-data; name=\"file\"; filename=\"a.wav\"\r\n"
    "Content-Type: audio/wav\r\n"
    "\r\n"
    "RIFF\r\n--b-\r\r\n--b-0\r\n\r\n"
    "\r\n--b-1\r\n"
    "content-disposition:form-data;name=model\r\n"
    "\r\n"
    "whisper-1"
    "\r\n--b-1\r\n"
    "Content-Disposition: form-data; name=\"prompt\"\r\n"
    "\r\n"
    "\r\n--b-1--\r\n";

struct Scanned {
  std::vector<FormPart> parts;
  std::string error;
};

Scanned scan(std::string_view body, std::size_t first, std::size_t stride,
             MultipartLimits limits = {}) {
  MultipartScanner scanner("b-1", limits);
  std::size_t size = first;
  while (!body.empty()) {
    const auto fed = scanner.feed(body.substr(0, size));
    if (!fed) return {{}, fed.error().message};
    body.remove_prefix(std::min(size, body.size()));
    size = stride;
  }
  const auto ended = scanner.finish();
  return {scanner.parts(), ended ? std::string() : ended.error().message};
}

std::string error_of(std::string_view body, MultipartLimits limits = {}) {
  const auto whole = scan(body, body.size(), 1, limits);
  EXPECT_EQ(scan(body, 1, 1, limits).error, whole.error);
  return whole.error;
}

std::string form(std::string_view header, std::string_view value = "v") {
  return "--b-1\r\n" + std::string(header) + "\r\n\r\n" + std::string(value) + "\r\n--b-1--";
}

const std::string plain_header = "Content-Disposition: form-data; name=\"a\"";

TEST(MultipartScanner, TellsWhereEachValueStandsAndKeepsShortFields) {
  const auto scanned = scan(upload, upload.size(), 1);
  ASSERT_EQ(scanned.error, "");
  ASSERT_EQ(scanned.parts.size(), 3U);
  const FormPart& file = scanned.parts[0];
  EXPECT_EQ(file.name, "file");
  EXPECT_TRUE(file.is_file);
  EXPECT_EQ(file.value, "");
  EXPECT_EQ(upload.substr(file.offset, file.size), "RIFF\r\n--b-\r\r\n--b-0\r\n\r\n");
  const FormPart& model = scanned.parts[1];
  EXPECT_EQ(model.name, "model");
  EXPECT_FALSE(model.is_file);
  EXPECT_EQ(model.value, "whisper-1");
  EXPECT_EQ(upload.substr(model.offset, model.size), "whisper-1");
  EXPECT_TRUE(model.is_whole());
  EXPECT_EQ(scanned.parts[2].size, 0U);
}

TEST(MultipartScanner, FindsTheSamePartsHoweverTheBodyIsCut) {
  const auto whole = scan(upload, upload.size(), 1);
  for (std::size_t first = 1; first < upload.size(); ++first) {
    for (const std::size_t stride : {std::size_t{1}, std::size_t{7}, upload.size()}) {
      const auto cut = scan(upload, first, stride);
      ASSERT_EQ(cut.error, "") << first;
      ASSERT_EQ(cut.parts.size(), whole.parts.size()) << first;
      for (std::size_t i = 0; i < whole.parts.size(); ++i) {
        EXPECT_EQ(cut.parts[i].name, whole.parts[i].name);
        EXPECT_EQ(cut.parts[i].offset, whole.parts[i].offset);
        EXPECT_EQ(cut.parts[i].size, whole.parts[i].size);
        EXPECT_EQ(cut.parts[i].value, whole.parts[i].value);
      }
    }
  }
}

TEST(MultipartScanner, CountsALongFieldButKeepsOnlyItsBeginning) {
  const std::string value(5000, 'x');
  const auto scanned = scan(form(plain_header, value), 1000, 1000);
  ASSERT_EQ(scanned.error, "");
  EXPECT_EQ(scanned.parts[0].size, value.size());
  EXPECT_EQ(scanned.parts[0].value.size(), MultipartLimits{}.value_bytes_kept_max);
  EXPECT_FALSE(scanned.parts[0].is_whole());
}

// A body that was cut off must never pass for a whole one: the upstream would read it to its end.
TEST(MultipartScanner, RefusesABodyCutAnywhereBeforeItsLastBoundary) {
  const std::size_t end = upload.find("--b-1--") + 7;
  for (std::size_t size = 0; size < end; ++size) {
    EXPECT_NE(error_of(std::string_view(upload).substr(0, size)), "") << size;
  }
  EXPECT_EQ(error_of(std::string_view(upload).substr(0, end)), "");
}

TEST(MultipartScanner, RefusesWhatTwoReadersCouldTakeForTwoForms) {
  const std::string good = form(plain_header);
  ASSERT_EQ(error_of(good), "");
  EXPECT_NE(error_of("preamble\r\n" + good), "");
  EXPECT_NE(error_of("\r\n" + good), "");
  EXPECT_NE(error_of(good + "\r\nepilogue"), "");
  EXPECT_NE(error_of(form("Content-Type: text/plain")), "") << "no disposition";
  EXPECT_NE(error_of(form("Content-Disposition: form-data")), "") << "no name";
  EXPECT_NE(error_of(form("Content-Disposition: attachment; name=\"a\"")), "");
  EXPECT_NE(error_of(form(plain_header + "; name=\"b\"")), "") << "two names";
  EXPECT_NE(error_of(form(plain_header + "; name*=utf-8''b")), "");
  EXPECT_NE(error_of(form("Content-Disposition: form-data; name=\"mo\\del\"")), "");
  EXPECT_NE(error_of(form(plain_header + "\r\n" + plain_header)), "") << "two dispositions";
  EXPECT_NE(error_of(form(plain_header + "\r\n folded: line")), "");
  EXPECT_NE(error_of(form(plain_header + "\nX-Bare: line feed")), "");
  EXPECT_NE(error_of(form(plain_header + "\r\nContent-Transfer-Encoding: base64")), "");
  EXPECT_NE(error_of(form(plain_header + " junk")), "");
  EXPECT_NE(error_of(form("Content-Disposition: form-data; name=\"a")), "") << "open quote";
  EXPECT_NE(error_of("--b-1 \r\n" + plain_header + "\r\n\r\nv\r\n--b-1--"), "") << "padding";
}

TEST(MultipartScanner, TakesAFileNameWithBackslashesAndQuotes) {
  const auto scanned = scan(form(plain_header + R"(; filename="C:\\voice \"1\".wav")"), 1, 1);
  ASSERT_EQ(scanned.error, "");
  EXPECT_TRUE(scanned.parts[0].is_file);
}

TEST(MultipartScanner, LimitsHeadersAndParts) {
  const std::string header = plain_header + "\r\nX-Pad: ";
  const std::size_t framing = header.size() + 4;
  const MultipartLimits limits{.parts_max = 2, .header_bytes_max = 200};
  EXPECT_EQ(error_of(form(header + std::string(200 - framing, 'x')), limits), "");
  EXPECT_NE(error_of(form(header + std::string(201 - framing, 'x')), limits), "");

  const std::string part = "--b-1\r\n" + plain_header + "\r\n\r\nv\r\n";
  EXPECT_EQ(error_of(part + part + "--b-1--", limits), "");
  EXPECT_NE(error_of(part + part + part + "--b-1--", limits), "");
}

TEST(FormBoundary, IsReadFromTheContentType) {
  const auto boundary_of = [](std::string_view text) {
    const auto read = read_form_boundary(text);
    return read && *read ? **read : std::string(read ? "-" : "refused");
  };
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=abc"), "abc");
  EXPECT_EQ(boundary_of("Multipart/Form-Data; charset=utf-8; Boundary=\"a b:c\""), "a b:c");
  EXPECT_EQ(boundary_of("application/json"), "-");
  EXPECT_EQ(boundary_of("multipart/mixed; boundary=abc"), "-");
  EXPECT_EQ(boundary_of("multipart/form-data"), "refused");
  EXPECT_EQ(boundary_of("multipart/form-data; boundary="), "refused");
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=\"\""), "refused");
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=a; boundary=b"), "refused");
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=\"a\r\nb\""), "refused");
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=\"a \""), "refused");
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=" + std::string(70, 'a')),
            std::string(70, 'a'));
  EXPECT_EQ(boundary_of("multipart/form-data; boundary=" + std::string(71, 'a')), "refused");
}

TEST(FormBoundary, IsWrittenSoThatItReadsTheSame) {
  for (const std::string boundary : {"abc-1", "a b:c", "----WebKitFormBoundary7MA4YWxk"}) {
    const auto read = read_form_boundary(form_content_type(boundary));
    ASSERT_TRUE(read && *read);
    EXPECT_EQ(**read, boundary);
  }
  EXPECT_EQ(form_content_type("abc-1"), "multipart/form-data; boundary=abc-1");
}

}  // namespace
}  // namespace weir::wire
