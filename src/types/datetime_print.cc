// Printing dates, times and timestamps in PostgreSQL's four styles: see datetime.h.
#include <array>
#include <cstdlib>
#include <string>

#include <fmt/format.h>

#include "src/types/datetime.h"
#include "src/types/time_zone.h"

namespace qw::datetime {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::array<std::string_view, 7> kDays = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};

char* put_two(char* to, int32_t value) {
  *to++ = static_cast<char>('0' + value / 10);
  *to++ = static_cast<char>('0' + value % 10);
  return to;
}

// Years print from 1 on; a BC year is marked behind the whole value.
int32_t shown_year(int32_t year) { return year > 0 ? year : 1 - year; }

char* put_year(char* to, int32_t year) {
  const int32_t shown = shown_year(year);
  if (shown < 10000) return put_two(put_two(to, shown / 100), shown % 100);
  return fmt::format_to(to, "{}", shown);
}

// ".25" of 250000; nothing for 0.
char* put_fraction(char* to, int32_t us) {
  if (us == 0) return to;
  *to++ = '.';
  int32_t unit = 100'000;
  while (us != 0) {
    *to++ = static_cast<char>('0' + us / unit);
    us %= unit;
    unit /= 10;
  }
  return to;
}

char* put_clock(char* to, const Civil& civil) {
  to = put_two(to, civil.hour);
  *to++ = ':';
  to = put_two(to, civil.minute);
  *to++ = ':';
  to = put_two(to, civil.second);
  return put_fraction(to, civil.us);
}

char* put_offset(char* to, int32_t east) {
  *to++ = east < 0 ? '-' : '+';
  const int32_t size = std::abs(east);
  to = put_two(to, size / 3600);
  if (size % 3600 == 0) return to;
  *to++ = ':';
  to = put_two(to, size / 60 % 60);
  if (size % 60 == 0) return to;
  *to++ = ':';
  return put_two(to, size % 60);
}

char* put_date(char* to, const Civil& civil, const TextStyle& style) {
  const bool day_first = style.date_order == DateOrder::dmy;
  char separator = '-';
  int32_t first = day_first ? civil.day : civil.month;
  int32_t second = day_first ? civil.month : civil.day;
  switch (style.date_style) {
    case DateStyle::iso:
      to = put_year(to, civil.year);
      *to++ = '-';
      to = put_two(to, civil.month);
      *to++ = '-';
      return put_two(to, civil.day);
    case DateStyle::sql:
      separator = '/';
      break;
    case DateStyle::german:
      separator = '.';
      first = civil.day;
      second = civil.month;
      break;
    case DateStyle::postgres:
      break;
  }
  to = put_two(to, first);
  *to++ = separator;
  to = put_two(to, second);
  *to++ = separator;
  return put_year(to, civil.year);
}

char* put_text(char* to, std::string_view text) {
  for (const char c : text) *to++ = c;
  return to;
}

// `zone` is null for a timestamp without time zone.
void append_civil(const Civil& civil, const TimeZone::Local* zone, const TextStyle& style,
                  std::string& out) {
  std::array<char, 96> text;  // NOLINT
  char* to = text.data();
  if (style.date_style == DateStyle::postgres) {
    to = put_text(
        to, kDays[static_cast<size_t>(day_of_week(days_of(civil.year, civil.month, civil.day)))]);
    *to++ = ' ';
    const std::string_view month = kMonths[static_cast<size_t>(civil.month - 1)];
    if (style.date_order == DateOrder::dmy) {
      to = put_two(to, civil.day);
      *to++ = ' ';
      to = put_text(to, month);
    } else {
      to = put_text(to, month);
      *to++ = ' ';
      to = put_two(to, civil.day);
    }
    *to++ = ' ';
    to = put_clock(to, civil);
    *to++ = ' ';
    to = put_year(to, civil.year);
  } else {
    to = put_date(to, civil, style);
    *to++ = ' ';
    to = put_clock(to, civil);
  }
  if (zone != nullptr) {
    if (style.date_style == DateStyle::iso) {
      to = put_offset(to, zone->offset_seconds);
    } else {
      *to++ = ' ';
      to = zone->abbreviation.empty() ? put_offset(to, zone->offset_seconds)
                                      : put_text(to, zone->abbreviation.substr(0, 10));
    }
  }
  out.append(text.data(), static_cast<size_t>(to - text.data()));
  if (civil.year <= 0) out += " BC";
}

bool append_infinite(bool infinite, bool positive, std::string& out) {
  if (infinite) out += positive ? "infinity" : "-infinity";
  return infinite;
}

}  // namespace

void append_date(int32_t date, const TextStyle& style, std::string& out) {
  if (append_infinite(!date_finite(date), date > 0, out)) return;
  const Civil civil = civil_of_date(date);
  std::array<char, 32> text;  // NOLINT
  const char* end = put_date(text.data(), civil, style);
  out.append(text.data(), static_cast<size_t>(end - text.data()));
  if (civil.year <= 0) out += " BC";
}

void append_time(int64_t us, std::string& out) {
  Civil civil;
  civil.hour = static_cast<int32_t>(us / interval::kUsPerHour);
  civil.minute = static_cast<int32_t>(us / interval::kUsPerMinute % 60);
  civil.second = static_cast<int32_t>(us / interval::kUsPerSecond % 60);
  civil.us = static_cast<int32_t>(us % interval::kUsPerSecond);
  std::array<char, 32> text;  // NOLINT
  const char* end = put_clock(text.data(), civil);
  out.append(text.data(), static_cast<size_t>(end - text.data()));
}

void append_timetz(const TimeTz& value, std::string& out) {
  append_time(value.us, out);
  std::array<char, 16> text;  // NOLINT
  const char* end = put_offset(text.data(), -value.zone);
  out.append(text.data(), static_cast<size_t>(end - text.data()));
}

void append_timestamp(int64_t ts, const TextStyle& style, std::string& out) {
  if (append_infinite(!timestamp_finite(ts), ts > 0, out)) return;
  append_civil(civil_of_timestamp(ts), nullptr, style, out);
}

void append_timestamptz(int64_t ts, const TextStyle& style, std::string& out) {
  if (append_infinite(!timestamp_finite(ts), ts > 0, out)) return;
  const TimeZone& zone = style.zone ? *style.zone : TimeZone::utc();
  const TimeZone::Local local = zone.at(ts);
  append_civil(civil_of_timestamp(ts + int64_t{local.offset_seconds} * interval::kUsPerSecond),
               &local, style, out);
}

}  // namespace qw::datetime
