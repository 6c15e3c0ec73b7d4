// Text and binary forms of every type against what PostgreSQL 15 answered (golden/text.tsv):
// output, SQLSTATE, message, DETAIL and HINT, and the way back from binary.
#include <charconv>
#include <iostream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "src/types/binary.h"
#include "src/types/text.h"
#include "src/types/time_zone.h"
#include "tests/unit/types/golden_file.h"

namespace {

std::string value_of(const std::string& setting) {
  std::string value = setting.substr(setting.find('=') + 1);
  while (!value.empty() && (value.front() == ' ' || value.front() == '\'')) value.erase(0, 1);
  while (!value.empty() && value.back() == '\'') value.pop_back();
  return value;
}

void apply_setting(const std::string& setting, qw::TextStyle& style) {
  const std::string value = value_of(setting);
  const auto has = [&](const char* text) { return setting.find(text) != std::string::npos; };
  if (has("extra_float_digits")) style.extra_float_digits = std::stoi(value);
  if (has("bytea_output")) style.bytea_hex = false;
  if (has("timezone")) style.zone = *qw::TimeZone::find(value);
  if (has("datestyle")) {
    if (has("SQL")) style.date_style = qw::DateStyle::sql;
    if (has("German")) {
      style.date_style = qw::DateStyle::german;
      style.date_order = qw::DateOrder::dmy;
    }
    if (has("Postgres")) style.date_style = qw::DateStyle::postgres;
    if (has("DMY")) style.date_order = qw::DateOrder::dmy;
    if (has("YMD")) style.date_order = qw::DateOrder::ymd;
  }
  if (has("postgres_verbose")) style.interval_style = qw::IntervalStyle::postgres_verbose;
  if (has("sql_standard")) style.interval_style = qw::IntervalStyle::sql_standard;
  if (has("iso_8601")) style.interval_style = qw::IntervalStyle::iso_8601;
}

qw::TextStyle style_of(const std::string& settings) {
  qw::TextStyle style;
  size_t begin = 0;
  while (begin < settings.size()) {
    const size_t end = std::min(settings.find(';', begin), settings.size());
    apply_setting(settings.substr(begin, end - begin), style);
    begin = end + 1;
  }
  return style;
}

std::string hex(const std::string& bytes) {
  constexpr const char* digits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += digits[static_cast<unsigned char>(c) >> 4];
    out += digits[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

// What we say about one row, in the words of the file.
std::vector<std::string> answer(qw::Type type, const std::string& input,
                                const qw::TextStyle& style) {
  const auto value = qw::from_text(type, input, style);
  if (!value) {
    const qw::Error& error = value.error();
    return {"!" + std::string(error.code().view()), error.message(), error.detail(), error.hint()};
  }
  qw::Arena arena;
  std::string binary;
  qw::append_binary(value->to_vector(arena), 0, binary);
  const auto back = qw::from_binary(type, binary);
  if (!back) return {"binary form refused: " + back.error().to_string()};
  if (qw::to_text(*back, style) != qw::to_text(*value, style)) return {"binary form differs"};
  // The file holds value::text, which spells booleans out and drops the padding of char(n).
  std::string text = qw::to_text(*value, style);
  if (type.id == qw::TypeId::boolean) text = text == "t" ? "true" : "false";
  if (type.id == qw::TypeId::bpchar) text.erase(text.find_last_not_of(' ') + 1);
  return {std::move(text), hex(binary)};
}

}  // namespace

TEST_CASE("text and binary forms are PostgreSQL's") {
  size_t checked = 0, wrong = 0;
  for (const auto& row : qw::golden::read("text.tsv")) {
    auto type = qw::Type::from_name(row[0]);
    REQUIRE(type);
    type->typmod = std::stoi(row[1]);
    const std::vector<std::string> expected(row.begin() + 4, row.end());
    const std::vector<std::string> got = answer(*type, row[3], style_of(row[2]));
    ++checked;
    if (got == expected) continue;
    ++wrong;
    std::cout << row[0] << " " << row[1] << " [" << row[2] << "] '" << row[3] << "'\n  expected:";
    for (const std::string& field : expected) std::cout << " <" << field << ">";
    std::cout << "\n  got:     ";
    for (const std::string& field : got) std::cout << " <" << field << ">";
    std::cout << "\n";
  }
  CHECK(checked > 900);
  CHECK(wrong == 0);
}
