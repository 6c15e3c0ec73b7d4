// The template words of to_char(), to_timestamp() and to_date() for dates and times.
// Tests: tests/unit/sql_expr/cases/date_text.tsv, date_parse.tsv.
#pragma once

#include <cstdint>
#include <string_view>

namespace qw::sql {

inline constexpr std::string_view kMonthNames[] = {"January",   "February", "March",    "April",
                                                   "May",       "June",     "July",     "August",
                                                   "September", "October",  "November", "December"};
inline constexpr std::string_view kDayNames[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                 "Thursday", "Friday", "Saturday"};
inline constexpr std::string_view kRomanMonths[] = {"I",   "II",   "III", "IV", "V",  "VI",
                                                    "VII", "VIII", "IX",  "X",  "XI", "XII"};

// Keywords, longer before their prefixes. A cased one is matched as it stands and in lower case.
enum class DateKey : uint8_t {
  ad_dots,
  am_dots,
  ad,
  am,
  cc,
  day,
  ddd,
  dd,
  dy,
  d,
  ff,
  fx,
  hh24,
  hh,
  iddd,
  id,
  iw,
  iyyy,
  iyy,
  iy,
  i,
  j,
  mi,
  mm,
  month,
  mon,
  ms,
  of,
  q,
  rm,
  sssss,
  ss,
  tzh,
  tzm,
  tz,
  us,
  ww,
  w,
  y_yyy,
  yyyy,
  yyy,
  yy,
  y,
};
struct DateKeyword {
  std::string_view text;
  DateKey key;
};
inline constexpr DateKeyword kDateKeywords[] = {
    {"A.D.", DateKey::ad_dots}, {"B.C.", DateKey::ad_dots}, {"A.M.", DateKey::am_dots},
    {"P.M.", DateKey::am_dots}, {"AD", DateKey::ad},        {"BC", DateKey::ad},
    {"AM", DateKey::am},        {"PM", DateKey::am},        {"CC", DateKey::cc},
    {"DAY", DateKey::day},      {"Day", DateKey::day},      {"DDD", DateKey::ddd},
    {"DD", DateKey::dd},        {"DY", DateKey::dy},        {"Dy", DateKey::dy},
    {"D", DateKey::d},          {"FF1", DateKey::ff},       {"FF2", DateKey::ff},
    {"FF3", DateKey::ff},       {"FF4", DateKey::ff},       {"FF5", DateKey::ff},
    {"FF6", DateKey::ff},       {"FX", DateKey::fx},        {"HH24", DateKey::hh24},
    {"HH12", DateKey::hh},      {"HH", DateKey::hh},        {"IDDD", DateKey::iddd},
    {"ID", DateKey::id},        {"IW", DateKey::iw},        {"IYYY", DateKey::iyyy},
    {"IYY", DateKey::iyy},      {"IY", DateKey::iy},        {"I", DateKey::i},
    {"J", DateKey::j},          {"MI", DateKey::mi},        {"MM", DateKey::mm},
    {"MONTH", DateKey::month},  {"Month", DateKey::month},  {"MON", DateKey::mon},
    {"Mon", DateKey::mon},      {"MS", DateKey::ms},        {"OF", DateKey::of},
    {"Q", DateKey::q},          {"RM", DateKey::rm},        {"SSSSS", DateKey::sssss},
    {"SSSS", DateKey::sssss},   {"SS", DateKey::ss},        {"TZH", DateKey::tzh},
    {"TZM", DateKey::tzm},      {"TZ", DateKey::tz},        {"US", DateKey::us},
    {"WW", DateKey::ww},        {"W", DateKey::w},          {"Y,YYY", DateKey::y_yyy},
    {"YYYY", DateKey::yyyy},    {"YYY", DateKey::yyy},      {"YY", DateKey::yy},
    {"Y", DateKey::y},
};

// The longest keyword that `rest` begins with; null = none.
const DateKeyword* date_keyword(std::string_view rest);

}  // namespace qw::sql
