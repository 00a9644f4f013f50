// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "json/document.hpp"
#include "json/object_reader.hpp"
#include "json/writer.hpp"
#include "wire/canonical.hpp"
#include "wire/members.hpp"

/// Content blocks, both directions: what requests and answers have in common.
namespace weir::wire::anthropic {

/// Reads the blocks of one turn, one after the other, into canonical items.
class TurnReader {
 public:
  /// Precondition: `items` and `problem` outlive the reader.
  TurnReader(Role role, std::vector<Item>& items, json::Problem& problem)
      : role_(role), items_(items), problem_(problem), first_(items.size()) {}

  /// `content`: a string or an array of blocks.
  void read_content(json::Value content, const json::Path& path);
  /// Members of the message object that nothing else reads.
  void keep_members(const json::ObjectReader& message);

 private:
  void read_block(json::Value block, const json::Path& path);
  bool read_model_block(std::string_view type, json::Value block, const json::Path& path);
  /// The message that takes the next part: the turn's last item, or a new one.
  Message& message();

  Role role_;
  std::vector<Item>& items_;
  json::Problem& problem_;
  std::size_t first_;      ///< index of the turn's first item
  std::string call_seal_;  ///< of the tool call that comes next
};

/// Text, images and documents become parts of their kind, other blocks opaque ones.
Part read_part(json::Value block, const json::Path& path, json::Problem& problem);

/// Writes a text, refusal, image or file part as a block, with the members that came along as far
/// as `taken` has them. Precondition: the part is of these kinds and has data, a link or an id.
void write_part(json::Writer& json, const Part& part, Taken taken);

/// Writes a thinking or redacted_thinking block.
void write_reasoning(json::Writer& json, const Reasoning& reasoning, bool keeps_extra);

}  // namespace weir::wire::anthropic
