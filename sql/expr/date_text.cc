// to_char() of timestamps and intervals.
//
// A format is read left to right; at each place the longest keyword wins, quoted text and what is
// no keyword is copied. It is read once per call site, and rows in the same unit of time (the same
// day for YYYY-MM-DD) share one text. Tests: tests/unit/sql_expr/cases/date_text.tsv.
#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "sql/expr/date_format.h"
#include "sql/expr/declare.h"
#include "sql/expr/utf8.h"
#include "sql/expr/zone.h"
#include "src/types/datetime.h"

namespace qw::sql {
namespace {

using Key = DateKey;
using Keyword = DateKeyword;
namespace dt = datetime;
using View = std::string_view;

std::string lowered(View text) {
  std::string out;
  utf8::append_lower(text, out);
  return out;
}
std::string uppered(View text) {
  std::string out;
  utf8::append_upper(text, out);
  return out;
}

// What is printed: the fields of a timestamp, or of an interval.
struct Fields {
  bool is_interval = false;
  int32_t year = 0, month = 0, day = 0, us = 0;
  int64_t hour = 0;
  int32_t minute = 0, second = 0;
  int32_t date = 0;  // timestamps: days since 2000-01-01
  bool has_zone = false;
  int32_t offset = 0;  // seconds east
  View zone;
};

// A piece of a format: a keyword with its modifiers, or text as it stands.
struct Item {
  const Keyword* keyword = nullptr;
  std::string text;          // the keyword as it was spelled; else what to copy
  bool fill = true;          // FM takes the padding away
  std::string_view ordinal;  // TH or th behind a number
};

class Printer {
 public:
  Printer(const Fields& fields, std::string& out) : f_(fields), out_(out) {}
  Result<void> run(const std::vector<Item>& items) {
    for (const Item& item : items) {
      fill_ = item.fill;
      if (item.keyword == nullptr) {
        out_ += item.text;
      } else {
        QW_TRY(print(item));
      }
    }
    return {};
  }

 private:
  Result<void> print(const Item& item);
  Result<void> number(const Keyword& keyword, bool& numeric);
  Result<void> name(const Keyword& keyword, View spelled);
  Error only_dates() const {
    return invalid_datetime_format("invalid format specification for an interval value")
        .with_hint("Intervals are not tied to specific calendar dates.");
  }
  void digits(int64_t value, int width) {
    const int padded = fill_ ? (value < 0 ? width + 1 : width) : 0;
    out_ += fmt::format("{:0{}}", value, padded);
  }
  // Of an interval's days the minus takes one of the places.
  void day_digits(int64_t value, int width) {
    out_ += fmt::format("{:0{}}", value, fill_ ? width : 0);
  }
  void padded(View text, size_t width) {
    out_ += text;
    if (fill_ && text.size() < width) out_.append(width - text.size(), ' ');
  }
  int32_t shown_year() const { return f_.is_interval || f_.year > 0 ? f_.year : 1 - f_.year; }
  int32_t iso_year() const {
    const int32_t year = dt::iso_year(f_.year, f_.month, f_.day);
    return year > 0 ? year : 1 - year;
  }
  int32_t day_of_year() const {
    if (f_.is_interval) return f_.day + f_.month * 30;
    return f_.date - dt::days_of(f_.year, 1, 1) + 1;
  }
  int32_t weekday() const { return dt::day_of_week(f_.date); }

  const Fields& f_;
  std::string& out_;
  bool fill_ = true;
};

Result<void> Printer::number(const Keyword& keyword, bool& numeric) {
  numeric = true;
  const int64_t hour12 = f_.hour % 12 == 0 ? 12 : f_.hour % 12;
  switch (keyword.key) {
    case Key::hh24:
      digits(f_.hour, 2);
      return {};
    case Key::hh:
      digits(hour12, 2);
      return {};
    case Key::mi:
      digits(f_.minute, 2);
      return {};
    case Key::ss:
      digits(f_.second, 2);
      return {};
    case Key::ms:
      out_ += fmt::format("{:03}", f_.us / 1000);
      return {};
    case Key::us:
      out_ += fmt::format("{:06}", f_.us);
      return {};
    case Key::ff: {
      const auto count = static_cast<size_t>(keyword.text[2] - '0');
      out_ += fmt::format("{:06}", f_.us).substr(0, count);
      return {};
    }
    case Key::sssss:
      out_ += std::to_string(f_.hour * 3600 + f_.minute * 60 + f_.second);
      return {};
    case Key::y_yyy: {
      const int32_t year = shown_year();
      out_ += fmt::format("{},{:03}", year / 1000, year % 1000);
      return {};
    }
    case Key::yyyy:
      digits(shown_year(), 4);
      return {};
    case Key::yyy:
      digits(shown_year() % 1000, 3);
      return {};
    case Key::yy:
      digits(shown_year() % 100, 2);
      return {};
    case Key::y:
      digits(shown_year() % 10, 1);
      return {};
    case Key::cc: {
      const int32_t century = f_.is_interval ? f_.year / 100
                              : f_.year > 0  ? (f_.year - 1) / 100 + 1
                                             : f_.year / 100 - 1;
      if (century <= 99 && century >= -99) {
        digits(century, 2);
      } else {
        out_ += std::to_string(century);
      }
      return {};
    }
    case Key::mm:
      digits(f_.month, 2);
      return {};
    case Key::dd:
      day_digits(f_.day, 2);
      return {};
    case Key::ddd:
      day_digits(day_of_year(), 3);
      return {};
    case Key::ww:
      digits((day_of_year() - 1) / 7 + 1, 2);
      return {};
    case Key::w:
      out_ += std::to_string((f_.day - 1) / 7 + 1);
      return {};
    case Key::q:
      if (f_.month != 0) out_ += std::to_string((f_.month - 1) / 3 + 1);
      return {};
    default:
      break;
  }
  // The rest belongs to calendar dates.
  if (f_.is_interval) return fail(only_dates());
  switch (keyword.key) {
    case Key::iyyy:
      digits(iso_year(), 4);
      return {};
    case Key::iyy:
      digits(iso_year() % 1000, 3);
      return {};
    case Key::iy:
      digits(iso_year() % 100, 2);
      return {};
    case Key::i:
      digits(iso_year() % 10, 1);
      return {};
    case Key::iddd:
      digits(f_.date - dt::iso_week_start(dt::iso_year(f_.year, f_.month, f_.day), 1) + 1, 3);
      return {};
    case Key::iw:
      digits(dt::iso_week(f_.year, f_.month, f_.day), 2);
      return {};
    case Key::d:
      out_ += std::to_string(weekday() + 1);
      return {};
    case Key::id:
      out_ += std::to_string(weekday() == 0 ? 7 : weekday());
      return {};
    case Key::j:
      out_ += std::to_string(int64_t{f_.date} + 2451545);
      return {};
    default:
      numeric = false;
      return {};
  }
}

Result<void> Printer::name(const Keyword& keyword, View spelled) {
  const bool lower = spelled[0] >= 'a' && spelled[0] <= 'z';
  const bool capital = !lower && spelled.size() > 1 && spelled[1] >= 'a' && spelled[1] <= 'z';
  const auto cased = [&](View text) {
    return lower ? lowered(text) : capital ? std::string(text) : uppered(text);
  };
  switch (keyword.key) {
    case Key::am:
      out_ += cased(f_.hour % 24 >= 12 ? "PM" : "AM");
      return {};
    case Key::am_dots:
      out_ += cased(f_.hour % 24 >= 12 ? "P.M." : "A.M.");
      return {};
    case Key::rm:
      if (f_.month == 0 && !(f_.is_interval && f_.year != 0)) return {};
      padded(cased(kRomanMonths[f_.month == 0  ? 11
                                : f_.month > 0 ? f_.month - 1
                                               : 11 + f_.month]),
             4);
      return {};
    default:
      break;
  }
  if (f_.is_interval) return fail(only_dates());
  switch (keyword.key) {
    case Key::ad:
      out_ += cased(f_.year <= 0 ? "BC" : "AD");
      return {};
    case Key::ad_dots:
      out_ += cased(f_.year <= 0 ? "B.C." : "A.D.");
      return {};
    case Key::month:
      padded(cased(kMonthNames[f_.month - 1]), 9);
      return {};
    case Key::mon:
      out_ += cased(kMonthNames[f_.month - 1].substr(0, 3));
      return {};
    case Key::day:
      padded(cased(kDayNames[weekday()]), 9);
      return {};
    case Key::dy:
      out_ += cased(kDayNames[weekday()].substr(0, 3));
      return {};
    case Key::tz:
      out_ += lower ? lowered(f_.zone) : std::string(f_.zone);
      return {};
    case Key::tzh:
      out_ += fmt::format("{}{:02}", f_.offset >= 0 ? '+' : '-', std::abs(f_.offset) / 3600);
      return {};
    case Key::tzm:
      out_ += fmt::format("{:02}", std::abs(f_.offset) % 3600 / 60);
      return {};
    case Key::of:
      out_ += fmt::format("{}{:0{}}", f_.offset >= 0 ? '+' : '-', std::abs(f_.offset) / 3600,
                          fill_ ? 2 : 0);
      if (std::abs(f_.offset) % 3600 != 0) {
        out_ += fmt::format(":{:02}", std::abs(f_.offset) % 3600 / 60);
      }
      return {};
    default:
      return {};
  }
}

bool is_name(Key key) {
  return key == Key::am || key == Key::am_dots || key == Key::rm || key == Key::ad ||
         key == Key::ad_dots || key == Key::month || key == Key::mon || key == Key::day ||
         key == Key::dy || key == Key::tz || key == Key::tzh || key == Key::tzm || key == Key::of;
}

Result<void> Printer::print(const Item& item) {
  const Keyword& keyword = *item.keyword;
  if (keyword.key == Key::fx) return {};
  if (is_name(keyword.key)) return name(keyword, item.text);
  const size_t begin = out_.size();
  bool numeric = false;
  QW_TRY(number(keyword, numeric));
  if (!numeric || item.ordinal.empty()) return {};
  const std::string text = out_.substr(begin);
  const char last = text.empty() ? '0' : text.back();
  const bool teen = text.size() > 1 && text[text.size() - 2] == '1';
  const View ending = teen          ? "th"
                      : last == '1' ? "st"
                      : last == '2' ? "nd"
                      : last == '3' ? "rd"
                                    : "th";
  out_ += item.ordinal == "TH" ? uppered(ending) : std::string(ending);
  return {};
}

// Whether TH may follow: what print() takes for a number.
bool takes_ordinal(Key key) { return key != Key::fx && !is_name(key); }

std::vector<Item> read_format(View format) {
  std::vector<Item> items;
  const auto copy = [&](View text) {
    if (items.empty() || items.back().keyword != nullptr) items.emplace_back();
    items.back().text += text;
  };
  for (size_t at = 0; at < format.size();) {
    const View rest = format.substr(at);
    if (rest[0] == '"') {
      for (++at; at < format.size() && format[at] != '"'; ++at) {
        if (format[at] == '\\' && at + 1 < format.size()) ++at;
        copy(format.substr(at, 1));
      }
      if (at < format.size()) ++at;
      continue;
    }
    if (rest[0] == '\\' && rest.size() > 1 && rest[1] == '"') {
      copy("\"");
      at += 2;
      continue;
    }
    const View two = rest.substr(0, 2);
    const bool bare = two == "FM" || two == "fm";
    const size_t prefix = bare || two == "TM" || two == "tm" ? 2 : 0;
    const Keyword* keyword = date_keyword(rest.substr(prefix));
    if (keyword == nullptr) {
      const size_t bytes = prefix != 0 ? 0 : utf8::width(format, at);
      copy(format.substr(at, bytes));
      at += prefix + bytes;
      continue;
    }
    Item item;
    item.keyword = keyword;
    item.text = rest.substr(prefix, keyword->text.size());
    item.fill = !bare;
    at += prefix + keyword->text.size();
    const View suffix = format.substr(at, 2);
    if (takes_ordinal(keyword->key) && (suffix == "TH" || suffix == "th")) {
      item.ordinal = suffix == "TH" ? "TH" : "th";
      at += 2;
    }
    items.push_back(std::move(item));
  }
  return items;
}

// Timestamps within one of these many microseconds print alike.
int64_t unit_of(const std::vector<Item>& items) {
  int64_t unit = interval::kUsPerDay;
  for (const Item& item : items) {
    if (item.keyword == nullptr) continue;
    switch (item.keyword->key) {
      case Key::us:
      case Key::ff:
      case Key::ms:
        return 1;
      case Key::ss:
      case Key::sssss:
        unit = std::min(unit, interval::kUsPerSecond);
        break;
      case Key::mi:
        unit = std::min(unit, interval::kUsPerMinute);
        break;
      case Key::hh24:
      case Key::hh:
      case Key::am:
      case Key::am_dots:
        unit = std::min(unit, interval::kUsPerHour);
        break;
      default:
        break;
    }
  }
  return unit;
}

// A format as it was last read, and the last text of a timestamp.
struct Format {
  std::string text;
  std::vector<Item> items;
  int64_t unit = 1;
  int64_t begin = 0, end = 0;  // timestamps that print as `last`; none when equal
  std::string last;
  const std::vector<Item>& of(View format) {
    if (text == format && !items.empty()) return items;
    text = format;
    items = read_format(format);
    unit = unit_of(items);
    begin = end = 0;
    return items;
  }
};

Fields fields_of(int64_t local) {
  const dt::Civil civil = dt::civil_of_timestamp(local);
  Fields fields;
  fields.year = civil.year;
  fields.month = civil.month;
  fields.day = civil.day;
  fields.hour = civil.hour;
  fields.minute = civil.minute;
  fields.second = civil.second;
  fields.us = civil.us;
  fields.date = dt::days_of(civil.year, civil.month, civil.day);
  return fields;
}

std::optional<Str> printed(const Fields& fields, View format, Row& row) {
  std::string out;
  auto done = Printer(fields, out).run(row.cache<Format>().of(format));
  if (!done) {
    row.fail(std::move(done).error());
    return Str();
  }
  return row.text(out);
}

std::optional<Str> timestamp_text(int64_t ts, View format, Row& row) {
  if (format.empty() || !dt::timestamp_finite(ts)) return std::nullopt;
  Format& known = row.cache<Format>();
  const std::vector<Item>& items = known.of(format);
  if (ts < known.begin || ts >= known.end) {
    known.last.clear();
    // Rounds down; a unit that would leave the range of timestamps is not reached.
    const int64_t into = ((ts % known.unit) + known.unit) % known.unit;
    known.begin = ts - into;
    known.end = known.begin + known.unit;
    if (auto done = Printer(fields_of(ts), known.last).run(items); !done) {
      known.begin = known.end = 0;
      row.fail(std::move(done).error());
      return Str();
    }
  }
  return row.text(known.last);
}
std::optional<Str> timestamptz_text(int64_t ts, View format, Row& row) {
  if (format.empty() || !dt::timestamp_finite(ts)) return std::nullopt;
  auto local = dt::timestamp_from_timestamptz(ts, session_zone(row));
  if (!local) {
    row.fail(std::move(local).error());
    return Str();
  }
  Fields fields = fields_of(*local);
  const TimeZone::Local zone = session_zone(row).at(ts);
  fields.has_zone = true;
  fields.offset = zone.offset_seconds;
  fields.zone = zone.abbreviation;
  return printed(fields, format, row);
}
std::optional<Str> interval_text(const Interval& value, View format, Row& row) {
  if (format.empty()) return std::nullopt;
  Fields fields;
  fields.is_interval = true;
  fields.year = value.months / 12;
  fields.month = value.months % 12;
  fields.day = value.days;
  fields.hour = value.us / interval::kUsPerHour;
  fields.minute = static_cast<int32_t>(value.us / interval::kUsPerMinute % 60);
  fields.second = static_cast<int32_t>(value.us / interval::kUsPerSecond % 60);
  fields.us = static_cast<int32_t>(value.us % interval::kUsPerSecond);
  return printed(fields, format, row);
}

}  // namespace

const DateKeyword* date_keyword(std::string_view rest) {
  for (const Keyword& keyword : kDateKeywords) {
    const View spelled = rest.substr(0, keyword.text.size());
    if (spelled == keyword.text || spelled == lowered(keyword.text)) return &keyword;
  }
  return nullptr;
}

void declare_date_text(Declarations& d) {
  d.add(2049, "to_char(timestamp,text) text stable", each<timestamp_text>());
  d.add(1770, "to_char(timestamptz,text) text stable", each<timestamptz_text>());
  d.add(1768, "to_char(interval,text) text stable", each<interval_text>());
}

}  // namespace qw::sql
