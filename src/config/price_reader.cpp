// SPDX-License-Identifier: Apache-2.0
#include "config/price_reader.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/edit_distance.hpp"

namespace weir::config {
namespace {

using providers::PeakHours;
using providers::PriceKind;
using providers::PriceList;
using providers::PriceUnit;
using providers::PriceVariant;
using When = PriceVariant::When;

/// A map of prices that hold under a condition, and the members that state it.
struct ConditionRow {
  std::string_view key;
  When when;
  std::vector<std::string_view> members;
};
const std::array<ConditionRow, 3>& condition_rows() {
  static const std::array<ConditionRow, 3> rows{
      ConditionRow{"long_context", When::long_context, {"above"}},
      ConditionRow{"price_change", When::from_date, {"from"}},
      ConditionRow{"off_peak", When::off_peak, {"from", "to"}}};
  return rows;
}

std::optional<PriceKind> kind_called(std::string_view name) {
  for (std::size_t i = 0; i < providers::price_kind_count; ++i) {
    const auto kind = static_cast<PriceKind>(i);
    if (providers::row_of(kind).name == name) return kind;
  }
  return std::nullopt;
}

template <class Number>
std::optional<Number> number_of(std::string_view text) {
  Number number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

/// `HH:MM` as the minute of the day, up to 24:00.
std::optional<std::uint16_t> minute_of(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  const auto hour = number_of<std::uint16_t>(text.substr(0, 2));
  const auto minute = number_of<std::uint16_t>(text.substr(3));
  if (!hour || !minute || *hour > 24 || *minute > 59 || (*hour == 24 && *minute > 0)) {
    return std::nullopt;
  }
  return static_cast<std::uint16_t>(*hour * 60 + *minute);
}

/// `YYYY-MM-DD` as days since 1970-01-01.
std::optional<std::int32_t> day_of(std::string_view text) {
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const auto year = number_of<std::int32_t>(text.substr(0, 4));
  const auto month = number_of<std::uint32_t>(text.substr(5, 2));
  const auto day = number_of<std::uint32_t>(text.substr(8));
  if (!year || !month || !day) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year), std::chrono::month(*month),
                                         std::chrono::day(*day)};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

/// The hours of each day outside `begin` to `end`, which may pass midnight.
std::vector<PeakHours> outside(std::uint16_t begin, std::uint16_t end) {
  constexpr std::uint16_t day = 24 * 60;
  std::vector<PeakHours> peak;
  const auto add = [&](std::uint16_t from, std::uint16_t to) {
    if (from < to) peak.push_back({.begin_minute = from, .end_minute = to});
  };
  if (begin <= end) {
    add(0, begin);
    add(end, day);
  } else {
    add(end, begin);
  }
  return peak;
}

class PriceReader {
 public:
  PriceReader(SectionReader& reader, providers::OwnPrices& out) : reader_(reader), out_(out) {}

  void read(const Node& node, const std::string& path) {
    if (!reader_.expect_map(node, path)) return;
    for (const Member& member : node.members) {
      const std::string full = path + "." + member.key;
      if (const ConditionRow* row = condition_called(member.key)) {
        read_condition(member.value, full, *row);
      } else if (const auto kind = kind_called(member.key)) {
        read_price(member.value, full, *kind, out_.prices);
      } else {
        NearestNames nearest(member.key, 1);
        for (const ConditionRow& known : condition_rows()) nearest.offer(known.key);
        report_unknown(member, full, std::move(nearest));
      }
    }
  }

 private:
  static const ConditionRow* condition_called(std::string_view name) {
    for (const ConditionRow& row : condition_rows()) {
      if (row.key == name) return &row;
    }
    return nullptr;
  }

  void report_unknown(const Member& member, const std::string& path, NearestNames nearest) {
    for (const auto& row : providers::price_kinds) nearest.offer(row.name);
    reader_.unknown_key(member.value, path, member.key, std::move(nearest));
  }

  void read_price(const Node& node, const std::string& path, PriceKind kind, PriceList& prices) {
    const auto text = reader_.text_of(node, path);
    if (!text) return;
    if (const auto price = providers::parse_price(kind, *text)) {
      prices.set(kind, *price);
    } else if (providers::row_of(kind).unit == PriceUnit::one) {
      reader_.problem(node.place(), path,
                      "must be dollars for one, up to 1, such as 0.006, with up to nine decimals");
    } else {
      reader_.problem(node.place(), path,
                      "must be dollars per million tokens, such as 2.5, with up to nine decimals");
    }
  }

  void read_condition(const Node& node, const std::string& path, const ConditionRow& row) {
    if (!reader_.expect_map(node, path)) return;
    PriceVariant variant;
    variant.when = row.when;
    std::vector<std::optional<std::string>> told(row.members.size());
    for (const Member& member : node.members) {
      const std::string full = path + "." + member.key;
      const auto stated = std::find(row.members.begin(), row.members.end(), member.key);
      if (stated != row.members.end()) {
        told[static_cast<std::size_t>(stated - row.members.begin())] =
            reader_.text_of(member.value, full);
      } else if (const auto kind = kind_called(member.key)) {
        read_price(member.value, full, *kind, variant.prices);
      } else {
        NearestNames nearest(member.key, 1);
        for (const std::string_view known : row.members) nearest.offer(known);
        report_unknown(member, full, std::move(nearest));
      }
    }
    const std::string problem = state(row.when, told, variant);
    if (!problem.empty()) return reader_.problem(node.place(), path, problem);
    out_.variants.push_back(variant);
  }

  /// Puts the condition into `variant`; answers what is wrong with it, if anything is.
  std::string state(When when, const std::vector<std::optional<std::string>>& told,
                    PriceVariant& variant) {
    switch (when) {
      case When::long_context: {
        const auto above = number_of<std::int64_t>(told[0].value_or(""));
        if (!above || *above <= 0) return "needs `above`, a number of input tokens";
        variant.above_tokens = *above;
        return {};
      }
      case When::from_date: {
        const auto day = day_of(told[0].value_or(""));
        if (!day) return "needs `from`, a date such as 2027-01-01";
        variant.from_day = *day;
        return {};
      }
      case When::off_peak: {
        const auto begin = minute_of(told[0].value_or(""));
        const auto end = minute_of(told[1].value_or(""));
        if (!begin || !end || *begin == *end) {
          return "needs `from` and `to`, times of the day in UTC such as \"16:30\"";
        }
        out_.peak_hours = outside(*begin, *end);
        return {};
      }
    }
    return {};
  }

  SectionReader& reader_;
  providers::OwnPrices& out_;
};

}  // namespace

void read_prices(const Node& node, const std::string& path, SectionReader& reader,
                 providers::OwnPrices& out) {
  PriceReader(reader, out).read(node, path);
}

}  // namespace weir::config
