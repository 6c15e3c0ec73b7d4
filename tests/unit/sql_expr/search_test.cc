// Searching bytes and regular expressions whose matches hold known bytes: every place of the find
// against the plain ways, over all short texts of a small alphabet.
#include "sql/expr/search.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "sql/expr/pattern.h"
#include "src/base/random.h"

namespace qw::sql {
namespace {

std::string random_text(Random& random, size_t size_max) {
  std::string text;
  for (uint64_t left = random.below(size_max + 1); left > 0; --left) {
    text.push_back("aab&="[random.below(5)]);
  }
  return text;
}

TEST_CASE("find_text finds what std::string_view::find does") {
  Random random(7);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_text(random, 80), part = random_text(random, 6);
    const size_t from = random.below(text.size() + 3);
    CAPTURE(text);
    CAPTURE(part);
    CAPTURE(from);
    CHECK(find_text(text, part, from) == std::string_view(text).find(part, from));
  }
}

TEST_CASE("find_nth counts as one looks") {
  Random random(8);
  for (int round = 0; round < 20'000; ++round) {
    const std::string text = random_text(random, 80);
    const size_t from = random.below(text.size() + 1);
    const auto nth = static_cast<int64_t>(1 + random.below(8));
    int64_t count = 0, seen = 0;
    size_t expected = std::string::npos;
    for (size_t at = from; at < text.size() && count < nth; ++at) {
      if (text[at] == '&' && ++count == nth) expected = at;
    }
    CAPTURE(text);
    CHECK(find_nth(text, '&', from, nth, seen) == expected);
    CHECK(seen == count);
  }
}

// The same pattern with its literal in a group of its own has no required bytes.
TEST_CASE("patterns with required bytes match where the others do") {
  const std::vector<std::pair<std::string, std::string>> patterns = {
      {"(?:&|^)aab=([^&]*)", "(?:&|^)a(?:ab=)([^&]*)"},
      {"aab", "(?:aab)"},
      {"[ab]aab", "[ab](?:aab)"},
      {"a?aab+", "a?(?:aa)b+"},
      {"(a|b)?aab(=*)", "(a|b)?(?:aab)(=*)"},
      {"b*aaab", "b*(?:aaab)"},
      {"&?aab$", "&?(?:aab)$"},
      {"aab.*&b", "(?:aab).*&b"},
      {"..aab??", "..(?:aa)b??"},
      {"aab|&&&", "(?:aab|&&&)"},
      {"&=a{2}bb", "(?:&=)a{2}bb"},
  };
  Random random(9);
  for (const auto& [with, without] : patterns) {
    const auto a = Pattern::compile(with, {}, PatternUse::positions);
    const auto b = Pattern::compile(without, {}, PatternUse::positions);
    REQUIRE(a.has_value());
    REQUIRE(b.has_value());
    size_t found = 0;
    for (int round = 0; round < 20'000; ++round) {
      const std::string text = random_text(random, round % 7 == 0 ? 300 : 40);
      const size_t from = random.below(text.size() + 1);
      std::vector<std::string_view> left, right;
      const bool matches = (*a)->find(text, from, left);
      CAPTURE(with);
      CAPTURE(text);
      CHECK(matches == (*b)->find(text, from, right));
      CHECK((*a)->test(text) == (*b)->test(text));
      if (!matches) continue;
      ++found;
      for (size_t g = 0; g < left.size(); ++g) {
        CHECK(left[g].data() == right[g].data());
        CHECK(left[g].size() == right[g].size());
      }
    }
    CHECK(found > 20);
  }
}

}  // namespace
}  // namespace qw::sql
