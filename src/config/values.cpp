// SPDX-License-Identifier: Apache-2.0
#include "config/values.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <utility>

#include "base/ascii.hpp"

namespace weir::config {
namespace {

template <class Enum>
struct Word {
  std::string_view text;
  Enum value;
};

constexpr std::array strategies{
    Word<Strategy>{"priority", Strategy::priority},
    Word<Strategy>{"round_robin", Strategy::round_robin},
    Word<Strategy>{"weighted", Strategy::weighted},
    Word<Strategy>{"least_recently_used", Strategy::least_recently_used},
    Word<Strategy>{"least_latency", Strategy::least_latency},
    Word<Strategy>{"least_cost", Strategy::least_cost},
    Word<Strategy>{"least_busy", Strategy::least_busy},
    Word<Strategy>{"health", Strategy::health},
    Word<Strategy>{"sticky", Strategy::sticky},
};
constexpr std::array preferences{Word<Prefer>{"default", Prefer::standard},
                                 Word<Prefer>{"free", Prefer::free}};
constexpr std::array unknown_params{
    Word<UnknownParams>{"auto", UnknownParams::automatic},
    Word<UnknownParams>{"drop", UnknownParams::drop},
    Word<UnknownParams>{"forward", UnknownParams::forward},
    Word<UnknownParams>{"reject", UnknownParams::reject},
};
constexpr std::array unpriced_words{Word<Unpriced>{"book", Unpriced::book},
                                    Word<Unpriced>{"reject", Unpriced::reject}};
constexpr std::array log_levels{
    Word<LogLevel>{"trace", LogLevel::trace}, Word<LogLevel>{"debug", LogLevel::debug},
    Word<LogLevel>{"info", LogLevel::info},   Word<LogLevel>{"warn", LogLevel::warn},
    Word<LogLevel>{"error", LogLevel::error}, Word<LogLevel>{"off", LogLevel::off},
};
constexpr std::array log_formats{Word<LogFormat>{"auto", LogFormat::automatic},
                                 Word<LogFormat>{"json", LogFormat::json},
                                 Word<LogFormat>{"text", LogFormat::text}};
constexpr std::array backoffs{Word<Backoff>{"jitter", Backoff::jitter},
                              Word<Backoff>{"classic", Backoff::classic}};
constexpr std::array breaker_presets{Word<BreakerPreset>{"standard", BreakerPreset::standard},
                                     Word<BreakerPreset>{"count", BreakerPreset::count},
                                     Word<BreakerPreset>{"threshold", BreakerPreset::threshold}};
constexpr std::array disconnects{Word<OnDisconnect>{"cancel", OnDisconnect::cancel},
                                 Word<OnDisconnect>{"drain", OnDisconnect::drain}};
constexpr std::array content_storages{Word<ContentStorage>{"disk", ContentStorage::disk},
                                      Word<ContentStorage>{"memory", ContentStorage::memory},
                                      Word<ContentStorage>{"off", ContentStorage::off}};
constexpr std::array durabilities{Word<Durability>{"process", Durability::process},
                                  Word<Durability>{"power", Durability::power}};
constexpr std::array ledger_failures{Word<LedgerFailure>{"refuse", LedgerFailure::refuse},
                                     Word<LedgerFailure>{"serve", LedgerFailure::serve}};
constexpr std::array choices{Word<Choice>{"auto", Choice::automatic},
                             Word<Choice>{"on", Choice::on}, Word<Choice>{"off", Choice::off}};
constexpr std::array algorithms{
    Word<policy::Algorithm>{"auto", policy::Algorithm::automatic},
    Word<policy::Algorithm>{"fixed_window", policy::Algorithm::fixed_window},
    Word<policy::Algorithm>{"sliding_window", policy::Algorithm::sliding_window},
    Word<policy::Algorithm>{"sliding_log", policy::Algorithm::sliding_log},
    Word<policy::Algorithm>{"token_bucket", policy::Algorithm::token_bucket},
};
constexpr std::array plans{Word<Plan>{"paid", Plan::paid}, Word<Plan>{"free", Plan::free},
                           Word<Plan>{"none", Plan::none}};
constexpr std::array priorities{
    Word<Priority>{"low", Priority::low}, Word<Priority>{"normal", Priority::normal},
    Word<Priority>{"high", Priority::high}, Word<Priority>{"critical", Priority::critical}};
constexpr std::array dialects{
    Word<wire::Dialect>{"openai", wire::Dialect::openai_chat},
    Word<wire::Dialect>{"responses", wire::Dialect::openai_responses},
    Word<wire::Dialect>{"anthropic", wire::Dialect::anthropic},
    Word<wire::Dialect>{"gemini", wire::Dialect::gemini},
    Word<wire::Dialect>{"ollama", wire::Dialect::ollama},
};
constexpr std::array switches{
    Word<bool>{"true", true}, Word<bool>{"false", false}, Word<bool>{"on", true},
    Word<bool>{"off", false}, Word<bool>{"yes", true},    Word<bool>{"no", false},
};

template <class Enum, std::size_t Size>
Mismatch read_word(std::string_view text, const std::array<Word<Enum>, Size>& words, Enum& out) {
  std::string known;
  for (const Word<Enum>& word : words) {
    if (ascii::equals_ignoring_case(word.text, text)) {
      out = word.value;
      return std::nullopt;
    }
    if (!known.empty()) known += ", ";
    known += word.text;
  }
  return "one of " + known;
}

template <class Enum, std::size_t Size>
std::string show_word(Enum value, const std::array<Word<Enum>, Size>& words) {
  for (const Word<Enum>& word : words) {
    if (word.value == value) return std::string(word.text);
  }
  return {};
}

struct Unit {
  std::string_view name;
  std::int64_t factor;
};
constexpr std::array time_units{
    Unit{"d", 86'400'000}, Unit{"h", 3'600'000}, Unit{"m", 60'000}, Unit{"s", 1'000}, Unit{"ms", 1},
};
constexpr std::array size_units{
    Unit{"GiB", 1 << 30},  Unit{"MiB", 1 << 20}, Unit{"KiB", 1 << 10}, Unit{"GB", 1'000'000'000},
    Unit{"MB", 1'000'000}, Unit{"KB", 1'000},    Unit{"B", 1},
};
constexpr std::int64_t quantity_max = std::int64_t{1} << 53;

/// Takes a whole number and its unit off the front of `text`; nothing when there is none, or when
/// their product is beyond `quantity_max`.
std::optional<std::int64_t> take_quantity(std::string_view& text, std::span<const Unit> units) {
  std::int64_t number = 0;
  const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || text.starts_with('-')) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(stopped - text.data()));
  std::size_t unit_size = 0;
  while (unit_size < text.size() && !ascii::is_digit(text[unit_size])) ++unit_size;
  const std::string_view unit_name = text.substr(0, unit_size);
  for (const Unit& unit : units) {
    if (!ascii::equals_ignoring_case(unit.name, unit_name)) continue;
    if (number > quantity_max / unit.factor) return std::nullopt;
    text.remove_prefix(unit_size);
    return number * unit.factor;
  }
  return std::nullopt;
}

/// The biggest unit that writes `value` whole.
std::string show_quantity(std::int64_t value, std::span<const Unit> units) {
  for (const Unit& unit : units) {
    if (value != 0 && value % unit.factor == 0) {
      return std::to_string(value / unit.factor).append(unit.name);
    }
  }
  return "0";
}

template <class Show>
Mismatch check(std::int64_t value, Range range, const Show& show) {
  if (value < range.min) return "at least " + show(range.min);
  if (value > range.max) return "at most " + show(range.max);
  return std::nullopt;
}

}  // namespace

Mismatch read_value(std::string_view text, std::string& out, Range) {
  out = text;
  return std::nullopt;
}

Mismatch read_value(std::string_view text, bool& out, Range) {
  return read_word(text, switches, out);
}

Mismatch read_value(std::string_view text, std::int64_t& out, Range range) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, value);
  if (text.empty() || error != std::errc() || stopped != end) return "a whole number";
  const auto mismatch = check(value, range, [](std::int64_t n) { return std::to_string(n); });
  if (!mismatch) out = value;
  return mismatch;
}

Mismatch read_value(std::string_view text, milliseconds& out, Range range) {
  std::int64_t total = 0;
  std::string_view rest = text == "0" ? "0s" : text;
  do {
    const auto part = take_quantity(rest, time_units);
    if (!part || total > quantity_max - *part) {
      return "a duration with a unit, such as 250ms, 30s, 5m or 1h30m";
    }
    total += *part;
  } while (!rest.empty());
  const auto mismatch =
      check(total, range, [](std::int64_t n) { return show_quantity(n, time_units); });
  if (!mismatch) out = milliseconds(total);
  return mismatch;
}

Mismatch read_value(std::string_view text, ByteSize& out, Range range) {
  std::string_view rest = text == "0" ? "0B" : text;
  const auto bytes = take_quantity(rest, size_units);
  if (!bytes || !rest.empty()) return "a size with a unit, such as 64KiB or 64MiB";
  const auto mismatch =
      check(*bytes, range, [](std::int64_t n) { return show_quantity(n, size_units); });
  if (!mismatch) out = ByteSize{*bytes};
  return mismatch;
}

Mismatch read_value(std::string_view text, Ratio& out, Range range) {
  const bool is_percent = text.ends_with('%');
  const auto share = parse_usd(is_percent ? text.substr(0, text.size() - 1) : text);
  const std::int64_t per_permille = is_percent ? 100'000'000 : 1'000'000;
  if (!share || share->count() % per_permille != 0) return "a share such as 20% or 0.2";
  const std::int64_t permille = share->count() / per_permille;
  // A share is of a whole, unless its row says otherwise.
  constexpr std::int64_t whole = 1'000;
  const std::int64_t most = range.max == Range{}.max ? whole : range.max;
  const auto mismatch = check(permille, {range.min, most}, [](std::int64_t n) {
    return show_value(Ratio{static_cast<std::int32_t>(n)});
  });
  if (!mismatch) out = Ratio{static_cast<std::int32_t>(permille)};
  return mismatch;
}

Mismatch read_value(std::string_view text, NanoUsd& out, Range /*range*/) {
  if (text.starts_with('$')) text.remove_prefix(1);
  const auto amount = parse_usd(text);
  if (!amount || amount->count() < 0) return "dollars, such as 20 or 0.5";
  out = *amount;
  return std::nullopt;
}

Mismatch read_value(std::string_view text, Secret& out, Range) {
  // A line break could end a header early and begin another.
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) return "free of control characters";
  }
  out = Secret(std::string(text));
  return std::nullopt;
}

Mismatch read_value(std::string_view text, WaitOrOff& out, Range range) {
  if (text == "off" || text == "false") {
    out.after.reset();
    return std::nullopt;
  }
  milliseconds wait{0};
  if (auto mismatch = read_value(text, wait, range)) return *mismatch + ", or off";
  out.after = wait;
  return std::nullopt;
}

Mismatch read_value(std::string_view text, Hedge& out, Range range) {
  if (!read_word(text, choices, out.mode) && out.mode != Choice::on) return std::nullopt;
  if (auto mismatch = read_value(text, out.after, range)) return "auto, off, or " + *mismatch;
  out.mode = Choice::on;
  return std::nullopt;
}

Mismatch read_value(std::string_view text, Strategy& out, Range) {
  return read_word(text, strategies, out);
}
Mismatch read_value(std::string_view text, Prefer& out, Range) {
  return read_word(text, preferences, out);
}
Mismatch read_value(std::string_view text, UnknownParams& out, Range) {
  return read_word(text, unknown_params, out);
}
Mismatch read_value(std::string_view text, Unpriced& out, Range) {
  return read_word(text, unpriced_words, out);
}
Mismatch read_value(std::string_view text, LogLevel& out, Range) {
  return read_word(text, log_levels, out);
}
Mismatch read_value(std::string_view text, LogFormat& out, Range) {
  return read_word(text, log_formats, out);
}
Mismatch read_value(std::string_view text, OnDisconnect& out, Range) {
  return read_word(text, disconnects, out);
}

Mismatch read_value(std::string_view text, ContentStorage& out, Range) {
  return read_word(text, content_storages, out);
}

Mismatch read_value(std::string_view text, Durability& out, Range) {
  return read_word(text, durabilities, out);
}

Mismatch read_value(std::string_view text, LedgerFailure& out, Range) {
  return read_word(text, ledger_failures, out);
}

Mismatch read_value(std::string_view text, BreakerPreset& out, Range) {
  return read_word(text, breaker_presets, out);
}
Mismatch read_value(std::string_view text, Backoff& out, Range) {
  return read_word(text, backoffs, out);
}
Mismatch read_value(std::string_view text, Choice& out, Range) {
  return read_word(text, choices, out);
}
Mismatch read_value(std::string_view text, policy::Algorithm& out, Range /*range*/) {
  return read_word(text, algorithms, out);
}
Mismatch read_value(std::string_view text, Plan& out, Range /*range*/) {
  return read_word(text, plans, out);
}
Mismatch read_value(std::string_view text, Priority& out, Range /*range*/) {
  return read_word(text, priorities, out);
}
Mismatch read_value(std::string_view text, wire::Dialect& out, Range) {
  return read_word(text, dialects, out);
}

std::string show_value(const std::string& value) { return value; }
std::string show_value(bool value) { return value ? "on" : "off"; }
std::string show_value(std::int64_t value) { return std::to_string(value); }
std::string show_value(milliseconds value) { return show_quantity(value.count(), time_units); }
std::string show_value(ByteSize value) { return show_quantity(value.bytes, size_units); }
std::string show_value(Ratio value) {
  // Percent with one decimal; the writer of amounts drops superfluous zeros.
  return to_usd_text(NanoUsd(std::int64_t{value.permille} * 100'000'000)) + "%";
}
std::string show_value(const Secret& value) { return value.to_display(); }
std::string show_value(const Hedge& value) {
  return value.mode == Choice::on ? show_value(value.after) : show_value(value.mode);
}
std::string show_value(const WaitOrOff& value) {
  return value.after ? show_value(*value.after) : "off";
}
std::string show_value(Strategy value) { return show_word(value, strategies); }
std::string show_value(Prefer value) { return show_word(value, preferences); }
std::string show_value(UnknownParams value) { return show_word(value, unknown_params); }
std::string show_value(Unpriced value) { return show_word(value, unpriced_words); }
std::string show_value(LogLevel value) { return show_word(value, log_levels); }
std::string show_value(LogFormat value) { return show_word(value, log_formats); }
std::string show_value(OnDisconnect value) { return show_word(value, disconnects); }
std::string show_value(Durability value) { return show_word(value, durabilities); }
std::string show_value(LedgerFailure value) { return show_word(value, ledger_failures); }
std::string show_value(ContentStorage value) { return show_word(value, content_storages); }
std::string show_value(BreakerPreset value) { return show_word(value, breaker_presets); }
std::string show_value(Backoff value) { return show_word(value, backoffs); }
std::string show_value(Choice value) { return show_word(value, choices); }
std::string show_value(policy::Algorithm value) { return show_word(value, algorithms); }
std::string show_value(Priority value) { return show_word(value, priorities); }
std::string show_value(Plan value) { return show_word(value, plans); }
std::string show_value(NanoUsd value) { return to_usd_text(value); }
std::string show_value(wire::Dialect value) { return show_word(value, dialects); }

namespace {

/// `url` with `shown` in the place of what stands before the `@`; a password may hold one itself.
std::string replace_login(std::string_view url, std::string_view shown) {
  const auto at = url.rfind('@');
  if (at == std::string_view::npos) return std::string(url);
  constexpr std::string_view separator = "://";
  const auto scheme_end = url.find(separator);
  const bool has_scheme = scheme_end != std::string_view::npos && scheme_end < at;
  std::string text(url.substr(0, has_scheme ? scheme_end + separator.size() : 0));
  return text.append(shown).append(url.substr(at + 1));
}

}  // namespace

std::string hide_login(std::string_view url) { return replace_login(url, "…@"); }

std::string without_login(std::string_view url) { return replace_login(url, ""); }

}  // namespace weir::config
