// Interval text forms: see datetime.h (parse_interval, append_interval).
//
// A literal is read right to left: a unit word names the unit of the number before it, and a number
// without a word takes the unit one above what follows. ISO 8601 durations ("P1DT2H") are tried
// when that fails.
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/types/datetime.h"

namespace qw::datetime {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

enum class Failure : uint8_t { none, syntax, range };

struct Token {
  enum Kind : uint8_t { number, clock, word } kind;
  std::string text;  // a number or clock keeps its sign
};

bool scan(std::string_view text, std::vector<Token>& out) {
  size_t at = 0;
  const auto peek = [&] { return at < text.size() ? text[at] : '\0'; };
  while (at < text.size()) {
    const char c = peek();
    if (is_space(c)) {
      ++at;
      continue;
    }
    std::string token;
    if (is_letter(c)) {
      while (is_letter(peek())) token += static_cast<char>(text[at++] | 0x20);
      out.push_back({Token::word, token});
    } else if (is_digit(c) || c == '.' || c == '-' || c == '+') {
      if (c == '-' || c == '+') {
        token += c;
        ++at;
        while (is_space(peek())) ++at;
        if (!is_digit(peek()) && peek() != '.') return false;
      }
      bool colon = false;
      while (is_digit(peek()) || peek() == '.' || peek() == ':' ||
             (peek() == '-' && !token.empty() && is_digit(token.back()))) {
        colon = colon || peek() == ':';
        token += text[at++];
      }
      out.push_back({colon ? Token::clock : Token::number, token});
    } else if (c > ' ' && c < 0x7f) {
      ++at;  // "@" and other punctuation
    } else {
      return false;
    }
    if (out.size() > 25) return false;
  }
  return true;
}

struct Sum {
  int64_t months = 0, days = 0;
  Int128 us = 0;

  // Adds number + fraction of a unit that is `scale` microseconds.
  void add_us(int64_t number, double fraction, int64_t scale) {
    us += Int128{number} * scale;
    add_fraction(fraction * static_cast<double>(scale));
  }
  void add_fraction(double value) {
    auto whole = static_cast<int64_t>(value);
    const double rest = value - static_cast<double>(whole);
    if (rest > 0.5) ++whole;
    if (rest < -0.5) --whole;
    us += whole;
  }
  void add_days(int64_t number, double fraction, int64_t scale) {
    days += number * scale;
    const double part = fraction * static_cast<double>(scale);
    const auto whole = static_cast<int64_t>(part);
    days += whole;
    add_fraction((part - static_cast<double>(whole)) * static_cast<double>(kUsPerDay));
  }
  void add_years(int64_t number, double fraction, int64_t scale) {
    months += number * scale * 12;
    months += static_cast<int64_t>(std::rint(fraction * static_cast<double>(scale) * 12));
  }
};

// Adds a number of some unit. False: not a unit of intervals.
bool add_unit(Sum& sum, Unit unit, int64_t number, double fraction) {
  switch (unit) {
    case Unit::microsecond:
      sum.add_us(number, fraction, 1);
      return true;
    case Unit::millisecond:
      sum.add_us(number, fraction, 1000);
      return true;
    case Unit::second:
      sum.add_us(number, fraction, interval::kUsPerSecond);
      return true;
    case Unit::minute:
      sum.add_us(number, fraction, interval::kUsPerMinute);
      return true;
    case Unit::hour:
      sum.add_us(number, fraction, interval::kUsPerHour);
      return true;
    case Unit::day:
      sum.days += number;
      sum.add_fraction(fraction * static_cast<double>(kUsPerDay));
      return true;
    case Unit::week:
      sum.add_days(number, fraction, 7);
      return true;
    case Unit::month:
      sum.months += number;
      sum.add_days(0, fraction, 30);
      return true;
    case Unit::year:
      sum.add_years(number, fraction, 1);
      return true;
    case Unit::decade:
      sum.add_years(number, fraction, 10);
      return true;
    case Unit::century:
      sum.add_years(number, fraction, 100);
      return true;
    case Unit::millennium:
      sum.add_years(number, fraction, 1000);
      return true;
    case Unit::quarter:
    case Unit::dow:
    case Unit::isodow:
    case Unit::doy:
    case Unit::isoyear:
    case Unit::julian:
    case Unit::epoch:
    case Unit::timezone:
    case Unit::timezone_hour:
    case Unit::timezone_minute:
      return false;
  }
  return false;
}

constexpr int32_t kMonthBit = 1 << 1, kYearBit = 1 << 2, kDayBit = 1 << 3, kHourBit = 1 << 10,
                  kMinuteBit = 1 << 11, kSecondBit = 1 << 12;

// The unit of a last number without a word, by the type's field restriction.
Unit default_unit(int32_t range) {
  if (range == 0x7fff || (range & kSecondBit) != 0) return Unit::second;
  if ((range & kMinuteBit) != 0) return Unit::minute;
  if ((range & kHourBit) != 0) return Unit::hour;
  if ((range & kDayBit) != 0) return Unit::day;
  if ((range & kMonthBit) != 0) return Unit::month;
  return (range & kYearBit) != 0 ? Unit::year : Unit::second;
}

// "[+-]hh:mm[:ss[.f]]", "mm:ss.f"
Failure add_clock(Sum& sum, std::string_view text, int32_t range) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  std::array<int64_t, 3> parts{};
  size_t count = 0;
  double fraction = 0;
  bool fractional = false;
  while (true) {
    if (!text.empty() && is_digit(text.front())) {
      const auto [at, status] =
          std::from_chars(text.data(), text.data() + text.size(), parts[count]);
      if (status != std::errc{}) return Failure::range;
      text.remove_prefix(static_cast<size_t>(at - text.data()));
    }
    ++count;
    if (text.empty()) break;
    if (text.front() == '.') {
      if (count == 1) return Failure::syntax;
      fractional = true;
      if (text.size() > 1) {
        const auto [at, status] = std::from_chars(text.data(), text.data() + text.size(), fraction);
        if (status != std::errc{} || at != text.data() + text.size()) return Failure::syntax;
      }
      break;
    }
    if (text.front() != ':' || count == parts.size()) return Failure::syntax;
    text.remove_prefix(1);
  }
  const bool minutes_first = count == 2 && (fractional || range == (kMinuteBit | kSecondBit));
  if (minutes_first) parts = {0, parts[0], parts[1]};
  if (parts[1] > 59 || parts[2] > 60) return Failure::range;
  Int128 us = Int128{parts[0]} * interval::kUsPerHour + parts[1] * interval::kUsPerMinute +
              parts[2] * interval::kUsPerSecond + static_cast<int64_t>(std::rint(fraction * 1e6));
  sum.us += negative ? -us : us;
  return Failure::none;
}

// "[+-]n[.f]" or "years-months"; `unit` becomes month for the latter.
Failure read_number(std::string_view text, int64_t& number, double& fraction, Unit& unit) {
  const bool negative = text.front() == '-';
  if (negative || text.front() == '+') text.remove_prefix(1);
  number = 0;
  fraction = 0;
  if (text.front() != '.') {
    const auto [at, status] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (status != std::errc{}) return Failure::range;
    text.remove_prefix(static_cast<size_t>(at - text.data()));
  }
  if (!text.empty() && text.front() == '-') {
    text.remove_prefix(1);
    int64_t months = 0;
    const auto [at, status] = std::from_chars(text.data(), text.data() + text.size(), months);
    if (status != std::errc{} || months >= 12) return Failure::range;
    if (at != text.data() + text.size()) return Failure::syntax;
    if (number > INT32_MAX) return Failure::range;
    unit = Unit::month;
    number = number * 12 + months;
  } else if (!text.empty()) {
    if (text.front() != '.') return Failure::syntax;
    if (text.size() > 1) {
      const auto [at, status] = std::from_chars(text.data(), text.data() + text.size(), fraction);
      if (status != std::errc{} || at != text.data() + text.size()) return Failure::syntax;
    }
  }
  if (negative) {
    number = -number;
    fraction = -fraction;
  }
  return Failure::none;
}

bool unit_word(const std::string& word, Unit& unit) {
  if (word == "m") {
    unit = Unit::minute;
    return true;
  }
  const auto found = unit_from_name(word, TypeId::interval);
  if (!found) return false;
  Sum scratch;
  unit = *found;
  return add_unit(scratch, unit, 0, 0);
}

// Bits for "this unit was given": a unit given twice is an error.
uint32_t unit_bit(Unit unit) { return 1U << static_cast<uint32_t>(unit); }

Failure decode(const std::vector<Token>& tokens, const TextStyle& style, int32_t range, Sum& sum) {
  bool have_unit = false, ago = false;
  Unit unit = Unit::second;
  uint32_t seen = 0;
  for (size_t i = tokens.size(); i-- > 0;) {
    const Token& token = tokens[i];
    uint32_t mask = 0;
    if (token.kind == Token::word) {
      if (token.text == "ago") {
        ago = true;
        continue;
      }
      if (token.text == "at" || token.text == "on") continue;
      if (!unit_word(token.text, unit)) return Failure::syntax;
      have_unit = true;
      continue;
    }
    if (token.kind == Token::clock) {
      const Failure failure = add_clock(sum, token.text, range);
      if (failure != Failure::none) return failure;
      mask = unit_bit(Unit::hour) | unit_bit(Unit::minute) | unit_bit(Unit::second);
      unit = Unit::day;
      have_unit = true;
    } else {
      if (!have_unit) {
        unit = default_unit(range);
        have_unit = true;
      }
      int64_t number = 0;
      double fraction = 0;
      const Failure failure = read_number(token.text, number, fraction, unit);
      if (failure != Failure::none) return failure;
      const bool wide_unit = unit == Unit::microsecond || unit == Unit::millisecond ||
                             unit == Unit::second || unit == Unit::minute || unit == Unit::hour;
      if (!wide_unit && (number > INT32_MAX || number < INT32_MIN)) return Failure::range;
      add_unit(sum, unit, number, fraction);
      mask = unit_bit(unit);
      if (unit == Unit::second && fraction != 0) {
        mask |= unit_bit(Unit::millisecond) | unit_bit(Unit::microsecond);
      }
      if (unit == Unit::hour) unit = Unit::day;
    }
    if ((mask & seen) != 0) return Failure::syntax;
    seen |= mask;
  }
  if (seen == 0) return Failure::syntax;
  if (style.interval_style == IntervalStyle::sql_standard && tokens.front().text.front() == '-') {
    // One leading sign covers all fields when no other is given.
    bool others = false;
    for (size_t i = 1; i < tokens.size(); ++i) {
      others = others || tokens[i].text.front() == '-' || tokens[i].text.front() == '+';
    }
    if (!others) {
      sum.months = -std::abs(sum.months);
      sum.days = -std::abs(sum.days);
      sum.us = sum.us > 0 ? -sum.us : sum.us;
    }
  }
  if (ago) {
    sum.months = -sum.months;
    sum.days = -sum.days;
    sum.us = -sum.us;
  }
  return Failure::none;
}

// "P1Y2M3W4DT5H6M7.5S", "P0001-02-03T04:05:06", "P20240102T030405"
Failure decode_iso(std::string_view text, Sum& sum) {
  if (text.size() < 2 || text.front() != 'P') return Failure::syntax;
  text.remove_prefix(1);
  bool time = false, any = false;
  while (!text.empty()) {
    if (text.front() == 'T') {
      if (time) return Failure::syntax;
      time = true;
      text.remove_prefix(1);
      if (text.empty()) return Failure::syntax;
      continue;
    }
    const bool negative = text.front() == '-';
    if (negative || text.front() == '+') text.remove_prefix(1);
    double value = 0;
    if (text.empty() || (!is_digit(text.front()) && text.front() != '.')) return Failure::syntax;
    const auto [at, status] =
        std::from_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed);
    if (status != std::errc{}) return Failure::range;
    const size_t digits = static_cast<size_t>(at - text.data());
    text.remove_prefix(digits);
    if (value > 9e18) return Failure::range;
    const double sign = negative ? -1 : 1;
    const auto number = static_cast<int64_t>(sign * value);
    const double fraction = sign * value - static_cast<double>(number);
    const char unit = text.empty() ? '\0' : text.front();
    if (unit == '-' || unit == ':' || unit == '\0' || (unit == 'T' && !time)) {
      return Failure::syntax;  // handled by decode_iso_fields()
    }
    text.remove_prefix(1);
    any = true;
    if (!time && (number > INT32_MAX || number < INT32_MIN)) return Failure::range;
    if (!time && unit == 'Y') {
      add_unit(sum, Unit::year, number, fraction);
    } else if (unit == 'M') {
      add_unit(sum, time ? Unit::minute : Unit::month, number, fraction);
    } else if (!time && unit == 'W') {
      add_unit(sum, Unit::week, number, fraction);
    } else if (!time && unit == 'D') {
      add_unit(sum, Unit::day, number, fraction);
    } else if (time && unit == 'H') {
      add_unit(sum, Unit::hour, number, fraction);
    } else if (time && unit == 'S') {
      add_unit(sum, Unit::second, number, fraction);
    } else {
      return Failure::syntax;
    }
  }
  return any ? Failure::none : Failure::syntax;
}

// The alternative ISO form with fields in fixed order: "P0001-02-03T04:05:06".
Failure decode_iso_fields(std::string_view text, Sum& sum) {
  if (text.size() < 2 || text.front() != 'P') return Failure::syntax;
  text.remove_prefix(1);
  constexpr std::array<Unit, 3> date_units = {Unit::year, Unit::month, Unit::day};
  constexpr std::array<Unit, 3> time_units = {Unit::hour, Unit::minute, Unit::second};
  const size_t mark = text.find('T');
  const auto run = [&](std::string_view part, char separator, const std::array<Unit, 3>& units) {
    for (size_t i = 0; !part.empty(); ++i) {
      if (i == units.size()) return false;
      double value = 0;
      const bool negative = part.front() == '-';
      if (negative) part.remove_prefix(1);
      const auto [at, status] =
          std::from_chars(part.data(), part.data() + part.size(), value, std::chars_format::fixed);
      if (status != std::errc{} || value > 2e9) return false;
      part.remove_prefix(static_cast<size_t>(at - part.data()));
      if (negative) value = -value;
      const auto number = static_cast<int64_t>(value);
      add_unit(sum, units[i], number, value - static_cast<double>(number));
      if (part.empty()) return true;
      if (part.front() != separator || part.size() == 1) return false;
      part.remove_prefix(1);
    }
    return true;
  };
  if (!run(text.substr(0, mark), '-', date_units)) return Failure::syntax;
  if (mark != std::string_view::npos && !run(text.substr(mark + 1), ':', time_units)) {
    return Failure::syntax;
  }
  return Failure::none;
}

}  // namespace

Result<Interval> parse_interval(std::string_view text, const TextStyle& style, int32_t typmod) {
  std::vector<Token> tokens;
  Sum sum;
  const int32_t range = typmod < 0 ? 0x7fff : (typmod >> 16) & 0x7fff;
  Failure failure = Failure::syntax;
  if (scan(text, tokens) && !tokens.empty()) failure = decode(tokens, style, range, sum);
  if (failure == Failure::syntax) {
    std::string_view iso = text;
    sum = Sum{};
    failure = decode_iso(iso, sum);
    if (failure == Failure::syntax) {
      sum = Sum{};
      failure = decode_iso_fields(iso, sum);
    }
  }
  if (failure == Failure::syntax) {
    return fail(invalid_datetime_format(
        fmt::format("invalid input syntax for type interval: \"{}\"", text)));
  }
  if (failure == Failure::range) {
    return fail(Error("22015", fmt::format("interval field value out of range: \"{}\"", text)));
  }
  if (sum.months != static_cast<int32_t>(sum.months) ||
      sum.days != static_cast<int32_t>(sum.days)) {
    return fail(Error("22015", fmt::format("interval field value out of range: \"{}\"", text)));
  }
  if (sum.us != Int128{static_cast<int64_t>(sum.us)}) {
    return fail(Error("22015", fmt::format("interval field value out of range: \"{}\"", text)));
  }
  return interval::apply_typmod({static_cast<int64_t>(sum.us), static_cast<int32_t>(sum.days),
                                 static_cast<int32_t>(sum.months)},
                                typmod);
}

namespace {

struct Parts {
  int64_t year, month, day, hour, minute, second, us;
};

Parts parts_of(const Interval& value) {
  return {value.months / 12,
          value.months % 12,
          value.days,
          value.us / interval::kUsPerHour,
          value.us / interval::kUsPerMinute % 60,
          value.us / interval::kUsPerSecond % 60,
          value.us % interval::kUsPerSecond};
}

void append_seconds(const Parts& parts, bool two_digits, std::string& out) {
  const int64_t second = std::abs(parts.second);
  int64_t us = std::abs(parts.us);
  if (two_digits && second < 10) out += '0';
  fmt::format_to(std::back_inserter(out), "{}", second);
  if (us == 0) return;
  std::string fraction = fmt::format(".{:06}", us);
  while (fraction.back() == '0') fraction.pop_back();
  out += fraction;
}

void append_postgres(const Parts& parts, std::string& out) {
  bool empty = true, negative = false;
  const auto add = [&](int64_t value, std::string_view unit) {
    if (value == 0) return;
    fmt::format_to(std::back_inserter(out), "{}{}{} {}{}", empty ? "" : " ",
                   negative && value > 0 ? "+" : "", value, unit, value != 1 ? "s" : "");
    negative = value < 0;
    empty = false;
  };
  add(parts.year, "year");
  add(parts.month, "mon");
  add(parts.day, "day");
  const bool clock = parts.hour != 0 || parts.minute != 0 || parts.second != 0 || parts.us != 0;
  if (!empty && !clock) return;
  const bool minus = parts.hour < 0 || parts.minute < 0 || parts.second < 0 || parts.us < 0;
  fmt::format_to(std::back_inserter(out), "{}{}{:02}:{:02}:", empty ? "" : " ",
                 minus ? "-" : (negative ? "+" : ""), std::abs(parts.hour), std::abs(parts.minute));
  append_seconds(parts, true, out);
}

void append_verbose(const Parts& parts, std::string& out) {
  bool empty = true, ago = false;
  out += '@';
  const auto add = [&](int64_t value, std::string_view unit) {
    if (value == 0) return;
    if (empty) ago = value < 0;
    if (ago) value = -value;
    fmt::format_to(std::back_inserter(out), " {} {}{}", value, unit, value == 1 ? "" : "s");
    empty = false;
  };
  add(parts.year, "year");
  add(parts.month, "mon");
  add(parts.day, "day");
  add(parts.hour, "hour");
  add(parts.minute, "min");
  if (parts.second != 0 || parts.us != 0) {
    out += ' ';
    if (parts.second < 0 || parts.us < 0) {
      if (empty) {
        ago = true;
      } else if (!ago) {
        out += '-';
      }
    } else if (ago) {
      out += '-';
    }
    append_seconds(parts, false, out);
    out += std::abs(parts.second) != 1 || parts.us != 0 ? " secs" : " sec";
    empty = false;
  }
  if (empty) out += " 0";
  if (ago) out += " ago";
}

void append_sql_standard(Parts parts, std::string& out) {
  const std::array<int64_t*, 7> all = {&parts.year,   &parts.month,  &parts.day, &parts.hour,
                                       &parts.minute, &parts.second, &parts.us};
  bool negative = false, positive = false;
  for (const int64_t* part : all) {
    negative = negative || *part < 0;
    positive = positive || *part > 0;
  }
  const bool months = parts.year != 0 || parts.month != 0;
  const bool clock = parts.hour != 0 || parts.minute != 0 || parts.second != 0 || parts.us != 0;
  const bool standard = !(negative && positive) && !(months && (parts.day != 0 || clock));
  if (!negative && !positive) {
    out += '0';
    return;
  }
  auto to = std::back_inserter(out);
  if (!standard) {
    const bool minus = parts.hour < 0 || parts.minute < 0 || parts.second < 0 || parts.us < 0;
    fmt::format_to(to, "{}{}-{} {}{} {}{}:{:02}:", parts.year < 0 || parts.month < 0 ? '-' : '+',
                   std::abs(parts.year), std::abs(parts.month), parts.day < 0 ? '-' : '+',
                   std::abs(parts.day), minus ? '-' : '+', std::abs(parts.hour),
                   std::abs(parts.minute));
    append_seconds(parts, true, out);
    return;
  }
  if (negative) {
    out += '-';
    for (int64_t* part : all) *part = -*part;
  }
  if (months) {
    fmt::format_to(to, "{}-{}", parts.year, parts.month);
    return;
  }
  if (parts.day != 0) fmt::format_to(to, "{} ", parts.day);
  fmt::format_to(to, "{}:{:02}:", parts.hour, parts.minute);
  append_seconds(parts, true, out);
}

void append_iso(const Parts& parts, std::string& out) {
  const bool clock = parts.hour != 0 || parts.minute != 0 || parts.second != 0 || parts.us != 0;
  if (parts.year == 0 && parts.month == 0 && parts.day == 0 && !clock) {
    out += "PT0S";
    return;
  }
  const auto add = [&](int64_t value, char unit) {
    if (value != 0) fmt::format_to(std::back_inserter(out), "{}{}", value, unit);
  };
  out += 'P';
  add(parts.year, 'Y');
  add(parts.month, 'M');
  add(parts.day, 'D');
  if (clock) out += 'T';
  add(parts.hour, 'H');
  add(parts.minute, 'M');
  if (parts.second != 0 || parts.us != 0) {
    if (parts.second < 0 || parts.us < 0) out += '-';
    append_seconds(parts, false, out);
    out += 'S';
  }
}

}  // namespace

void append_interval(const Interval& value, const TextStyle& style, std::string& out) {
  const Parts parts = parts_of(value);
  switch (style.interval_style) {
    case IntervalStyle::postgres:
      return append_postgres(parts, out);
    case IntervalStyle::postgres_verbose:
      return append_verbose(parts, out);
    case IntervalStyle::sql_standard:
      return append_sql_standard(parts, out);
    case IntervalStyle::iso_8601:
      return append_iso(parts, out);
  }
}

}  // namespace qw::datetime
