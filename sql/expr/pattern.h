// Pattern: a PostgreSQL regular expression (ARE) compiled to RE2.
//
// The pattern is translated construct by construct. What RE2 cannot mean is refused with 0A000:
// back-references, lookaround, \m and \M, basic expressions. Matching is leftmost-longest, as in
// POSIX. Where positions matter and the two engines could choose differently (greedy and non-greedy
// quantifiers mixed; captures with alternatives that begin alike), it is refused too, never
// guessed. Immutable after compilation. Tests: tests/unit/sql_expr/cases/regex.tsv.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/result.h"

namespace re2 {
class RE2;
}

namespace qw::sql {

// Letters of a flags argument.
struct PatternFlags {
  bool icase = false, expanded = false, literal = false, global = false;
  bool dot_newline = true;    // '.' and [^x] match a newline
  bool line_anchors = false;  // ^ and $ match at newlines
  // 22023 `invalid regular expression option: "z"`.
  static Result<PatternFlags> parse(std::string_view letters);
};

enum class PatternUse : uint8_t { test, positions };

class Pattern {
 public:
  static Result<std::shared_ptr<const Pattern>> compile(std::string_view source, PatternFlags flags,
                                                        PatternUse use);
  ~Pattern();
  Pattern(const Pattern&) = delete;
  Pattern& operator=(const Pattern&) = delete;

  bool test(std::string_view text) const;
  // Searches from byte `from`; groups[0] is the match, a group that took no part has null data.
  bool find(std::string_view text, size_t from, std::vector<std::string_view>& groups) const;
  // The first group, or the match of a pattern without groups; null data: there is none.
  std::string_view first(std::string_view text) const;
  uint32_t groups() const { return groups_; }

 private:
  static constexpr size_t kRequiredBytesMin = 3;  // a rare enough sight to pay for the search
  static constexpr size_t kFewGroups = 8;
  static constexpr uint32_t kTriesMax = 16;
  Pattern() = default;
  bool match(std::string_view text, size_t from, std::span<std::string_view> groups) const;
  std::unique_ptr<re2::RE2> re_;
  uint32_t groups_ = 0;
  std::string required_;  // every match holds these bytes
  size_t required_behind_ = 0;
};

// Compiled patterns of a call site, by source and flags.
class PatternCache {
 public:
  Result<const Pattern*> get(std::string_view source, std::string_view flags, PatternFlags parsed,
                             PatternUse use);

 private:
  static constexpr size_t kPatternsMax = 64;
  std::map<std::string, std::shared_ptr<const Pattern>, std::less<>> patterns_;
  const Pattern* last_ = nullptr;
  PatternUse last_use_ = PatternUse::test;
  std::string last_source_, last_flags_;
};

}  // namespace qw::sql
