// Parsing dates, times and timestamps: see datetime.h.
//
// The text is cut into fields by their first characters (scan()), then each field claims the parts
// of the value it gives: year, month, ... A part claimed twice is a syntax error, a part missing at
// the end too. The rules are PostgreSQL's, including what depends on DateStyle's order. Tests:
// tests/unit/types/datetime_test.cc.
#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/types/datetime.h"
#include "src/types/time_zone.h"

namespace qw::datetime {
namespace {

constexpr uint32_t kYear = 1, kMonth = 2, kDay = 4, kDayOfYear = 8, kHour = 16, kMinute = 32,
                   kSecond = 64, kZone = 128, kWeekday = 256, kEra = 512, kHalf = 1024,
                   kDstWord = 2048;
constexpr uint32_t kDate = kYear | kMonth | kDay, kTime = kHour | kMinute | kSecond;

enum class Kind : uint8_t { number, date, time, zone, word, sign_word };
struct Field {
  Kind kind;
  std::string text;
};

enum class Failure : uint8_t { none, syntax, field_range, month_day_range, zone_range };

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
bool is_punctuation(char c) { return c > ' ' && c < 0x7f && !is_digit(c) && !is_letter(c); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

enum class Meaning : uint8_t {
  none,
  ignore,
  month,
  weekday,
  am_pm,
  era,
  now,
  today,
  tomorrow,
  yesterday,
  zulu,
  epoch,
  infinity,
  minus_infinity,
  iso_time,
  julian,
  dst,
};
struct Word {
  std::string_view text;
  Meaning meaning;
  int32_t value;
};
constexpr std::array<Word, 65> kWords = {{
    {"-infinity", Meaning::minus_infinity, 0},
    {"ad", Meaning::era, 0},
    {"allballs", Meaning::zulu, 0},
    {"am", Meaning::am_pm, 0},
    {"apr", Meaning::month, 4},
    {"april", Meaning::month, 4},
    {"at", Meaning::ignore, 0},
    {"aug", Meaning::month, 8},
    {"august", Meaning::month, 8},
    {"bc", Meaning::era, 1},
    {"d", Meaning::none, 0},
    {"dec", Meaning::month, 12},
    {"december", Meaning::month, 12},
    {"dst", Meaning::dst, 0},
    {"epoch", Meaning::epoch, 0},
    {"feb", Meaning::month, 2},
    {"february", Meaning::month, 2},
    {"fri", Meaning::weekday, 5},
    {"friday", Meaning::weekday, 5},
    {"infinity", Meaning::infinity, 0},
    {"+infinity", Meaning::infinity, 0},
    {"j", Meaning::julian, 0},
    {"jan", Meaning::month, 1},
    {"january", Meaning::month, 1},
    {"jd", Meaning::julian, 0},
    {"jul", Meaning::month, 7},
    {"julian", Meaning::julian, 0},
    {"july", Meaning::month, 7},
    {"jun", Meaning::month, 6},
    {"june", Meaning::month, 6},
    {"mar", Meaning::month, 3},
    {"march", Meaning::month, 3},
    {"may", Meaning::month, 5},
    {"mon", Meaning::weekday, 1},
    {"monday", Meaning::weekday, 1},
    {"nov", Meaning::month, 11},
    {"november", Meaning::month, 11},
    {"now", Meaning::now, 0},
    {"oct", Meaning::month, 10},
    {"october", Meaning::month, 10},
    {"on", Meaning::ignore, 0},
    {"pm", Meaning::am_pm, 1},
    {"sat", Meaning::weekday, 6},
    {"saturday", Meaning::weekday, 6},
    {"sep", Meaning::month, 9},
    {"sept", Meaning::month, 9},
    {"september", Meaning::month, 9},
    {"sun", Meaning::weekday, 0},
    {"sunday", Meaning::weekday, 0},
    {"t", Meaning::iso_time, 0},
    {"thu", Meaning::weekday, 4},
    {"thur", Meaning::weekday, 4},
    {"thurs", Meaning::weekday, 4},
    {"thursday", Meaning::weekday, 4},
    {"today", Meaning::today, 0},
    {"tomorrow", Meaning::tomorrow, 0},
    {"tue", Meaning::weekday, 2},
    {"tues", Meaning::weekday, 2},
    {"tuesday", Meaning::weekday, 2},
    {"wed", Meaning::weekday, 3},
    {"wednesday", Meaning::weekday, 3},
    {"weds", Meaning::weekday, 3},
    {"yesterday", Meaning::yesterday, 0},
    {"a.d.", Meaning::era, 0},
    {"b.c.", Meaning::era, 1},
}};

const Word* find_word(std::string_view text) {
  for (const Word& word : kWords) {
    // Words are compared by their first ten letters.
    if (word.meaning != Meaning::none && word.text == text.substr(0, 10)) return &word;
  }
  return nullptr;
}

// Cuts the text into fields. False: no field can start here.
bool scan(std::string_view text, std::vector<Field>& out) {
  constexpr size_t fields_max = 25;
  size_t at = 0;
  const auto peek = [&](size_t ahead = 0) {
    return at + ahead < text.size() ? text[at + ahead] : '\0';
  };
  std::string field;
  const auto take_while = [&](auto accept) {
    while (at < text.size() && accept(text[at])) field += lower(text[at++]);
  };
  while (at < text.size()) {
    const char c = peek();
    if (is_space(c)) {
      ++at;
      continue;
    }
    field.clear();
    Kind kind = Kind::number;
    if (is_digit(c)) {
      take_while(is_digit);
      const char next = peek();
      if (next == ':') {
        kind = Kind::time;
        take_while([](char d) { return is_digit(d) || d == ':' || d == '.'; });
      } else if (next == '-' || next == '/' || next == '.') {
        field += next;
        ++at;
        if (is_digit(peek())) {
          kind = next == '.' ? Kind::number : Kind::date;
          take_while(is_digit);
          if (peek() == next) {
            kind = Kind::date;
            take_while([next](char d) { return is_digit(d) || d == next; });
          }
        } else {
          kind = Kind::date;
          take_while([next](char d) { return is_digit(d) || is_letter(d) || d == next; });
        }
      }
    } else if (c == '.') {
      field += c;
      ++at;
      take_while(is_digit);
    } else if (is_letter(c)) {
      kind = Kind::word;
      take_while(is_letter);
      const char next = peek();
      if (next == '-' || next == '/' || next == '.' ||
          ((next == '+' || is_digit(next)) && find_word(field) == nullptr)) {
        kind = Kind::date;
        take_while([](char d) {
          return d == '+' || d == '-' || d == '/' || d == '_' || d == '.' || d == ':' ||
                 is_digit(d) || is_letter(d);
        });
      }
    } else if (c == '+' || c == '-') {
      field += c;
      ++at;
      while (at < text.size() && is_space(text[at])) ++at;
      if (is_digit(peek())) {
        kind = Kind::zone;
        take_while([](char d) { return is_digit(d) || d == ':' || d == '.' || d == '-'; });
      } else if (is_letter(peek())) {
        kind = Kind::sign_word;
        take_while(is_letter);
      } else {
        return false;
      }
    } else if (is_punctuation(c)) {
      ++at;
      continue;
    } else {
      return false;
    }
    if (out.size() == fields_max) return false;
    out.push_back({kind, field});
  }
  return true;
}

// Reads an unsigned number; what follows it stays in `rest`. False: overflow or none.
bool take_number(std::string_view& rest, int32_t& out) {
  const auto [at, status] = std::from_chars(rest.data(), rest.data() + rest.size(), out);
  rest.remove_prefix(static_cast<size_t>(at - rest.data()));
  return status == std::errc{};
}

// ".25" -> microseconds, rounded half to even as rint() does.
bool parse_fraction(std::string_view text, int32_t& us) {
  QW_ASSERT(!text.empty() && text.front() == '.');
  if (text.size() == 1) {
    us = 0;
    return true;
  }
  double fraction = 0;
  const auto [at, status] =
      std::from_chars(text.data(), text.data() + text.size(), fraction, std::chars_format::fixed);
  if (status == std::errc::invalid_argument || at != text.data() + text.size()) return false;
  us = static_cast<int32_t>(std::rint(fraction * 1e6));
  return true;
}

enum class Special : uint8_t { none, epoch, infinity, minus_infinity };

// Everything the fields have said so far.
class Decoder {
 public:
  Decoder(const TextStyle& style, bool time_only) : style_(style), time_only_(time_only) {}

  Failure decode(std::vector<Field>& fields);

  Special special = Special::none;
  int32_t year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, us = 0;
  uint32_t seen = 0;
  std::optional<int32_t> zone_east;      // an offset was given
  std::shared_ptr<const TimeZone> zone;  // or a zone
  std::string unknown_zone;              // 22023 takes precedence over the failure

 private:
  enum class Expect : uint8_t { nothing, time, julian };

  Failure field(const std::vector<Field>& fields, size_t index, uint32_t& mask);
  Failure number_field(const std::string& text, uint32_t& mask);
  Failure word_field(const std::vector<Field>& fields, size_t index, uint32_t& mask);
  Failure date_field(const std::string& text, bool may_be_date, uint32_t& mask);
  Failure decode_date(std::string_view text, uint32_t& mask);
  Failure decode_number(std::string_view text, bool text_month, uint32_t have, uint32_t& mask);
  Failure decode_run(std::string_view text, uint32_t have, uint32_t& mask);
  Failure decode_clock(std::string_view text, uint32_t& mask);
  Failure decode_offset(std::string_view text, uint32_t& mask);
  Failure named_zone(const std::string& text, uint32_t& mask);
  Failure julian_day(std::string_view text, uint32_t& mask);
  Failure finish();
  void set_date(int32_t date) {
    const Civil civil = civil_of_date(date);
    year = civil.year;
    month = civil.month;
    day = civil.day;
    absolute_ = true;
  }
  const TimeZone& session_zone() const { return style_.zone ? *style_.zone : TimeZone::utc(); }
  int64_t local_now() const {
    return style_.now_us + int64_t{session_zone().at(style_.now_us).offset_seconds} * 1'000'000;
  }

  const TextStyle& style_;
  bool time_only_;
  Expect expect_ = Expect::nothing;
  bool text_month_ = false, two_digits_ = false, bc_ = false, absolute_ = false;
  int32_t half_ = -1;  // 0 = AM, 1 = PM
  int32_t day_of_year_ = 0;
};

Failure Decoder::decode_clock(std::string_view text, uint32_t& mask) {
  mask = kTime;
  if (!take_number(text, hour)) return Failure::field_range;
  if (text.empty() || text.front() != ':') return Failure::syntax;
  text.remove_prefix(1);
  minute = second = us = 0;
  if (text.empty() || !is_digit(text.front())) {
    // "12:" reads as 12:00, as strtol() of nothing is 0.
    if (!text.empty() && text.front() != ':' && text.front() != '.') return Failure::syntax;
  } else if (!take_number(text, minute)) {
    return Failure::field_range;
  }
  if (!text.empty() && text.front() == '.') {  // mm:ss.fff
    if (!parse_fraction(text, us)) return Failure::syntax;
    second = minute;
    minute = hour;
    hour = 0;
  } else if (!text.empty()) {
    text.remove_prefix(1);
    if (!text.empty() && is_digit(text.front()) && !take_number(text, second)) {
      return Failure::field_range;
    }
    if (!text.empty() && (text.front() != '.' || !parse_fraction(text, us))) return Failure::syntax;
  }
  const bool valid = minute <= 59 && second <= 60 && us <= 1'000'000;
  if (!valid) return Failure::field_range;
  const int64_t total = hour * interval::kUsPerHour + minute * interval::kUsPerMinute +
                        second * interval::kUsPerSecond + us;
  return total > kUsPerDay ? Failure::field_range : Failure::none;
}

Failure Decoder::decode_offset(std::string_view text, uint32_t& mask) {
  mask = kZone;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return Failure::syntax;
  const bool negative = text.front() == '-';
  const size_t whole = text.size();
  text.remove_prefix(1);
  int32_t h = 0, m = 0, s = 0;
  if (!take_number(text, h)) return Failure::zone_range;
  if (text.empty()) {
    if (whole > 3) {
      m = h % 100;
      h /= 100;
    }
  } else if (text.front() == ':') {
    text.remove_prefix(1);
    if (!take_number(text, m)) return Failure::zone_range;
    if (!text.empty() && text.front() == ':') {
      text.remove_prefix(1);
      if (!take_number(text, s)) return Failure::zone_range;
    }
  }
  if (h > 15 || m > 59 || s > 59) return Failure::zone_range;
  if (!text.empty()) return Failure::syntax;
  const int32_t east = h * 3600 + m * 60 + s;
  zone_east = negative ? -east : east;
  return Failure::none;
}

Failure Decoder::named_zone(const std::string& text, uint32_t& mask) {
  mask = kZone;
  auto found = TimeZone::find(text);
  if (!found) {
    unknown_zone = text;
    return Failure::syntax;
  }
  zone = std::move(*found);
  return Failure::none;
}

// Digits without punctuation: yyyymmdd, yymmdd, hhmmss, hhmm, with a fraction.
Failure Decoder::decode_run(std::string_view text, uint32_t have, uint32_t& mask) {
  const size_t point = text.find('.');
  const auto part = [&](size_t from, size_t count) {
    std::string_view digits = text.substr(from, count);
    int32_t value = 0;
    return take_number(digits, value) && digits.empty() ? value : -1;
  };
  if (point != std::string_view::npos) {
    if (!parse_fraction(text.substr(point), us)) return Failure::syntax;
    text = text.substr(0, point);
  } else if ((have & kDate) != kDate && text.size() >= 6) {
    mask = kDate;
    const size_t size = text.size();
    day = part(size - 2, 2);
    month = part(size - 4, 2);
    year = part(0, size - 4);
    if (year < 0) return Failure::field_range;
    two_digits_ = size - 4 == 2;
    return Failure::none;
  }
  if ((have & kTime) == kTime) return Failure::syntax;
  if (text.size() != 6 && text.size() != 4) return Failure::syntax;
  mask = kTime;
  hour = part(0, 2);
  minute = part(2, 2);
  second = text.size() == 6 ? part(4, 2) : 0;
  if (point == std::string_view::npos) us = 0;
  return Failure::none;
}

Failure Decoder::decode_number(std::string_view text, bool text_month, uint32_t have,
                               uint32_t& mask) {
  std::string_view rest = text;
  int32_t value = 0;
  if (rest.empty() || !is_digit(rest.front())) return Failure::syntax;
  if (!take_number(rest, value)) return Failure::field_range;
  if (!rest.empty()) {
    if (rest.front() != '.') return Failure::syntax;
    // More than two digits before the point: a run-together date or time.
    if (text.size() - rest.size() > 2) return decode_run(text, have | kDate, mask);
    if (!parse_fraction(rest, us)) return Failure::syntax;
  }
  const size_t size = text.size();
  const bool long_number = size >= 3 || style_.date_order == DateOrder::ymd;
  if (size == 3 && (have & kDate) == kYear && value >= 1 && value <= 366) {
    mask = kDayOfYear | kMonth | kDay;
    day_of_year_ = value;
    return Failure::none;
  }
  switch (have & kDate) {
    case 0:
      mask = long_number ? kYear : (style_.date_order == DateOrder::dmy ? kDay : kMonth);
      break;
    case kYear:
    case kDay:
      mask = kMonth;
      break;
    case kMonth:
      mask = text_month && long_number ? kYear : kDay;
      break;
    case kYear | kMonth:
      mask = kDay;
      if (text_month && size >= 3 && two_digits_) {
        // The first number was the day after all: this one is the year.
        day = year;
        year = value;
        two_digits_ = false;
        return Failure::none;
      }
      break;
    case kMonth | kDay:
      mask = kYear;
      break;
    case kDate:
      return decode_run(text, have, mask);
    default:
      return Failure::syntax;
  }
  if (mask == kYear) {
    year = value;
    two_digits_ = size <= 2;
  } else if (mask == kMonth) {
    month = value;
  } else {
    day = value;
  }
  return Failure::none;
}

// A date in one field: up to three numbers, one of which may be a month's name.
Failure Decoder::decode_date(std::string_view text, uint32_t& mask) {
  std::vector<std::string_view> parts;
  for (size_t at = 0; at < text.size();) {
    if (!is_digit(text[at]) && !is_letter(text[at])) {
      ++at;
      continue;
    }
    const size_t begin = at;
    const bool digits = is_digit(text[at]);
    while (at < text.size() && (digits ? is_digit(text[at]) : is_letter(text[at]))) ++at;
    parts.push_back(text.substr(begin, at - begin));
    if (parts.size() > 25) return Failure::syntax;
  }
  bool text_month = false;
  mask = 0;
  uint32_t have = seen;
  for (std::string_view& part : parts) {
    if (!is_letter(part.front())) continue;
    const Word* word = find_word(part);
    if (word == nullptr) return Failure::syntax;
    if (word->meaning != Meaning::ignore) {
      if (word->meaning != Meaning::month || (have & kMonth) != 0) return Failure::syntax;
      month = word->value;
      text_month = true;
      have |= kMonth;
      mask |= kMonth;
    }
    part = {};
  }
  for (const std::string_view part : parts) {
    if (part.empty()) continue;
    uint32_t one = 0;
    const Failure failure = decode_number(part, text_month, have, one);
    if (failure != Failure::none) return failure;
    if ((have & one) != 0) return Failure::syntax;
    have |= one;
    mask |= one;
  }
  // A date in numbers stands before its time.
  return (have & ~(kDayOfYear | kZone)) == kDate ? Failure::none : Failure::syntax;
}

Failure Decoder::julian_day(std::string_view text, uint32_t& mask) {
  int32_t value = 0;
  if (text.empty() || !is_digit(text.front())) return Failure::syntax;
  if (!take_number(text, value)) return Failure::field_range;
  mask = kDate;
  set_date(static_cast<int32_t>(int64_t{value} - 2451545));
  if (text.empty()) return Failure::none;
  if (text.front() != '.') return Failure::syntax;
  double fraction = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), fraction);
  if (parsed.ptr != text.data() + text.size()) return Failure::syntax;
  const Civil clock =
      civil_of_timestamp(static_cast<int64_t>(fraction * static_cast<double>(kUsPerDay)));
  hour = clock.hour;
  minute = clock.minute;
  second = clock.second;
  us = clock.us;
  mask |= kTime;
  return Failure::none;
}

// `may_be_date`: among the fields of a time only the first one can be a date.
Failure Decoder::date_field(const std::string& text, bool may_be_date, uint32_t& mask) {
  const bool timed = expect_ == Expect::time;
  if (expect_ == Expect::julian) {
    // "J2451187-04": a Julian day with a zone.
    const size_t cut = text.find_first_of("+-");
    if (cut == std::string::npos) return Failure::syntax;
    expect_ = Expect::nothing;
    const Failure failure = julian_day(std::string_view(text).substr(0, cut), mask);
    if (failure != Failure::none) return failure;
    uint32_t zone_mask = 0;
    const Failure zone_failure = decode_offset(std::string_view(text).substr(cut), zone_mask);
    mask |= zone_mask | kTime;
    return zone_failure;
  }
  const bool have_date = (seen & (kMonth | kDay)) == (kMonth | kDay);
  if (!timed && !have_date && may_be_date) return decode_date(text, mask);
  if (!is_digit(text.front()) && !timed) return named_zone(text, mask);
  // Run-together time with a zone: hhmmss-zz.
  expect_ = Expect::nothing;
  if ((seen & kTime) == kTime) return Failure::syntax;
  const size_t dash = text.find('-');
  if (dash == std::string::npos) return Failure::syntax;
  uint32_t zone_mask = 0;
  Failure failure = decode_offset(std::string_view(text).substr(dash), zone_mask);
  if (failure != Failure::none) return failure;
  failure = decode_run(std::string_view(text).substr(0, dash), seen | kDate, mask);
  mask |= zone_mask;
  return failure;
}

Failure Decoder::number_field(const std::string& text, uint32_t& mask) {
  if (expect_ == Expect::julian) {
    expect_ = Expect::nothing;
    return julian_day(text, mask);
  }
  if (expect_ == Expect::time) {
    expect_ = Expect::nothing;
    const Failure failure = decode_run(text, seen | kDate, mask);
    if (failure != Failure::none) return failure;
    return mask == kTime ? Failure::none : Failure::syntax;
  }
  const size_t point = text.find('.');
  if (time_only_) {
    // Bare digits are a time unless a date is plainly meant.
    if (point != std::string::npos && (seen & kDate) == 0 && point <= 2 &&
        text.find('.', point + 1) != std::string::npos) {
      return decode_date(text, mask);
    }
    if (text.size() > 4 || point != std::string::npos) {
      return decode_run(text, (seen & kTime) == 0 ? seen | kDate : seen, mask);
    }
    if (text.size() == 4 && (seen & kTime) == 0) return decode_run(text, seen | kDate, mask);
    return decode_number(text, text_month_, seen, mask);
  }
  if (point != std::string::npos && (seen & kDate) == 0) return decode_date(text, mask);
  if (point != std::string::npos && point > 2) return decode_run(text, seen, mask);
  if (text.size() >= 6 && ((seen & kDate) == 0 || (seen & kTime) == 0)) {
    return decode_run(text, seen, mask);
  }
  return decode_number(text, text_month_, seen, mask);
}

Failure Decoder::word_field(const std::vector<Field>& fields, size_t index, uint32_t& mask) {
  const std::string& text = fields[index].text;
  if (const auto known = TimeZone::abbreviation(text); known && text != "z") {
    mask = kZone | kDstWord;
    zone_east = known->offset_seconds;
    mask = kZone;
    return Failure::none;
  }
  if (text == "z" || text == "zulu") {
    mask = kZone;
    zone_east = 0;
    return Failure::none;
  }
  const Word* word = find_word(text);
  if (word == nullptr) {
    const Failure failure = named_zone(text, mask);
    unknown_zone.clear();
    return failure;
  }
  const auto midnight_of = [&](int32_t shift) {
    set_date(date_from_timestamp(local_now()) + shift);
    mask = kDate;
    return Failure::none;
  };
  switch (word->meaning) {
    case Meaning::none:
      return Failure::syntax;
    case Meaning::ignore:
      mask = 0;
      return Failure::none;
    case Meaning::month:
      mask = kMonth;
      // "3 Feb": the number taken for a month was the day.
      if ((seen & kMonth) != 0 && !text_month_ && (seen & kDay) == 0 && month >= 1 && month <= 31) {
        day = month;
        mask = kDay;
      }
      text_month_ = true;
      month = word->value;
      return Failure::none;
    case Meaning::weekday:
      mask = kWeekday;
      return Failure::none;
    case Meaning::am_pm:
      half_ = word->value;
      mask = kHalf;
      return Failure::none;
    case Meaning::era:
      bc_ = word->value == 1;
      mask = kEra;
      return Failure::none;
    case Meaning::now: {
      const int64_t local = local_now();
      const Civil now = civil_of_timestamp(local);
      set_date(date_from_timestamp(local));
      hour = now.hour;
      minute = now.minute;
      second = now.second;
      us = now.us;
      zone_east = session_zone().at(style_.now_us).offset_seconds;
      mask = kDate | kTime | kZone;
      return Failure::none;
    }
    case Meaning::today:
      return midnight_of(0);
    case Meaning::tomorrow:
      return midnight_of(1);
    case Meaning::yesterday:
      return midnight_of(-1);
    case Meaning::zulu:
      hour = minute = second = us = 0;
      zone_east = 0;
      mask = kTime | kZone;
      return Failure::none;
    case Meaning::epoch:
      special = Special::epoch;
      mask = kDate | kTime | kZone;
      return Failure::none;
    case Meaning::infinity:
      special = Special::infinity;
      mask = (kDate | kTime | kZone) & ~seen;  // whatever was said before
      return Failure::none;
    case Meaning::minus_infinity:
      special = Special::minus_infinity;
      mask = (kDate | kTime | kZone) & ~seen;
      return Failure::none;
    case Meaning::iso_time: {
      mask = 0;
      if (!time_only_ && (seen & kDate) != kDate) return Failure::syntax;
      if (index + 1 >= fields.size()) return Failure::syntax;
      const Kind next = fields[index + 1].kind;
      if (next != Kind::number && next != Kind::time && next != Kind::date) return Failure::syntax;
      expect_ = Expect::time;
      return Failure::none;
    }
    case Meaning::julian:
      mask = 0;
      expect_ = Expect::julian;
      return Failure::none;
    case Meaning::dst:
      // "MET DST": one hour on top of the zone just named.
      mask = kDstWord;
      if (!zone_east) return Failure::syntax;
      *zone_east += 3600;
      return Failure::none;
  }
  return Failure::syntax;
}

Failure Decoder::field(const std::vector<Field>& fields, size_t index, uint32_t& mask) {
  const Field& one = fields[index];
  switch (one.kind) {
    case Kind::date:
      return date_field(
          one.text,
          !time_only_ || (index == 0 && fields.size() > 1 &&
                          (fields.back().kind == Kind::date || fields[1].kind == Kind::time)),
          mask);
    case Kind::time:
      if (expect_ == Expect::julian) return Failure::syntax;
      expect_ = Expect::nothing;
      return decode_clock(one.text, mask);
    case Kind::zone:
      return decode_offset(one.text, mask);
    case Kind::number:
      return number_field(one.text, mask);
    case Kind::word:
    case Kind::sign_word:
      return word_field(fields, index, mask);
  }
  return Failure::syntax;
}

Failure Decoder::finish() {
  if (special != Special::none) return Failure::none;
  if ((seen & kYear) != 0 && !absolute_) {
    if (bc_) {
      if (year <= 0) return Failure::field_range;
      year = -(year - 1);
    } else if (two_digits_) {
      if (year < 70) {
        year += 2000;
      } else if (year < 100) {
        year += 1900;
      }
    } else if (year <= 0) {
      return Failure::field_range;
    }
  }
  if ((seen & kDayOfYear) != 0) {
    const Civil civil = civil_of_date(days_of(year, 1, 1) + day_of_year_ - 1);
    month = civil.month;
    day = civil.day;
  }
  if ((seen & kMonth) != 0 && (month < 1 || month > 12)) return Failure::month_day_range;
  if ((seen & kDay) != 0 && (day < 1 || day > 31)) return Failure::month_day_range;
  if ((seen & kDate) == kDate && day > days_in_month(year, month)) return Failure::field_range;
  if (half_ >= 0) {
    if (hour > 12) return Failure::field_range;
    if (half_ == 0 && hour == 12) hour = 0;
    if (half_ == 1 && hour != 12) hour += 12;
  }
  const bool clock_valid = minute <= 59 && second <= 60 &&
                           hour * interval::kUsPerHour + minute * interval::kUsPerMinute +
                                   second * interval::kUsPerSecond + us <=
                               kUsPerDay;
  if ((seen & kTime) != 0 && !clock_valid) return Failure::field_range;
  if (time_only_) return (seen & kTime) == kTime ? Failure::none : Failure::syntax;
  return (seen & kDate) == kDate ? Failure::none : Failure::syntax;
}

Failure Decoder::decode(std::vector<Field>& fields) {
  if (fields.empty()) return Failure::syntax;
  for (size_t i = 0; i < fields.size(); ++i) {
    uint32_t mask = 0;
    const Failure failure = field(fields, i, mask);
    if (failure != Failure::none) return failure;
    if ((mask & seen) != 0) return Failure::syntax;
    seen |= mask;
  }
  if (expect_ != Expect::nothing) return Failure::syntax;
  return finish();
}

Error error_of(Failure failure, std::string_view type_name, std::string_view text) {
  switch (failure) {
    case Failure::none:
    case Failure::syntax:
      return invalid_datetime_format(
          fmt::format("invalid input syntax for type {}: \"{}\"", type_name, text));
    case Failure::field_range:
      return datetime_field_overflow(
          fmt::format("date/time field value out of range: \"{}\"", text));
    case Failure::month_day_range:
      return datetime_field_overflow(
                 fmt::format("date/time field value out of range: \"{}\"", text))
          .with_hint("Perhaps you need a different \"datestyle\" setting.");
    case Failure::zone_range:
      return {"22009", fmt::format("time zone displacement out of range: \"{}\"", text)};
  }
  QW_UNREACHABLE();
}

Result<void> run(Decoder& decoder, std::string_view type_name, std::string_view text) {
  std::vector<Field> fields;
  Failure failure = scan(text, fields) ? decoder.decode(fields) : Failure::syntax;
  if (failure == Failure::none) return {};
  if (!decoder.unknown_zone.empty()) {
    return fail(invalid_parameter_value(
        fmt::format("time zone \"{}\" not recognized", decoder.unknown_zone)));
  }
  return fail(error_of(failure, type_name, text));
}

Int128 clock_us(const Decoder& decoder) {
  return Int128{decoder.hour} * interval::kUsPerHour + decoder.minute * interval::kUsPerMinute +
         decoder.second * interval::kUsPerSecond + decoder.us;
}

// Local microseconds, before any range check; years too far out saturate.
Int128 local_us(const Decoder& decoder) {
  if (decoder.year > 300'000 || decoder.year < -5000) return Int128{decoder.year} * INT64_MAX;
  return Int128{days_of(decoder.year, decoder.month, decoder.day)} * kUsPerDay + clock_us(decoder);
}

int64_t special_timestamp(Special special) {
  if (special == Special::infinity) return kTimestampInfinity;
  if (special == Special::minus_infinity) return kTimestampMinusInfinity;
  return -int64_t{kUnixEpochDays} * kUsPerDay;
}

// "2024-02-29", the form nearly all input has. Anything else goes the long way.
bool two_digits(const char* at, int32_t& out) {
  if (!is_digit(at[0]) || !is_digit(at[1])) return false;
  out = (at[0] - '0') * 10 + (at[1] - '0');
  return true;
}
bool fast_date(std::string_view text, int32_t& date) {
  int32_t high = 0, low = 0, month = 0, day = 0;
  if (text.size() < 10 || text[4] != '-' || text[7] != '-' || !two_digits(text.data(), high) ||
      !two_digits(text.data() + 2, low) || !two_digits(text.data() + 5, month) ||
      !two_digits(text.data() + 8, day)) {
    return false;
  }
  const int32_t year = high * 100 + low;
  if (year == 0 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) {
    return false;
  }
  date = days_of(year, month, day);
  return true;
}
// "12:34:56[.ffffff]"; `rest` is what follows.
bool fast_clock(std::string_view text, int64_t& us, std::string_view& rest) {
  int32_t hour = 0, minute = 0, second = 0;
  if (text.size() < 8 || text[2] != ':' || text[5] != ':' || !two_digits(text.data(), hour) ||
      !two_digits(text.data() + 3, minute) || !two_digits(text.data() + 6, second) || hour > 23 ||
      minute > 59 || second > 59) {
    return false;
  }
  us = (hour * int64_t{3600} + minute * 60 + second) * interval::kUsPerSecond;
  size_t at = 8;
  if (at < text.size() && text[at] == '.') {
    int64_t unit = 100'000;
    ++at;
    for (; at < text.size() && is_digit(text[at]); ++at, unit /= 10) {
      if (unit == 0) return false;  // more than microseconds: rounding is the long way's business
      us += (text[at] - '0') * unit;
    }
  }
  rest = text.substr(at);
  return true;
}
// Date and clock of an ISO timestamp; `rest` is a zone or nothing.
bool fast_timestamp(std::string_view text, int64_t& us, std::string_view& rest) {
  int32_t date = 0;
  int64_t clock = 0;
  if (text.size() < 19 || (text[10] != ' ' && text[10] != 'T') || !fast_date(text, date) ||
      !fast_clock(text.substr(11), clock, rest)) {
    return false;
  }
  us = int64_t{date} * kUsPerDay + clock;
  return true;
}
bool fast_offset(std::string_view text, int32_t& east) {
  if (text == "Z") {
    east = 0;
    return true;
  }
  int32_t hour = 0, minute = 0;
  if ((text.size() != 3 && text.size() != 6) || (text[0] != '+' && text[0] != '-') ||
      !two_digits(text.data() + 1, hour) || hour > 15) {
    return false;
  }
  if (text.size() == 6 && (text[3] != ':' || !two_digits(text.data() + 4, minute) || minute > 59)) {
    return false;
  }
  east = (hour * 3600 + minute * 60) * (text[0] == '-' ? -1 : 1);
  return true;
}

}  // namespace

Result<int32_t> parse_date(std::string_view text, const TextStyle& style) {
  int32_t date = 0;
  if (text.size() == 10 && fast_date(text, date)) return date;
  Decoder decoder(style, false);
  QW_TRY(run(decoder, "date", text));
  if (decoder.special == Special::infinity) return kDateInfinity;
  if (decoder.special == Special::minus_infinity) return kDateMinusInfinity;
  if (decoder.special == Special::epoch) return -kUnixEpochDays;
  if (decoder.year > 5'900'000 || decoder.year < -5000 ||
      !date_valid(days_of(decoder.year, decoder.month, decoder.day))) {
    return fail(datetime_field_overflow(fmt::format("date out of range: \"{}\"", text)));
  }
  return days_of(decoder.year, decoder.month, decoder.day);
}

Result<int64_t> parse_timestamp(std::string_view text, const TextStyle& style, int32_t typmod) {
  int64_t us = 0;
  std::string_view rest;
  if (fast_timestamp(text, us, rest) && rest.empty()) return round_timestamp(us, typmod);
  Decoder decoder(style, false);
  QW_TRY(run(decoder, "timestamp", text));
  if (decoder.special != Special::none) {
    return round_timestamp(special_timestamp(decoder.special), typmod);
  }
  const Int128 local = local_us(decoder);
  if (!timestamp_valid(local)) {
    return fail(datetime_field_overflow(fmt::format("timestamp out of range: \"{}\"", text)));
  }
  return round_timestamp(static_cast<int64_t>(local), typmod);
}

Result<int64_t> parse_timestamptz(std::string_view text, const TextStyle& style, int32_t typmod) {
  int64_t us = 0;
  int32_t east = 0;
  std::string_view rest;
  if (fast_timestamp(text, us, rest) && fast_offset(rest, east)) {
    return round_timestamp(us - east * interval::kUsPerSecond, typmod);
  }
  Decoder decoder(style, false);
  QW_TRY(run(decoder, "timestamp with time zone", text));
  if (decoder.special != Special::none) {
    return round_timestamp(special_timestamp(decoder.special), typmod);
  }
  const Int128 local = local_us(decoder);
  Int128 utc = local;
  if (timestamp_valid(local)) {
    const TimeZone& session = style.zone ? *style.zone : TimeZone::utc();
    const TimeZone& zone = decoder.zone ? *decoder.zone : session;
    const int32_t offset =
        decoder.zone_east ? *decoder.zone_east : zone.offset_of_local(static_cast<int64_t>(local));
    utc = local - Int128{offset} * interval::kUsPerSecond;
  }
  if (!timestamp_valid(utc)) {
    return fail(datetime_field_overflow(fmt::format("timestamp out of range: \"{}\"", text)));
  }
  return round_timestamp(static_cast<int64_t>(utc), typmod);
}

Result<int64_t> parse_time(std::string_view text, const TextStyle& style, int32_t typmod) {
  int64_t us = 0;
  std::string_view rest;
  if (fast_clock(text, us, rest) && rest.empty()) return round_time(us, typmod);
  Decoder decoder(style, true);
  QW_TRY(run(decoder, "time", text));
  if (decoder.special != Special::none) {
    return fail(error_of(Failure::syntax, "time", text));
  }
  return round_time(static_cast<int64_t>(clock_us(decoder)), typmod);
}

Result<TimeTz> parse_timetz(std::string_view text, const TextStyle& style, int32_t typmod) {
  Decoder decoder(style, true);
  QW_TRY(run(decoder, "time with time zone", text));
  if (decoder.special != Special::none) {
    return fail(error_of(Failure::syntax, "time with time zone", text));
  }
  TimeTz out;
  out.us = round_time(static_cast<int64_t>(clock_us(decoder)), typmod);
  const TimeZone& session = style.zone ? *style.zone : TimeZone::utc();
  const TimeZone& zone = decoder.zone ? *decoder.zone : session;
  int32_t east = 0;
  if (decoder.zone_east) {
    east = *decoder.zone_east;
  } else if ((decoder.seen & kDate) == kDate) {
    east = zone.offset_of_local(static_cast<int64_t>(local_us(decoder)));
  } else if (decoder.zone && !zone.is_fixed()) {
    // A rule-based zone has no offset without a date.
    return fail(error_of(Failure::syntax, "time with time zone", text));
  } else {
    east = zone.at(style.now_us).offset_seconds;
  }
  out.zone = -east;
  return out;
}

}  // namespace qw::datetime
