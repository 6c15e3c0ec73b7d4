// OptionReader: takes known options out of an Options map, checks their values, and refuses the
// rest.
//
//   OptionReader reader("source", config.options);
//   const std::string topic = reader.text("topic");  ...
//   QW_TRY(reader.finish());   // the first bad value, or a name nobody asked for
//
// One thread. Tests: tests/unit/ingest/options_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/source.h"
#include "src/base/result.h"

namespace qw::ingest {

class OptionReader {
 public:
  // `what` names the place in errors: "Kafka connection".
  OptionReader(std::string_view what, const Options& options) : what_(what), options_(options) {}

  bool has(std::string_view name) const { return options_.find(name) != options_.end(); }
  std::string text(std::string_view name, std::string_view otherwise = "");
  std::string required_text(std::string_view name);
  int64_t integer(std::string_view name, int64_t otherwise, int64_t low, int64_t high);
  double number(std::string_view name, double otherwise, double low, double high);
  bool boolean(std::string_view name, bool otherwise);
  // '1s', '500 ms', '1 minute', or anything PostgreSQL's interval takes; months are refused.
  int64_t duration_us(std::string_view name, int64_t otherwise);
  // Microseconds since 2000-01-01 UTC from a timestamptz text, or Unix milliseconds when a number.
  std::optional<int64_t> timestamp_us(std::string_view name);
  // "1, 2, 3"
  std::vector<int64_t> integers(std::string_view name);
  // Whether the value is one of `allowed` (compared without case); the lower-case spelling.
  std::string one_of(std::string_view name, std::string_view otherwise,
                     const std::vector<std::string_view>& allowed);

  Result<void> finish();

 private:
  const std::string* find(std::string_view name);
  void bad(std::string_view name, std::string_view value, std::string_view why);

  std::string what_;
  const Options& options_;
  std::vector<std::string> known_;
  std::optional<Error> error_;
};

// The option name as written in SQL: "start_offset" -> "START OFFSET".
std::string sql_option(std::string_view name);
// `text` with every secret replaced by ***.
std::string scrub(std::string text, const std::set<std::string>& secrets);
Error scrub(Error error, const std::set<std::string>& secrets);

}  // namespace qw::ingest
