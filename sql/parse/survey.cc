// See survey.h. Any thread. Tests: tests/unit/sql_parse/limits_test.cc.
#include "sql/parse/survey.h"

#include <fmt/format.h>

#include "src/base/limits.h"
#include "src/base/utf8.h"

namespace qw::sql::parsing {

namespace {

// The JSON of a parse tree is at most this large per token and per byte (measured: below 110 and
// 6), and libpg_query aborts the process when it outgrows 1 GiB.
constexpr size_t kJsonBytesPerToken = 130;
constexpr size_t kJsonBytesPerByte = 6;
constexpr size_t kJsonBytesMax = size_t{1} << 29;

enum class Weight : uint8_t { none, op, chain, reset, open_case, close_case };

// What a keyword does to the depth.
Weight weight_of(const Scanner& scanner, Token token) {
  const auto any = [&](auto... words) { return (scanner.is(token, words) || ...); };
  switch (token.end - token.begin) {
    case 2:
      if (any("or", "on")) return Weight::reset;
      return any("is", "in", "at") ? Weight::op : Weight::none;
    case 3:
      if (any("and")) return Weight::reset;
      if (any("end")) return Weight::close_case;
      return any("not") ? Weight::op : Weight::none;
    case 4:
      if (any("from", "when", "then", "else")) return Weight::reset;
      if (any("case")) return Weight::open_case;
      if (any("join")) return Weight::chain;
      return any("like") ? Weight::op : Weight::none;
    case 5:
      if (any("where", "group", "order", "limit")) return Weight::reset;
      if (any("union")) return Weight::chain;
      return any("ilike") ? Weight::op : Weight::none;
    case 6:
      if (any("select", "having", "offset")) return Weight::reset;
      if (any("except")) return Weight::chain;
      return any("isnull", "escape") ? Weight::op : Weight::none;
    case 7:
      return any("similar", "between", "collate", "notnull") ? Weight::op : Weight::none;
    case 8:
      return any("overlaps", "operator") ? Weight::op : Weight::none;
    case 9:
      return any("intersect") ? Weight::chain : Weight::none;
    default:
      return Weight::none;
  }
}

// Follows the nesting. Each open bracket remembers the depth it was opened at.
class Depth {
 public:
  bool too_deep() const { return base_ + chain_ + ops_ > limits::kNestingMax; }
  bool outermost() const { return open_.empty(); }
  size_t brackets() const { return open_.size(); }

  void open(char kind) {
    open_.push_back({kind, base_, chain_, ops_});
    base_ += chain_ + ops_ + 1;
    chain_ = ops_ = 0;
  }
  // Closes `kind`, and any CASE left open inside it.
  void close(char kind) {
    if (kind == 'c' && (open_.empty() || open_.back().kind != 'c')) return;
    while (!open_.empty()) {
      const Frame frame = open_.back();
      open_.pop_back();
      base_ = frame.base;
      chain_ = frame.chain;
      ops_ = frame.ops;
      if (frame.kind == kind) return;
    }
  }
  // Only unclosed CASEs (a CASE that is a label) are forgotten: brackets may hold semicolons.
  bool end_statement() {
    while (!open_.empty() && open_.back().kind == 'c') close('c');
    if (!open_.empty()) return false;
    base_ = chain_ = ops_ = 0;
    return true;
  }
  void op() { ++ops_; }
  void chain() { ++chain_, ops_ = 0; }
  void reset() { ops_ = 0; }

 private:
  struct Frame {
    char kind;
    uint32_t base, chain, ops;
  };
  std::vector<Frame> open_;
  uint32_t base_ = 0, chain_ = 0, ops_ = 0;
};

bool starts_ours(const Scanner& scanner, const StatementRange& range) {
  const auto is = [&](size_t i, auto... words) {
    return i < range.head_size && (scanner.is(range.head[i], words) || ...);
  };
  if (is(0, "create", "drop", "alter")) return is(1, "secret", "connection", "source", "sink");
  if (is(0, "subscribe", "flush", "describe", "desc")) return true;
  if (is(0, "validate")) return is(1, "connection");
  if (is(0, "explain")) return is(1, "dataflow");
  if (!is(0, "show")) return false;
  if (is(1, "sources", "views", "tables", "connections", "secrets", "indexes", "schemas", "columns",
         "create")) {
    return true;
  }
  return is(1, "materialized") && is(2, "views");
}

class Surveyor {
 public:
  explicit Surveyor(std::string_view text) : scanner_(text) {}

  Result<Survey> run() {
    size_t tokens = 0;
    for (Token token = scanner_.next(); token.kind != Token::Kind::end; token = scanner_.next()) {
      ++tokens;
      QW_TRY(take(token));
      before_ = previous_;
      previous_ = token;
    }
    finish_statement();
    const size_t bytes = tokens * kJsonBytesPerToken + scanner_.text().size() * kJsonBytesPerByte;
    if (bytes > kJsonBytesMax) {
      return fail(
          program_limit_exceeded(fmt::format("statement is too long: {} words and values", tokens))
              .with_hint("Use COPY, or several statements."));
    }
    return std::move(survey_);
  }

 private:
  Result<void> take(Token token) {
    if (scanner_.is_punctuation(token, ';') && depth_.end_statement()) {
      finish_statement();
      return {};
    }
    if (current_.head_size == 0) current_.begin = token.begin;
    if (current_.head_size < current_.head.size()) current_.head[current_.head_size++] = token;
    current_.end = token.end;
    mark(token);
    nest(token);
    if (depth_.too_deep()) return fail(nesting_error());
    return {};
  }

  void nest(Token token) {
    if (token.kind == Token::Kind::op) {
      depth_.op();
    } else if (token.kind == Token::Kind::punctuation) {
      switch (scanner_.text()[token.begin]) {
        case '(':
        case '[':
          depth_.open('(');
          break;
        case ')':
        case ']':
          depth_.close('(');
          break;
        case ',':
          depth_.reset();
          break;
        case ':':
          if (token.end - token.begin == 2) depth_.op();
          break;
        default:
          break;
      }
    } else if (token.kind == Token::Kind::word && !scanner_.is_punctuation(previous_, '.')) {
      switch (weight_of(scanner_, token)) {
        case Weight::none:
          break;
        case Weight::op:
          depth_.op();
          break;
        case Weight::chain:
          depth_.chain();
          break;
        case Weight::reset:
          depth_.reset();
          break;
        case Weight::open_case:
          depth_.open('c');
          break;
        case Weight::close_case:
          depth_.close('c');
          break;
      }
    }
  }

  void mark(Token token) {
    const bool text = token.kind == Token::Kind::string ||
                      token.kind == Token::Kind::unicode_string || token.kind == Token::Kind::error;
    if (text && scanner_.is(previous_, "password")) current_.secret = true;
    if (token.kind != Token::Kind::word) return;
    if (scanner_.is(token, "window") && scanner_.is(previous_, "on") &&
        scanner_.is(before_, "emit")) {
      current_.emit = true;
    } else if (depth_.brackets() == 1 && scanner_.is(token, "for") &&
               scanner_.is(previous_, "watermark")) {
      current_.watermark = true;
    }
  }

  void finish_statement() {
    if (current_.head_size != 0) {
      const auto head = [&](size_t i, std::string_view word) {
        return scanner_.is(current_.head[i], word);
      };
      current_.ours = starts_ours(scanner_, current_);
      if ((head(0, "create") || head(0, "alter")) && head(1, "secret")) current_.secret = true;
      if (!head(0, "create")) current_.watermark = current_.emit = false;
      survey_.plain = survey_.plain && current_.plain();
      survey_.statements.push_back(current_);
    }
    current_ = {};
    previous_ = before_ = {};
  }

  Scanner scanner_;
  Depth depth_;
  StatementRange current_;
  Token previous_{}, before_{};
  Survey survey_;
};

}  // namespace

Error nesting_error() {
  return statement_too_complex("stack depth limit exceeded")
      .with_hint(
          fmt::format("Expressions and queries may nest {} levels deep.", limits::kNestingMax));
}

Result<Survey> survey(std::string_view text) {
  if (text.size() > limits::kQueryBytesMax) {
    return fail(program_limit_exceeded(
        fmt::format("query text is longer than {} bytes", limits::kQueryBytesMax)));
  }
  QW_TRY(check_utf8(text));
  return Surveyor(text).run();
}

}  // namespace qw::sql::parsing
