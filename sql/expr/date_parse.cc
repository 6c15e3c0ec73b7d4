// to_timestamp() and to_date() with a template.
//
// The template is cut into fields, separators, spaces and text once per call site. Without FX a
// separator of the template takes at most one separator of the input and spaces are free; what
// remains of the input after the last field is not looked at, as in PostgreSQL.
// Tests: tests/unit/sql_expr/cases/date_parse.tsv.
#include <algorithm>
#include <array>
#include <optional>
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

namespace dt = datetime;
using View = std::string_view;

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_separator(char c) { return c > ' ' && c < '\x7f' && !is_digit(c) && !is_letter(c); }

struct Item {
  enum class Kind : uint8_t { field, separator, space, text } kind = Kind::field;
  DateKey key = DateKey::fx;
  View name;  // the keyword, for messages
  bool fill = false, ordinal = false;
  char first = '\0';  // of a text
};
struct Template {
  bool known = false;
  std::string source;
  std::vector<Item> items;
  bool exact = false;  // FX
};

bool is_number(DateKey key) {
  switch (key) {
    case DateKey::ad_dots:
    case DateKey::am_dots:
    case DateKey::ad:
    case DateKey::am:
    case DateKey::day:
    case DateKey::dy:
    case DateKey::fx:
    case DateKey::month:
    case DateKey::mon:
    case DateKey::of:
    case DateKey::rm:
    case DateKey::tz:
    case DateKey::tzh:
      return false;
    case DateKey::cc:
    case DateKey::ddd:
    case DateKey::dd:
    case DateKey::d:
    case DateKey::ff:
    case DateKey::hh24:
    case DateKey::hh:
    case DateKey::iddd:
    case DateKey::id:
    case DateKey::iw:
    case DateKey::iyyy:
    case DateKey::iyy:
    case DateKey::iy:
    case DateKey::i:
    case DateKey::j:
    case DateKey::mi:
    case DateKey::mm:
    case DateKey::ms:
    case DateKey::q:
    case DateKey::sssss:
    case DateKey::ss:
    case DateKey::tzm:
    case DateKey::us:
    case DateKey::ww:
    case DateKey::w:
    case DateKey::y_yyy:
    case DateKey::yyyy:
    case DateKey::yyy:
    case DateKey::yy:
    case DateKey::y:
      return true;
  }
  QW_UNREACHABLE();
}

Template parse_template(View source) {
  Template out;
  out.source = source;
  const auto add_text = [&](View text) {
    Item item;
    item.kind = Item::Kind::text;
    item.first = text.size() == 1 ? text[0] : '\0';
    out.items.push_back(item);
  };
  for (size_t at = 0; at < source.size();) {
    const View rest = source.substr(at);
    if (rest[0] == '"') {
      for (++at; at < source.size() && source[at] != '"';) {
        if (source[at] == '\\' && at + 1 < source.size()) ++at;
        const size_t bytes = utf8::width(source, at);
        add_text(source.substr(at, bytes));
        at += bytes;
      }
      ++at;
      continue;
    }
    Item item;
    const View two = rest.substr(0, 2);
    item.fill = two == "FM" || two == "fm";
    const size_t prefix = item.fill || two == "TM" || two == "tm" ? 2 : 0;
    if (const DateKeyword* keyword = date_keyword(rest.substr(prefix))) {
      at += prefix + keyword->text.size();
      if (keyword->key == DateKey::fx) {
        out.exact = true;
        continue;
      }
      item.key = keyword->key;
      item.name = keyword->text;
      const View suffix = source.substr(at, 2);
      item.ordinal = suffix == "TH" || suffix == "th";
      if (item.ordinal) at += 2;
      out.items.push_back(item);
      continue;
    }
    if (prefix != 0) {
      at += prefix;
      continue;
    }
    if (rest[0] == '\\' && rest.size() > 1 && rest[1] == '"') ++at;
    const size_t bytes = utf8::width(source, at);
    if (is_space(source[at]) || is_separator(source[at])) {
      item.kind = is_space(source[at]) ? Item::Kind::space : Item::Kind::separator;
      out.items.push_back(item);
    } else {
      add_text(source.substr(at, bytes));
    }
    at += bytes;
  }
  return out;
}

struct Found {
  int32_t hour = 0, minute = 0, second = 0, second_of_day = 0, ms = 0, us = 0;
  int32_t year = 0, month = 0, day = 0, weekday = 0, day_of_year = 0, week = 0, month_week = 0,
          century = 0, julian = 0;
  int32_t year_digits = 0;
  int32_t zone_hour = 0, zone_minute = 0;
  int zone_sign = 0;
  bool pm = false, bc = false, has_twelve = false;
  bool iso = false, gregorian = false;
};

int32_t near_2020(int32_t year) {
  if (year < 70) return year + 2000;
  if (year < 100) return year + 1900;
  if (year < 520) return year + 2000;
  return year < 1000 ? year + 1000 : year;
}

class Scanner {
 public:
  Scanner(const Template& pattern, View input) : t_(pattern), in_(input) {}
  Result<Found> run();

 private:
  char peek() const { return at_ < in_.size() ? in_[at_] : '\0'; }
  bool done() const { return at_ >= in_.size(); }
  void skip_spaces() {
    while (!done() && is_space(peek())) {
      ++at_;
      ++extra_;
    }
  }
  void skip(const Item& item);
  bool number_ends(size_t index) const;
  Result<int32_t> number(size_t index, size_t digits, size_t& used);
  Result<void> set(int32_t& to, int32_t value, const Item& item);
  Result<void> store(size_t index, size_t digits, int32_t& to);
  Result<void> fraction(size_t index, size_t digits, int32_t& to);
  Result<void> year(size_t index, size_t digits);
  Result<int32_t> one_of(const Item& item, std::span<const View> names, size_t letters);
  Result<void> field(size_t index);
  Result<void> convention(DateKey key);

  const Template& t_;
  View in_;
  size_t at_ = 0;
  int extra_ = 0;  // spaces skipped that the template did not ask for
  Found found_;
};

// A number is read to its end when what follows in the template is no digit.
bool Scanner::number_ends(size_t index) const {
  if (t_.items[index].ordinal || index + 1 == t_.items.size()) return true;
  const Item& next = t_.items[index + 1];
  if (next.kind == Item::Kind::field) return !is_number(next.key);
  return !(next.kind == Item::Kind::text && is_digit(next.first));
}

Result<int32_t> Scanner::number(size_t index, size_t digits, size_t& used) {
  const Item& item = t_.items[index];
  while (!done() && is_space(peek())) ++at_;
  const View rest = in_.substr(at_);
  const bool whole = item.fill || number_ends(index);
  const View given = whole ? rest : rest.substr(0, utf8::offset(rest, digits));
  constexpr std::string_view kHint =
      "If your source string is not fixed-width, try using the \"FM\" modifier.";
  if (!whole && given.size() < digits) {
    return fail(invalid_datetime_format(
                    fmt::format("source string too short for \"{}\" formatting field", item.name))
                    .with_detail(fmt::format("Field requires {} characters, but only {} remain.",
                                             digits, given.size()))
                    .with_hint(std::string(kHint)));
  }
  size_t end = 0;
  if (end < given.size() && (given[end] == '-' || given[end] == '+')) ++end;
  const size_t sign = end;
  int64_t value = 0;
  for (; end < given.size() && is_digit(given[end]); ++end) {
    value = std::min<int64_t>(value * 10 + (given[end] - '0'), int64_t{1} << 40);
  }
  used = end == sign ? 0 : end;
  if (sign == 1 && given[0] == '-') value = -value;
  const View shown = rest.substr(0, utf8::offset(rest, digits));
  if (!whole && used > 0 && used < digits) {
    return fail(
        invalid_datetime_format(fmt::format("invalid value \"{}\" for \"{}\"", shown, item.name))
            .with_detail(fmt::format("Field requires {} characters, but only {} could be parsed.",
                                     digits, used))
            .with_hint(std::string(kHint)));
  }
  if (used == 0) {
    return fail(
        invalid_datetime_format(fmt::format("invalid value \"{}\" for \"{}\"", shown, item.name))
            .with_detail("Value must be an integer."));
  }
  if (value < INT32_MIN || value > INT32_MAX) {
    return fail(datetime_field_overflow(
                    fmt::format("value for \"{}\" in source string is out of range", item.name))
                    .with_detail(
                        fmt::format("Value must be in the range {} to {}.", INT32_MIN, INT32_MAX)));
  }
  at_ += used;
  return static_cast<int32_t>(value);
}

Result<void> Scanner::set(int32_t& to, int32_t value, const Item& item) {
  if (to != 0 && to != value) {
    return fail(
        invalid_datetime_format(
            fmt::format("conflicting values for \"{}\" field in formatting string", item.name))
            .with_detail("This value contradicts a previous setting for the same field type."));
  }
  to = value;
  return {};
}

Result<void> Scanner::store(size_t index, size_t digits, int32_t& to) {
  size_t used = 0;
  QW_ASSIGN_OR_RETURN(const int32_t value, number(index, digits, used));
  return set(to, value, t_.items[index]);
}

// "5" as MS is half a second.
Result<void> Scanner::fraction(size_t index, size_t digits, int32_t& to) {
  size_t used = 0;
  const size_t asked = t_.items[index].key == DateKey::ff
                           ? static_cast<size_t>(t_.items[index].name[2] - '0')
                           : digits;
  QW_ASSIGN_OR_RETURN(int32_t value, number(index, asked, used));
  for (size_t i = used; i < digits; ++i) value *= 10;
  return set(to, value, t_.items[index]);
}

Result<void> Scanner::year(size_t index, size_t digits) {
  size_t used = 0;
  QW_ASSIGN_OR_RETURN(int32_t value, number(index, digits, used));
  if (digits < 4 && used < 4) value = near_2020(value);
  found_.year_digits = static_cast<int32_t>(digits);
  return set(found_.year, value, t_.items[index]);
}

Result<int32_t> Scanner::one_of(const Item& item, std::span<const View> names, size_t letters) {
  const View rest = in_.substr(at_);
  for (size_t i = 0; i < names.size(); ++i) {
    const View name = names[i].substr(0, letters);
    std::string here, wanted;
    utf8::append_lower(rest.substr(0, name.size()), here);
    utf8::append_lower(name, wanted);
    if (here != wanted) continue;
    at_ += name.size();
    return static_cast<int32_t>(i);
  }
  size_t end = 0;
  while (end < rest.size() && !is_space(rest[end])) ++end;
  return fail(
      invalid_datetime_format(
          fmt::format("invalid value \"{}\" for \"{}\"", rest.substr(0, end), item.name))
          .with_detail("The given value did not match any of the allowed values for this field."));
}

// The ISO week date and the calendar do not mix.
Result<void> Scanner::convention(DateKey key) {
  switch (key) {
    case DateKey::iddd:
    case DateKey::id:
    case DateKey::iw:
    case DateKey::iyyy:
    case DateKey::iyy:
    case DateKey::iy:
    case DateKey::i:
      found_.iso = true;
      break;
    case DateKey::ad_dots:
    case DateKey::ad:
    case DateKey::cc:
    case DateKey::ddd:
    case DateKey::dd:
    case DateKey::d:
    case DateKey::month:
    case DateKey::mon:
    case DateKey::mm:
    case DateKey::rm:
    case DateKey::ww:
    case DateKey::w:
    case DateKey::y_yyy:
    case DateKey::yyyy:
    case DateKey::yyy:
    case DateKey::yy:
    case DateKey::y:
      found_.gregorian = true;
      break;
    default:  // NOLINT: the others fit both
      break;
  }
  if (!found_.iso || !found_.gregorian) return {};
  return fail(invalid_datetime_format("invalid combination of date conventions")
                  .with_hint("Do not mix Gregorian and ISO week date conventions in a formatting "
                             "template."));
}

Result<void> Scanner::field(size_t index) {
  const Item& item = t_.items[index];
  constexpr View kHalves[] = {"AM", "PM"}, kDottedHalves[] = {"A.M.", "P.M."};
  constexpr View kEras[] = {"AD", "BC"}, kDottedEras[] = {"A.D.", "B.C."};
  QW_TRY(convention(item.key));
  switch (item.key) {
    case DateKey::am:
    case DateKey::am_dots: {
      QW_ASSIGN_OR_RETURN(const int32_t half,
                          one_of(item, item.key == DateKey::am ? kHalves : kDottedHalves, 4));
      found_.pm = half == 1;
      found_.has_twelve = true;
      return {};
    }
    case DateKey::ad:
    case DateKey::ad_dots: {
      QW_ASSIGN_OR_RETURN(const int32_t era,
                          one_of(item, item.key == DateKey::ad ? kEras : kDottedEras, 4));
      found_.bc = era == 1;
      return {};
    }
    case DateKey::hh:
      found_.has_twelve = true;
      return store(index, 2, found_.hour);
    case DateKey::hh24:
      return store(index, 2, found_.hour);
    case DateKey::mi:
      return store(index, 2, found_.minute);
    case DateKey::ss:
      return store(index, 2, found_.second);
    case DateKey::ms:
      return fraction(index, 3, found_.ms);
    case DateKey::us:
    case DateKey::ff:
      return fraction(index, 6, found_.us);
    case DateKey::sssss:
      return store(index, item.name.size(), found_.second_of_day);
    case DateKey::tzh:
      if (peek() == '+' || peek() == '-' || peek() == ' ') {
        found_.zone_sign = peek() == '-' ? -1 : 1;
        ++at_;
      } else {
        found_.zone_sign = extra_ > 0 && at_ > 0 && in_[at_ - 1] == '-' ? -1 : 1;
      }
      return store(index, 2, found_.zone_hour);
    case DateKey::tzm:
      if (found_.zone_sign == 0) found_.zone_sign = 1;
      return store(index, 2, found_.zone_minute);
    case DateKey::tz:
    case DateKey::of:
      return fail(feature_not_supported(
          fmt::format("formatting field \"{}\" is only supported in to_char", item.name)));
    case DateKey::month:
    case DateKey::mon: {
      const size_t letters = item.key == DateKey::mon ? 3 : View::npos;
      QW_ASSIGN_OR_RETURN(const int32_t month, one_of(item, kMonthNames, letters));
      return set(found_.month, month + 1, item);
    }
    case DateKey::mm:
      return store(index, 2, found_.month);
    case DateKey::rm: {
      // Longer numerals first: VIII before VII before VI.
      std::array<View, 12> names;
      std::reverse_copy(std::begin(kRomanMonths), std::end(kRomanMonths), names.begin());
      std::stable_sort(names.begin(), names.end(),
                       [](View a, View b) { return a.size() > b.size(); });
      QW_ASSIGN_OR_RETURN(const int32_t at, one_of(item, names, View::npos));
      const auto* month = std::find(std::begin(kRomanMonths), std::end(kRomanMonths),
                                    names[static_cast<size_t>(at)]);
      return set(found_.month, static_cast<int32_t>(month - std::begin(kRomanMonths)) + 1, item);
    }
    case DateKey::day:
    case DateKey::dy: {
      const size_t letters = item.key == DateKey::dy ? 3 : View::npos;
      QW_ASSIGN_OR_RETURN(const int32_t day, one_of(item, kDayNames, letters));
      return set(found_.weekday, day + 1, item);
    }
    case DateKey::ddd:
    case DateKey::iddd:
      return store(index, 3, found_.day_of_year);
    case DateKey::dd:
      return store(index, 2, found_.day);
    case DateKey::d:
      return store(index, 1, found_.weekday);
    case DateKey::id: {
      QW_TRY(store(index, 1, found_.weekday));
      // Sunday is 7 here and 1 in D.
      found_.weekday = found_.weekday % 7 + 1;
      return {};
    }
    case DateKey::ww:
    case DateKey::iw:
      return store(index, 2, found_.week);
    case DateKey::q: {
      // Which day of a quarter is meant cannot be known.
      size_t used = 0;
      QW_TRY(number(index, 1, used));
      return {};
    }
    case DateKey::cc:
      return store(index, 2, found_.century);
    case DateKey::y_yyy: {
      size_t used = 0;
      QW_ASSIGN_OR_RETURN(const int32_t thousands, number(index, 1, used));
      if (peek() != ',') {
        return fail(invalid_datetime_format("invalid input string for \"Y,YYY\""));
      }
      ++at_;
      QW_ASSIGN_OR_RETURN(const int32_t rest, number(index, 3, used));
      found_.year_digits = 4;
      return set(found_.year, thousands * 1000 + rest, item);
    }
    case DateKey::yyyy:
    case DateKey::iyyy:
      return year(index, 4);
    case DateKey::yyy:
    case DateKey::iyy:
      return year(index, 3);
    case DateKey::yy:
    case DateKey::iy:
      return year(index, 2);
    case DateKey::y:
    case DateKey::i:
      return year(index, 1);
    case DateKey::w:
      return store(index, 1, found_.month_week);
    case DateKey::j:
      return store(index, 1, found_.julian);
    case DateKey::fx:
      return {};
  }
  QW_UNREACHABLE();
}

void Scanner::skip(const Item& item) {
  const size_t bytes = utf8::width(in_, at_);
  if (t_.exact) {
    at_ += bytes;
  } else if (item.kind == Item::Kind::text) {
    if (extra_ > 0) {
      --extra_;
    } else {
      at_ += bytes;
    }
  } else {
    --extra_;
    if (is_space(peek()) || is_separator(peek())) {
      ++at_;
      ++extra_;
    }
  }
}

Result<Found> Scanner::run() {
  for (size_t i = 0; i < t_.items.size() && !done(); ++i) {
    const Item& item = t_.items[i];
    if (!t_.exact && (item.kind == Item::Kind::field || i == 0)) skip_spaces();
    if (done()) break;
    if (item.kind != Item::Kind::field) {
      skip(item);
      continue;
    }
    QW_TRY(field(i));
    if (item.ordinal) {
      for (int k = 0; k < 2 && !done(); ++k) at_ += utf8::width(in_, at_);
    }
    if (!t_.exact) {
      extra_ = 0;
      skip_spaces();
    }
  }
  return found_;
}

// ---- fields to a point in time -----------------------------------------------------------------

struct Moment {
  int32_t date = 0;
  int64_t us = 0;
};

Result<void> resolve_hour(Found& f) {
  if (f.second_of_day != 0) {
    f.hour = f.second_of_day / 3600;
    f.minute = f.second_of_day % 3600 / 60;
    f.second = f.second_of_day % 60;
  }
  if (!f.has_twelve) return {};
  if (f.hour < 1 || f.hour > 12) {
    return fail(
        invalid_datetime_format(fmt::format("hour \"{}\" is invalid for the 12-hour clock", f.hour))
            .with_hint("Use the 24-hour clock, or give an hour between 1 and 12."));
  }
  if (f.pm && f.hour < 12) f.hour += 12;
  if (!f.pm && f.hour == 12) f.hour = 0;
  return {};
}

// The year with CC and BC taken in; astronomical.
int32_t resolve_year(const Found& f) {
  int32_t year = f.year;
  if (f.year != 0) {
    if (f.century != 0 && f.year_digits <= 2) {
      const int32_t century = f.bc ? -f.century : f.century;
      year %= 100;
      if (year != 0) {
        year += century >= 0 ? (century - 1) * 100 : (century + 1) * 100 + 1 - 2 * year;
      } else {
        year = century >= 0 ? century * 100 : century * 100 + 1;
      }
      return year;
    }
    if (f.bc) year = -year;
    return year < 0 ? year + 1 : year;
  }
  if (f.century != 0) {
    const int32_t century = f.bc ? -f.century : f.century;
    return century >= 0 ? (century - 1) * 100 + 1 : century * 100 + 1;
  }
  return 0;
}

Result<int32_t> resolve_date(Found& f, const Error& out_of_range) {
  const int32_t year = resolve_year(f);
  if (f.julian != 0) return f.julian - 2451545;
  int32_t day_of_year = f.day_of_year;
  if (f.week != 0) {
    if (f.iso) {
      const int32_t monday = dt::iso_week_start(year, f.week);
      if (f.weekday == 0) return monday;
      return monday + (f.weekday + 5) % 7;
    }
    day_of_year = (f.week - 1) * 7 + 1;
  }
  if (f.month_week != 0) f.day = (f.month_week - 1) * 7 + 1;
  int32_t month = f.month, day = f.day;
  if (day_of_year != 0 && (month <= 1 || day <= 1)) {
    if (f.year == 0 && !f.bc && f.century == 0) {
      return fail(invalid_datetime_format("cannot calculate day of year without year information"));
    }
    if (f.iso) return dt::iso_week_start(year, 1) - 1 + day_of_year;
    const int32_t days = dt::days_of(year + 1, 1, 1) - dt::days_of(year, 1, 1);
    if (day_of_year > days || day_of_year < 1) return fail(out_of_range);
    return dt::days_of(year, 1, 1) + day_of_year - 1;
  }
  if (month == 0) month = 1;
  if (day == 0) day = 1;
  if (month < 1 || month > 12 || day < 1 || day > dt::days_in_month(year, month)) {
    return fail(out_of_range);
  }
  return dt::days_of(year, month, day);
}

Result<Moment> moment_of(View text, View source, Row& row, Found& found) {
  Template& pattern = row.cache<Template>();
  if (!pattern.known || pattern.source != source) {
    pattern = parse_template(source);
    pattern.known = true;
  }
  const Error out_of_range =
      datetime_field_overflow(fmt::format("date/time field value out of range: \"{}\"", text));
  QW_ASSIGN_OR_RETURN(found, Scanner(pattern, text).run());
  QW_TRY(resolve_hour(found));
  Moment moment;
  QW_ASSIGN_OR_RETURN(moment.date, resolve_date(found, out_of_range));
  const int64_t us = int64_t{found.ms} * 1000 + found.us;
  if (found.hour < 0 || found.hour >= 24 || found.minute < 0 || found.minute >= 60 ||
      found.second < 0 || found.second >= 60 || us < 0 || us >= 1'000'000) {
    return fail(out_of_range);
  }
  moment.us = (int64_t{found.hour} * 3600 + found.minute * 60 + found.second) * 1'000'000 + us;
  return moment;
}

int64_t to_timestamp(View text, View source, Row& row) {
  Found found;
  auto moment = moment_of(text, source, row, found);
  if (!moment) return row.fail(std::move(moment).error());
  const Error too_far = datetime_field_overflow("timestamp out of range");
  const Int128 local = Int128{moment->date} * dt::kUsPerDay + moment->us;
  if (!dt::timestamp_valid(local)) return row.fail(too_far);
  if (found.zone_sign != 0) {
    if (found.zone_hour > 15 || found.zone_minute >= 60 || found.zone_hour < 0 ||
        found.zone_minute < 0) {
      return row.fail(
          datetime_field_overflow(fmt::format("date/time field value out of range: \"{}\"", text)));
    }
    const int64_t east = found.zone_sign * (int64_t{found.zone_hour} * 60 + found.zone_minute);
    const Int128 utc = local - east * 60'000'000;
    if (!dt::timestamp_valid(utc)) return row.fail(too_far);
    return static_cast<int64_t>(utc);
  }
  return row.take(dt::timestamptz_from_timestamp(static_cast<int64_t>(local), session_zone(row)));
}

int32_t to_date(View text, View source, Row& row) {
  Found found;
  auto moment = moment_of(text, source, row, found);
  if (!moment) return row.fail(std::move(moment).error());
  if (!dt::date_valid(moment->date)) {
    return row.fail(datetime_field_overflow(fmt::format("date out of range: \"{}\"", text)));
  }
  return moment->date;
}

}  // namespace

void declare_date_parse(Declarations& d) {
  d.add(1778, "to_timestamp(text,text) timestamptz stable", each<to_timestamp>());
  d.add(1780, "to_date(text,text) date stable", each<to_date>());
}

}  // namespace qw::sql
