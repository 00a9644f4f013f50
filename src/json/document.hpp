// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/assert.hpp"
#include "base/recycled.hpp"
#include "weir/result.hpp"

namespace weir::json {

enum class Kind : std::uint8_t { null, boolean, number, string, array, object };

/// "null", "boolean", ... as used in messages.
std::string_view name(Kind kind) noexcept;

struct ParseLimits {
  std::uint32_t depth_max = 64;
  std::size_t number_chars_max = 64;
};

class Document;
struct Member;
class ElementRange;
class MemberRange;

/// One value inside a `Document`: a view, cheap to copy, valid until the document is parsed anew,
/// moved or destroyed, and as long as the text it was parsed from.
class Value {
 public:
  Value() = default;

  [[nodiscard]] inline Kind kind() const noexcept;
  [[nodiscard]] bool is_null() const noexcept { return kind() == Kind::null; }
  [[nodiscard]] bool is_string() const noexcept { return kind() == Kind::string; }
  [[nodiscard]] bool is_object() const noexcept { return kind() == Kind::object; }
  [[nodiscard]] bool is_array() const noexcept { return kind() == Kind::array; }
  [[nodiscard]] bool is_number() const noexcept { return kind() == Kind::number; }
  [[nodiscard]] bool is_boolean() const noexcept { return kind() == Kind::boolean; }

  /// The exact bytes of this value in the text, quotes and brackets included.
  [[nodiscard]] inline std::string_view raw() const noexcept;
  /// Where `raw()` starts in the text.
  [[nodiscard]] std::size_t offset() const noexcept;

  /// Precondition: a boolean.
  [[nodiscard]] bool as_bool() const noexcept;
  /// The number if it is whole and fits (1, 1.0 and 1e2 are whole); otherwise nothing.
  [[nodiscard]] std::optional<std::int64_t> as_int() const noexcept;
  /// Precondition: a number. Always finite.
  [[nodiscard]] double as_double() const noexcept;

  /// The string without its escapes. Precondition: a string.
  [[nodiscard]] std::string as_string() const;
  /// The same without a copy where the text has no escape; `scratch` holds it otherwise.
  [[nodiscard]] std::string_view as_string_view(std::string& scratch) const;
  /// Precondition: a string. True when the text writes some of it with a backslash.
  [[nodiscard]] inline bool has_escape() const noexcept;
  /// Appends the unescaped string to `out`.
  void append_string_to(std::string& out) const;
  /// True for a string with exactly this content.
  [[nodiscard]] inline bool equals(std::string_view content) const;

  /// Number of elements or members. 0 for scalars.
  [[nodiscard]] inline std::size_t size() const noexcept;
  /// Precondition: an array.
  [[nodiscard]] inline ElementRange elements() const noexcept;
  /// Precondition: an object.
  [[nodiscard]] inline MemberRange members() const noexcept;
  /// The first member called `key`; nothing when absent or when this is no object.
  [[nodiscard]] inline std::optional<Value> find(std::string_view key) const;

 private:
  [[nodiscard]] bool equals_unescaped(std::string_view content) const;
  friend class Document;
  friend class ElementRange;
  friend class MemberRange;
  Value(const Document* document, std::uint32_t index) : document_(document), index_(index) {}

  const Document* document_ = nullptr;
  std::uint32_t index_ = 0;
};

struct Member {
  Value key;  ///< a string
  Value value;
};

class ElementRange {
 public:
  class iterator {
   public:
    Value operator*() const { return {document_, index_}; }
    inline iterator& operator++();
    bool operator==(const iterator& other) const { return index_ == other.index_; }

   private:
    friend class ElementRange;
    iterator(const Document* document, std::uint32_t index) : document_(document), index_(index) {}
    const Document* document_;
    std::uint32_t index_;
  };
  [[nodiscard]] iterator begin() const { return {document_, first_}; }
  [[nodiscard]] iterator end() const { return {document_, end_}; }

 private:
  friend class Value;
  ElementRange(const Document* document, std::uint32_t first, std::uint32_t end)
      : document_(document), first_(first), end_(end) {}
  const Document* document_;
  std::uint32_t first_;
  std::uint32_t end_;
};

class MemberRange {
 public:
  class iterator {
   public:
    inline Member operator*() const;
    inline iterator& operator++();
    bool operator==(const iterator& other) const { return index_ == other.index_; }

   private:
    friend class MemberRange;
    iterator(const Document* document, std::uint32_t index) : document_(document), index_(index) {}
    const Document* document_;
    std::uint32_t index_;
  };
  [[nodiscard]] iterator begin() const { return {document_, first_}; }
  [[nodiscard]] iterator end() const { return {document_, end_}; }

 private:
  friend class Value;
  MemberRange(const Document* document, std::uint32_t first, std::uint32_t end)
      : document_(document), first_(first), end_(end) {}
  const Document* document_;
  std::uint32_t first_;
  std::uint32_t end_;
};

/// A JSON text, validated whole in one pass and indexed: RFC 8259 to the letter, valid UTF-8, no
/// unpaired surrogate escapes, finite numbers, bounded depth.
///
/// The text itself is never changed or copied; values point into it. What policy reads here and
/// what is sent on is therefore the same text.
///
/// simdjson's first stage finds the structure and checks UTF-8; the walk over every token is ours,
/// because simdjson's On-Demand reader does not check what it skips.
class Document {
 public:
  Document() = default;
  Document(const Document&) = delete;
  Document& operator=(const Document&) = delete;
  Document(Document&&) noexcept = default;
  Document& operator=(Document&&) noexcept = default;

  /// Parses `text`, which must outlive the values. Reuses memory of the last parse.
  ///
  /// Errors: `invalid_json` with the byte offset in the message. Cost: one pass, about 24 bytes of
  /// index per value.
  Result<> parse(std::string_view text, const ParseLimits& limits = {});

  /// Precondition: the last `parse` succeeded.
  [[nodiscard]] Value root() const noexcept { return {this, 0}; }
  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  friend class Value;
  friend class ElementRange;
  friend class MemberRange;
  struct Node {
    std::uint32_t begin;  ///< offset of the first byte
    std::uint32_t end;    ///< offset past the last byte
    std::uint32_t next;   ///< index of the node after this value and all inside it
    std::uint32_t count;  ///< elements or members
    Kind kind;
    bool has_escape;  ///< strings only
  };
  class Walker;

  std::string_view text_;
  struct GiveBack {
    GiveBack() noexcept : GiveBack(0) {}
    explicit GiveBack(std::size_t nodes) noexcept : capacity(nodes) {}
    std::size_t capacity;
    void operator()(Node* nodes) const noexcept { give_back(nodes, capacity * sizeof(Node)); }
  };
  /// In the order of the text; uninitialised past the last.
  std::unique_ptr<Node[], GiveBack> nodes_;
};

// What decoders call for every member of every object, so it is worth inlining.

Kind Value::kind() const noexcept { return document_->nodes_[index_].kind; }

std::string_view Value::raw() const noexcept {
  const auto& node = document_->nodes_[index_];
  return {document_->text_.data() + node.begin, node.end - node.begin};
}

bool Value::has_escape() const noexcept { return document_->nodes_[index_].has_escape; }

bool Value::equals(std::string_view content) const {
  const auto& node = document_->nodes_[index_];
  if (node.kind != Kind::string) return false;
  if (node.has_escape) return equals_unescaped(content);
  const std::size_t size = node.end - node.begin - 2;
  return size == content.size() &&
         std::string_view(document_->text_.data() + node.begin + 1, size) == content;
}

std::size_t Value::size() const noexcept { return document_->nodes_[index_].count; }

ElementRange Value::elements() const noexcept {
  WEIR_ASSERT(is_array());
  return {document_, index_ + 1, document_->nodes_[index_].next};
}

MemberRange Value::members() const noexcept {
  WEIR_ASSERT(is_object());
  return {document_, index_ + 1, document_->nodes_[index_].next};
}

ElementRange::iterator& ElementRange::iterator::operator++() {
  index_ = document_->nodes_[index_].next;
  return *this;
}

Member MemberRange::iterator::operator*() const {
  return {Value(document_, index_), Value(document_, index_ + 1)};
}

MemberRange::iterator& MemberRange::iterator::operator++() {
  index_ = document_->nodes_[index_ + 1].next;
  return *this;
}

std::optional<Value> Value::find(std::string_view key) const {
  if (document_ == nullptr || !is_object()) return std::nullopt;
  const Document::Node* const nodes = document_->nodes_.get();
  const char* const text = document_->text_.data();
  const std::uint32_t end = nodes[index_].next;
  for (std::uint32_t i = index_ + 1; i != end; i = nodes[i + 1].next) {
    const Document::Node& name = nodes[i];
    if (name.has_escape) {
      if (Value(document_, i).equals_unescaped(key)) return Value(document_, i + 1);
    } else if (name.end - name.begin == key.size() + 2 &&
               std::char_traits<char>::compare(text + name.begin + 1, key.data(), key.size()) ==
                   0) {
      return Value(document_, i + 1);
    }
  }
  return std::nullopt;
}

}  // namespace weir::json
