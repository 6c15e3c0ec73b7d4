// OptionReader, scrubbing, position bytes.
#include <doctest/doctest.h>

#include "ingest/options.h"
#include "ingest/position.h"

namespace qw::ingest {

TEST_CASE("durations take numbers with units") {
  const auto read = [](const std::string& text) {
    const Options options = {{"d", text}};
    OptionReader reader("test", options);
    const int64_t us = reader.duration_us("d", -1);
    return reader.finish().has_value() ? us : 0;
  };
  CHECK(read("1s") == 1'000'000);
  CHECK(read("500 ms") == 500'000);
  CHECK(read("1 minute 30 seconds") == 90'000'000);
  CHECK(read("0.5 hours") == 1'800'000'000);
  CHECK(read("2 mins") == 120'000'000);
  CHECK(read("10") == 0);
  CHECK(read("") == 0);
  CHECK(read("0s") == 0);
  CHECK(read("-1s") == 0);
  CHECK(read("1 month") == 0);
}

TEST_CASE("timestamps are text or Unix milliseconds") {
  const Options options = {{"a", "946684800001"}, {"b", "2000-01-01 00:00:01+00"}, {"c", "soon"}};
  OptionReader reader("test", options);
  CHECK(reader.timestamp_us("a") == 1000);
  CHECK(reader.timestamp_us("b") == 1'000'000);
  CHECK(reader.timestamp_us("absent") == std::nullopt);
  CHECK(reader.timestamp_us("c") == std::nullopt);
  const auto result = reader.finish();
  REQUIRE(!result.has_value());
  CHECK(result.error().message() == "invalid value for test option C: \"soon\"");
}

TEST_CASE("lists, booleans, words and numbers are checked") {
  const Options options = {
      {"list", "0, 10 ,-3"}, {"flag", "ON"}, {"word", "Error"}, {"count", "12"}, {"real", "0.5"}};
  OptionReader reader("test", options);
  CHECK(reader.integers("list") == std::vector<int64_t>{0, 10, -3});
  CHECK(reader.boolean("flag", false));
  CHECK(reader.one_of("word", "continue", {"error", "continue"}) == "error");
  CHECK(reader.integer("count", 1, 0, 12) == 12);
  CHECK(reader.number("real", 1, 0, 1) == 0.5);
  CHECK(reader.finish().has_value());
  const Options bad = {{"count", "13"}};
  OptionReader second("test", bad);
  second.integer("count", 1, 0, 12);
  CHECK(!second.finish().has_value());
}

TEST_CASE("a secret never leaves in a message, detail or hint") {
  const std::set<std::string> secrets = {"pw", "pw-long", ""};
  const Error error = scrub(connection_failure("login with pw-long failed, pw")
                                .with_detail("pw-long")
                                .with_hint("not pw"),
                            secrets);
  CHECK(error.message() == "login with *** failed, ***");
  CHECK(error.detail() == "***");
  CHECK(error.hint() == "not ***");
}

TEST_CASE("a position is read back whole, and anything else is refused") {
  std::string bytes =
      PositionWriter('k').put<int64_t>(5).put_text("cluster").put<uint8_t>(1).take();
  PositionReader reader('k', bytes);
  CHECK(reader.get<int64_t>() == 5);
  CHECK(reader.get_text() == "cluster");
  CHECK(reader.get<uint8_t>() == 1);
  CHECK(reader.finish().has_value());
  for (size_t cut = 0; cut < bytes.size(); cut++) {
    PositionReader part('k', std::string_view(bytes).substr(0, cut));
    part.get<int64_t>();
    part.get_text();
    part.get<uint8_t>();
    CHECK(!part.finish().has_value());
  }
  PositionReader other('p', bytes);
  CHECK(!other.good());
  bytes += 'x';
  PositionReader longer('k', bytes);
  longer.get<int64_t>();
  longer.get_text();
  longer.get<uint8_t>();
  CHECK(!longer.finish().has_value());
}

}  // namespace qw::ingest
