// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.hpp"

/// How each type of setting is read from text and written back. `read_value` gives the reason when
/// the text doesn't fit, as a phrase that follows "must be"; `show_value` writes what it would
/// read.
namespace weir::config {

/// Bounds of a number, in the unit it is stored in (milliseconds, bytes, permille).
struct Range {
  std::int64_t min = 0;
  std::int64_t max = std::numeric_limits<std::int64_t>::max();
};

/// Nothing: the text was read. Else what it must be.
using Mismatch = std::optional<std::string>;

Mismatch read_value(std::string_view text, std::string& out, Range range);
Mismatch read_value(std::string_view text, bool& out, Range range);
Mismatch read_value(std::string_view text, std::int64_t& out, Range range);
Mismatch read_value(std::string_view text, milliseconds& out, Range range);
Mismatch read_value(std::string_view text, ByteSize& out, Range range);
Mismatch read_value(std::string_view text, Ratio& out, Range range);
Mismatch read_value(std::string_view text, NanoUsd& out, Range range);
Mismatch read_value(std::string_view text, Secret& out, Range range);
Mismatch read_value(std::string_view text, Hedge& out, Range range);
Mismatch read_value(std::string_view text, WaitOrOff& out, Range range);
Mismatch read_value(std::string_view text, Strategy& out, Range range);
Mismatch read_value(std::string_view text, Prefer& out, Range range);
Mismatch read_value(std::string_view text, UnknownParams& out, Range range);
Mismatch read_value(std::string_view text, Unpriced& out, Range range);
Mismatch read_value(std::string_view text, LogLevel& out, Range range);
Mismatch read_value(std::string_view text, LogFormat& out, Range range);
Mismatch read_value(std::string_view text, Backoff& out, Range range);
Mismatch read_value(std::string_view text, BreakerPreset& out, Range range);
Mismatch read_value(std::string_view text, OnDisconnect& out, Range range);
Mismatch read_value(std::string_view text, ContentStorage& out, Range range);
Mismatch read_value(std::string_view text, Durability& out, Range range);
Mismatch read_value(std::string_view text, LedgerFailure& out, Range range);
Mismatch read_value(std::string_view text, Choice& out, Range range);
Mismatch read_value(std::string_view text, policy::Algorithm& out, Range range);
Mismatch read_value(std::string_view text, Plan& out, Range range);
Mismatch read_value(std::string_view text, Priority& out, Range range);
Mismatch read_value(std::string_view text, wire::Dialect& out, Range range);

std::string show_value(const std::string& value);
std::string show_value(bool value);
std::string show_value(std::int64_t value);
std::string show_value(milliseconds value);
std::string show_value(ByteSize value);
std::string show_value(Ratio value);
std::string show_value(NanoUsd value);
std::string show_value(const Secret& value);
std::string show_value(const Hedge& value);
std::string show_value(const WaitOrOff& value);
std::string show_value(Strategy value);
std::string show_value(Prefer value);
std::string show_value(UnknownParams value);
std::string show_value(Unpriced value);
std::string show_value(LogLevel value);
std::string show_value(LogFormat value);
std::string show_value(Backoff value);
std::string show_value(BreakerPreset value);
std::string show_value(OnDisconnect value);
std::string show_value(ContentStorage value);
std::string show_value(Durability value);
std::string show_value(LedgerFailure value);
std::string show_value(Choice value);
std::string show_value(policy::Algorithm value);
std::string show_value(Plan value);
std::string show_value(Priority value);
std::string show_value(wire::Dialect value);

/// The word for a type in the documentation.
template <class T>
constexpr std::string_view type_name = "choice";
template <>
inline constexpr std::string_view type_name<std::string> = "text";
template <>
inline constexpr std::string_view type_name<bool> = "on/off";
template <>
inline constexpr std::string_view type_name<std::int64_t> = "number";
template <>
inline constexpr std::string_view type_name<milliseconds> = "duration";
template <>
inline constexpr std::string_view type_name<ByteSize> = "size";
template <>
inline constexpr std::string_view type_name<Ratio> = "share";
template <>
inline constexpr std::string_view type_name<NanoUsd> = "dollars";
template <>
inline constexpr std::string_view type_name<Secret> = "secret";
template <>
inline constexpr std::string_view type_name<Hedge> = "auto, off or duration";
template <>
inline constexpr std::string_view type_name<WaitOrOff> = "off or duration";

template <class T>
inline constexpr bool is_secret = false;
template <>
inline constexpr bool is_secret<Secret> = true;

/// The URL of a proxy with `…` in the place of user and password, where it has them.
std::string hide_login(std::string_view url);
/// The same without them: a plain URL.
std::string without_login(std::string_view url);

}  // namespace weir::config
