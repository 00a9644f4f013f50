// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "json/document.hpp"
#include "weir/result.hpp"

/// Conversations that the server of this format keeps for its clients.
namespace weir::wire::responses {

/// What a request wants of a server that keeps state.
struct StateWishes {
  bool store = true;        ///< the answer is to be kept
  bool background = false;  ///< the answer is to be made while the client does not wait
  std::string previous_response_id;
};
/// Errors: `invalid_request`.
Result<StateWishes> read_state_wishes(json::Value request);

/// The items that a request adds to its conversation, as a JSON array; an `input` that is a string
/// becomes a message.
std::string added_items(json::Value request);

/// One exchange that was kept.
struct Turn {
  std::string_view input;     ///< as `added_items` gave it
  std::string_view response;  ///< the `response` object
};

/// The text of `request` with the items of `turns`, oldest first, before its own, and continuing no
/// response any more. Turns that are no JSON are left out.
std::string with_turns(json::Value request, std::span<const Turn> turns);
/// How many items `with_turns` has put before those of `request` in `expanded`.
std::size_t items_before(json::Value request, json::Value expanded);
/// The path in the request of what stands at `path` of what `with_turns` made of it. What came from
/// earlier turns the client has said by naming the response.
std::string own_path(const std::string& path, std::size_t items_before);

/// The ids of `item_reference`s to items of answers that we made ourselves; those of others mean
/// something to their own server only.
std::vector<std::string> referenced_items(json::Value request);
/// The id of the answer that an item of ours belongs to.
std::string answer_of_item(std::string_view item_id);
/// The item `id` of `response`, as JSON; empty: there is none.
std::string find_output_item(std::string_view response, std::string_view id);

struct KeptItem {
  std::string id;
  std::string json;
};
/// The text of `request` with `items` in the place of the references to them.
std::string with_items(json::Value request, std::span<const KeptItem> items);

/// Which of a list's entries are wanted.
struct PageWishes {
  std::size_t limit = 20;
  bool is_ascending = false;
  std::string after;  ///< id of the entry before the first wanted
};
/// Appends the list that `GET /responses/{id}/input_items` answers with. Items without an id get
/// one from their place and `response_id`.
void append_input_items(std::string_view input, std::string_view response_id,
                        const PageWishes& wishes, std::string& out);

}  // namespace weir::wire::responses
