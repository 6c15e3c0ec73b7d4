// Pattern: translation of PostgreSQL's regular expressions to RE2's. See pattern.h.
// Tests: tests/unit/sql_expr/cases/regex.tsv.
#include "sql/expr/pattern.h"

#include <algorithm>
#include <iterator>
#include <vector>

#include <fmt/format.h>
#include <re2/re2.h>

#include "sql/expr/search.h"
#include "sql/expr/utf8.h"
#include "src/base/assert.h"

namespace qw::sql {
namespace {

Error invalid(std::string_view what) {
  return invalid_regular_expression(fmt::format("invalid regular expression: {}", what));
}
Error unsupported(std::string_view what) {
  return feature_not_supported(fmt::format("regular expressions with {} are not supported", what));
}

constexpr std::string_view kSpace =
    R"(\t-\r \x{85}\x{1680}\x{2000}-\x{2006}\x{2008}-\x{200a}\x{2028}\x{2029}\x{205f}\x{3000})";
constexpr std::string_view kWord = R"(\pL\pN_)";

struct Class {
  std::string_view name, members;
};
constexpr Class kClasses[] = {
    {"alpha", R"(\pL)"},     {"alnum", R"(\pL\pN)"},          {"digit", "0-9"},
    {"upper", R"(\p{Lu})"},  {"lower", R"(\p{Ll})"},          {"space", kSpace},
    {"blank", R"(\t )"},     {"punct", R"(\pP\pS)"},          {"cntrl", R"(\p{Cc})"},
    {"xdigit", "0-9A-Fa-f"}, {"graph", R"(\pL\pN\pP\pS\pM)"}, {"print", R"(\pL\pN\pP\pS\pM )"},
    {"word", kWord},
};

class Translator {
 public:
  Translator(std::string_view source, PatternFlags flags) : source_(source), flags_(flags) {}

  Result<std::string> translate();
  PatternFlags flags() const { return flags_; }
  // What decides whether positions mean the same in both engines.
  bool greedy = false, lazy = false, alternatives_overlap = false;
  uint32_t groups = 0;
  // Bytes that every match holds, and how many may stand before them in it: Pattern::find() looks
  // for these first. Empty: there are none.
  std::string required;
  size_t required_behind = 0;

 private:
  static constexpr size_t kUnbounded = SIZE_MAX / 2;
  static constexpr size_t kRequiredBehindMax = 4;
  static constexpr size_t kCharacterBytesMax = 4;
  // The characters an alternative can begin with, roughly: "" = anything.
  struct Branch {
    std::string first;
    bool started = false;
  };

  bool done() const { return at_ >= source_.size(); }
  char peek(size_t ahead = 0) const {
    return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0';
  }
  Result<void> director();
  Result<void> alternatives(uint32_t depth);
  Result<void> atom(Branch& branch, uint32_t depth);
  Result<void> quantifier();
  Result<void> bracket();
  Result<void> bracket_class(std::string& set);
  Result<void> escape(Branch& branch);
  Result<char32_t> character_escape(char letter);
  void literal(char32_t code, std::string& to) const;
  void begin(Branch& branch, std::string_view first) const {
    if (!branch.started) branch.first = first;
    branch.started = true;
  }
  void skip_expanded();
  std::string literal_behind_group() const;
  void note_required(size_t before, bool quantified);
  void end_run();

  std::string_view source_;
  PatternFlags flags_;
  size_t at_ = 0;
  std::string out_;
  size_t width_ = 0;       // bytes at most of the atom just read
  std::string character_;  // what it is, when it is one character that stands for itself
  std::string run_;        // such characters side by side in the pattern's only branch
  size_t run_behind_ = 0;  // bytes at most before them
};

// ***= makes the rest literal, ***: says ARE, (?letters) at the start sets flags.
Result<void> Translator::director() {
  if (source_.substr(0, 4) == "***=") {
    flags_.literal = true;
    source_.remove_prefix(4);
    return {};
  }
  if (source_.substr(0, 4) == "***:") {
    source_.remove_prefix(4);
  } else if (source_.substr(0, 3) == "***") {
    return fail(invalid("invalid regexp (reg version 0.8)"));
  }
  if (source_.substr(0, 2) != "(?") return {};
  size_t end = 2;
  while (end < source_.size() && source_[end] >= 'a' && source_[end] <= 'z') ++end;
  if (end == 2 || end >= source_.size() || source_[end] != ')') return {};
  for (const char letter : source_.substr(2, end - 2)) {
    switch (letter) {
      case 'i':
        flags_.icase = true;
        break;
      case 'c':
        flags_.icase = false;
        break;
      case 'x':
        flags_.expanded = true;
        break;
      case 't':
        flags_.expanded = false;
        break;
      case 'n':
      case 'm':
        flags_.dot_newline = false, flags_.line_anchors = true;
        break;
      case 'p':
        flags_.dot_newline = false, flags_.line_anchors = false;
        break;
      case 'w':
        flags_.dot_newline = true, flags_.line_anchors = true;
        break;
      case 's':
        flags_.dot_newline = true, flags_.line_anchors = false;
        break;
      case 'q':
        flags_.literal = true;
        break;
      case 'e':
        break;
      case 'b':
        return fail(unsupported("the basic syntax"));
      default:
        return fail(invalid("invalid embedded option"));
    }
  }
  source_.remove_prefix(end + 1);
  return {};
}

void Translator::literal(char32_t code, std::string& to) const {
  const bool plain =
      (code >= '0' && code <= '9') || (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z');
  if (plain || code >= 128) {
    utf8::append(code, to);
  } else {
    fmt::format_to(std::back_inserter(to), "\\x{:02x}", static_cast<uint32_t>(code));
  }
}

void Translator::skip_expanded() {
  while (true) {
    if (source_.substr(at_, 3) == "(?#") {
      while (!done() && peek() != ')') ++at_;
      if (!done()) ++at_;
      continue;
    }
    if (!flags_.expanded || done()) return;
    if (peek() == '#') {
      while (!done() && peek() != '\n') ++at_;
      continue;
    }
    if (peek() != ' ' && (peek() < '\t' || peek() > '\r')) return;
    ++at_;
  }
}

Result<std::string> Translator::translate() {
  QW_TRY(director());
  if (flags_.literal) {
    if (!flags_.icase) required = source_;
    for (size_t i = 0; i < source_.size();) {
      const size_t bytes = utf8::width(source_, i);
      literal(utf8::decode(source_.substr(i, bytes)), out_);
      i += bytes;
    }
    return out_;
  }
  QW_TRY(alternatives(0));
  if (!done()) return fail(invalid("parentheses () not balanced"));
  end_run();
  return out_;
}

// The character that must follow the group that ends here; "" = not known.
std::string Translator::literal_behind_group() const {
  if (peek() != ')') return "";
  const char next = peek(1), behind = peek(2);
  const bool plain = (next >= '0' && next <= '9') || (next >= 'a' && next <= 'z') ||
                     (next >= 'A' && next <= 'Z') || next == '_';
  if (!plain || behind == '*' || behind == '?' || behind == '{') return "";
  return std::string(1, next);
}

// An atom of the outermost level has been read, `before` bytes at most behind the match's begin.
void Translator::note_required(size_t before, bool quantified) {
  if (quantified || character_.empty() || flags_.icase) return end_run();
  if (run_.empty()) run_behind_ = before;
  run_ += character_;
}

void Translator::end_run() {
  if (run_behind_ <= kRequiredBehindMax && run_.size() > required.size()) {
    required = run_;
    required_behind = run_behind_;
  }
  run_.clear();
}

Result<void> Translator::alternatives(uint32_t depth) {
  if (depth > 200) return fail(invalid("regular expression is too complex"));
  std::vector<Branch> branches(1);
  size_t width = 0, width_max = 0;  // of the branch, of all
  while (true) {
    skip_expanded();
    if (done() || peek() == ')') break;
    if (peek() == '|') {
      out_.push_back('|');
      ++at_;
      branches.emplace_back();
      width_max = std::max(width_max, width);
      width = 0;
      continue;
    }
    width_ = 0;
    character_.clear();
    QW_TRY(atom(branches.back(), depth));
    skip_expanded();
    const size_t atom_end = at_;
    const bool once = peek() == '?';
    QW_TRY(quantifier());
    const bool quantified = at_ != atom_end;
    if (depth == 0) note_required(width, quantified);
    if (quantified && !once && width_ != 0) width_ = kUnbounded;
    width = std::min(width + width_, kUnbounded);
  }
  width_ = std::max(width_max, width);
  character_.clear();
  if (depth == 0 && branches.size() > 1) {
    run_.clear();
    required.clear();
  }
  // A branch without characters, (x|^), begins with what stands behind the group.
  for (Branch& branch : branches) {
    if (!branch.started) branch.first = literal_behind_group();
  }
  for (size_t i = 0; i < branches.size(); ++i) {
    for (size_t k = i + 1; k < branches.size(); ++k) {
      const auto& a = branches[i].first;
      const auto& b = branches[k].first;
      if (a.empty() || b.empty() || a == b || flags_.icase) alternatives_overlap = true;
    }
  }
  return {};
}

Result<void> Translator::atom(Branch& branch, uint32_t depth) {
  const char c = peek();
  switch (c) {
    case '(': {
      const std::string_view rest = source_.substr(at_);
      if (rest.substr(0, 3) == "(?=" || rest.substr(0, 3) == "(?!" || rest.substr(0, 3) == "(?<") {
        return fail(unsupported("lookaround constraints"));
      }
      if (rest.substr(0, 3) == "(?:") {
        out_ += "(?:";
        at_ += 3;
      } else if (rest.substr(0, 2) == "(?") {
        return fail(invalid("quantifier operand invalid"));
      } else {
        out_.push_back('(');
        ++at_;
        ++groups;
      }
      begin(branch, "");
      QW_TRY(alternatives(depth + 1));
      if (peek() != ')') return fail(invalid("parentheses () not balanced"));
      out_.push_back(')');
      ++at_;
      return {};
    }
    case '[':
      begin(branch, "");
      width_ = kCharacterBytesMax;
      return bracket();
    case '\\':
      return escape(branch);
    case '.':
      begin(branch, "");
      out_ += flags_.dot_newline ? "(?s:.)" : "[^\\n]";
      width_ = kCharacterBytesMax;
      ++at_;
      return {};
    case '^':
      out_ += flags_.line_anchors ? "(?m:^)" : "\\A";
      ++at_;
      return {};
    case '$':
      out_ += flags_.line_anchors ? "(?m:$)" : "\\z";
      ++at_;
      return {};
    case '*':
    case '+':
    case '?':
      return fail(invalid("quantifier operand invalid"));
    case '{':
      if (peek(1) >= '0' && peek(1) <= '9') return fail(invalid("quantifier operand invalid"));
      break;
    default:
      break;
  }
  const size_t bytes = utf8::width(source_, at_);
  begin(branch, source_.substr(at_, bytes));
  literal(utf8::decode(source_.substr(at_, bytes)), out_);
  character_ = source_.substr(at_, bytes);
  width_ = bytes;
  at_ += bytes;
  return {};
}

Result<void> Translator::quantifier() {
  const char c = peek();
  if (c == '*' || c == '+' || c == '?') {
    out_.push_back(c);
    ++at_;
  } else if (c == '{' && peek(1) >= '0' && peek(1) <= '9') {
    int numbers[2] = {-1, -1};
    int which = 0;
    for (++at_; !done() && peek() != '}'; ++at_) {
      if (peek() == ',' && which == 0) {
        which = 1;
        continue;
      }
      if (peek() < '0' || peek() > '9') return fail(invalid("invalid repetition count(s)"));
      numbers[which] = (numbers[which] < 0 ? 0 : numbers[which]) * 10 + (peek() - '0');
      if (numbers[which] > 255) return fail(invalid("invalid repetition count(s)"));
    }
    if (done()) return fail(invalid("braces {} not balanced"));
    ++at_;
    if (which == 1 && numbers[1] >= 0 && numbers[1] < numbers[0]) {
      return fail(invalid("invalid repetition count(s)"));
    }
    out_ += which == 0       ? fmt::format("{{{}}}", numbers[0])
            : numbers[1] < 0 ? fmt::format("{{{},}}", numbers[0])
                             : fmt::format("{{{},{}}}", numbers[0], numbers[1]);
  } else {
    return {};
  }
  if (peek() == '?') {
    out_.push_back('?');
    ++at_;
    lazy = true;
  } else {
    greedy = true;
  }
  if (peek() == '*' || peek() == '+' || peek() == '?') {
    return fail(invalid("quantifier operand invalid"));
  }
  return {};
}

// Inside [..]: [:class:], [=x=] and [.x.] of one character.
Result<void> Translator::bracket_class(std::string& set) {
  const char kind = peek(1);
  const size_t end = source_.find(std::string{kind, ']'}, at_ + 2);
  if (end == std::string_view::npos) return fail(invalid("brackets [] not balanced"));
  const std::string_view name = source_.substr(at_ + 2, end - at_ - 2);
  at_ = end + 2;
  if (kind != ':') {
    if (name.empty() || utf8::width(name, 0) != name.size()) {
      return fail(unsupported("collating elements"));
    }
    literal(utf8::decode(name), set);
    return {};
  }
  for (const Class& item : kClasses) {
    if (item.name == name) {
      set += item.members;
      return {};
    }
  }
  return fail(invalid("invalid character class"));
}

Result<void> Translator::bracket() {
  ++at_;
  if (source_.substr(at_, 7) == "[:<:]]" || source_.substr(at_, 6) == "[:<:]]" ||
      source_.substr(at_, 6) == "[:>:]]") {
    return fail(unsupported("word-boundary brackets"));
  }
  std::string set = "[";
  const bool negated = peek() == '^';
  if (negated) {
    set.push_back('^');
    ++at_;
    if (!flags_.dot_newline) set += "\\n";
  }
  for (bool first = true;; first = false) {
    if (done()) return fail(invalid("brackets [] not balanced"));
    if (peek() == ']' && !first) break;
    if (peek() == '[' && (peek(1) == ':' || peek(1) == '=' || peek(1) == '.')) {
      QW_TRY(bracket_class(set));
      continue;
    }
    if (peek() == '-' && !first && peek(1) != ']') {
      set.push_back('-');  // a range: both ends are single characters
      ++at_;
      if (peek() == '[' && peek(1) == ':') return fail(invalid("invalid character range"));
    }
    if (peek() == '\\') {
      const char letter = peek(1);
      at_ += 2;
      switch (letter) {
        case 'd':
          set += "0-9";
          continue;
        case 's':
          set += kSpace;
          continue;
        case 'w':
          set += kWord;
          continue;
        case 'D':
        case 'S':
        case 'W':
          return fail(unsupported("\\D, \\S or \\W in brackets"));
        default:
          break;
      }
      QW_ASSIGN_OR_RETURN(const char32_t code, character_escape(letter));
      literal(code, set);
      continue;
    }
    const size_t bytes = utf8::width(source_, at_);
    literal(utf8::decode(source_.substr(at_, bytes)), set);
    at_ += bytes;
  }
  ++at_;
  out_ += set + "]";
  return {};
}

// The escapes that stand for one character; `at_` is behind the letter.
Result<char32_t> Translator::character_escape(char letter) {
  const auto hex = [&](size_t digits_max, size_t digits_min) -> Result<char32_t> {
    char32_t code = 0;
    size_t count = 0;
    for (; count < digits_max && !done(); ++count, ++at_) {
      const char c = peek();
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      code = code * 16 + static_cast<char32_t>(digit);
    }
    if (count < digits_min || code > 0x10ffff) return fail(invalid("invalid escape \\ sequence"));
    return code;
  };
  switch (letter) {
    case 'a':
      return U'\x07';
    case 'b':
      return U'\x08';
    case 'B':
      return U'\\';
    case 'e':
      return U'\x1b';
    case 'f':
      return U'\x0c';
    case 'n':
      return U'\n';
    case 'r':
      return U'\r';
    case 't':
      return U'\t';
    case 'v':
      return U'\x0b';
    case 'c': {
      if (done()) return fail(invalid("invalid escape \\ sequence"));
      const char32_t code = static_cast<unsigned char>(peek()) & 0x1f;
      ++at_;
      return code;
    }
    case 'u':
      return hex(4, 4);
    case 'U':
      return hex(8, 8);
    case 'x':
      return hex(255, 1);
    case '0': {
      char32_t code = 0;
      for (int i = 0; i < 2 && peek() >= '0' && peek() <= '7'; ++i, ++at_) {
        code = code * 8 + static_cast<char32_t>(peek() - '0');
      }
      return code;
    }
    default:
      break;
  }
  if ((letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') || letter == '\0') {
    return fail(invalid("invalid escape \\ sequence"));
  }
  // A character of more than one byte stands for itself.
  if (utf8::is_lead(letter) && static_cast<unsigned char>(letter) >= 0x80) {
    const size_t bytes = utf8::width(source_, at_ - 1);
    const char32_t code = utf8::decode(source_.substr(at_ - 1, bytes));
    at_ += bytes - 1;
    return code;
  }
  return static_cast<char32_t>(static_cast<unsigned char>(letter));
}

Result<void> Translator::escape(Branch& branch) {
  if (at_ + 1 >= source_.size()) return fail(invalid("invalid escape \\ sequence"));
  const char letter = peek(1);
  at_ += 2;
  width_ = kCharacterBytesMax;
  const auto put = [&](std::string text) -> Result<void> {
    begin(branch, "");
    out_ += text;
    return {};
  };
  switch (letter) {
    case 'd':
      return put("[0-9]");
    case 'D':
      return put(flags_.dot_newline ? "[^0-9]" : "[^0-9\\n]");
    case 's':
      return put(fmt::format("[{}]", kSpace));
    case 'S':
      return put(fmt::format("[^{}]", kSpace));
    case 'w':
      return put(fmt::format("[{}]", kWord));
    case 'W':
      return put(fmt::format("[^{}{}]", kWord, flags_.dot_newline ? "" : "\\n"));
    case 'A':
      return put("\\A");
    case 'Z':
      return put("\\z");
    case 'm':
    case 'M':
      return fail(unsupported("\\m or \\M"));
    case 'y':
      return fail(unsupported("\\y"));
    case 'Y':
      return fail(unsupported("\\Y"));
    default:
      break;
  }
  if (letter >= '1' && letter <= '9') return fail(unsupported("back-references"));
  QW_ASSIGN_OR_RETURN(const char32_t code, character_escape(letter));
  std::string text;
  utf8::append(code, text);
  begin(branch, text);
  literal(code, out_);
  character_ = std::move(text);
  width_ = character_.size();
  return {};
}

}  // namespace

Result<PatternFlags> PatternFlags::parse(std::string_view letters) {
  PatternFlags flags;
  for (size_t at = 0; at < letters.size(); ++at) {
    switch (letters[at]) {
      case 'g':
        flags.global = true;
        break;
      case 'i':
        flags.icase = true;
        break;
      case 'c':
        flags.icase = false;
        break;
      case 'x':
        flags.expanded = true;
        break;
      case 't':
        flags.expanded = false;
        break;
      case 'n':
      case 'm':
        flags.dot_newline = false, flags.line_anchors = true;
        break;
      case 'p':
        flags.dot_newline = false, flags.line_anchors = false;
        break;
      case 'w':
        flags.dot_newline = true, flags.line_anchors = true;
        break;
      case 's':
        flags.dot_newline = true, flags.line_anchors = false;
        break;
      case 'q':
        flags.literal = true;
        break;
      case 'e':
        break;
      case 'b':
        return fail(unsupported("the basic syntax"));
      default:
        return fail(
            invalid_parameter_value(fmt::format("invalid regular expression option: \"{}\"",
                                                letters.substr(at, utf8::width(letters, at)))));
    }
  }
  return flags;
}

Pattern::~Pattern() = default;

Result<std::shared_ptr<const Pattern>> Pattern::compile(std::string_view source, PatternFlags flags,
                                                        PatternUse use) {
  Translator translator(source, flags);
  QW_ASSIGN_OR_RETURN(const std::string text, translator.translate());
  if (use == PatternUse::positions) {
    if (translator.greedy && translator.lazy) {
      return fail(unsupported("both greedy and non-greedy quantifiers"));
    }
    if (translator.alternatives_overlap && (translator.groups > 0 || translator.lazy)) {
      return fail(unsupported("captures and alternatives that may begin alike"));
    }
  }
  re2::RE2::Options options;
  options.set_log_errors(false);
  options.set_longest_match(!translator.lazy);
  options.set_case_sensitive(!translator.flags().icase);
  options.set_max_mem(16 << 20);
  std::shared_ptr<Pattern> pattern(new Pattern);
  pattern->re_ = std::make_unique<re2::RE2>(re2::StringPiece(text.data(), text.size()), options);
  if (!pattern->re_->ok()) {
    if (pattern->re_->error_code() == re2::RE2::ErrorPatternTooLarge) {
      return fail(invalid("regular expression is too complex"));
    }
    if (pattern->re_->error_code() == re2::RE2::ErrorBadCharRange) {
      return fail(invalid("invalid character range"));
    }
    return fail(invalid(pattern->re_->error()));
  }
  pattern->groups_ = static_cast<uint32_t>(pattern->re_->NumberOfCapturingGroups());
  if (translator.required.size() >= kRequiredBytesMin) {
    pattern->required_ = std::move(translator.required);
    pattern->required_behind_ = translator.required_behind;
  }
  return std::shared_ptr<const Pattern>(std::move(pattern));
}

bool Pattern::test(std::string_view text) const {
  if (!required_.empty() && find_text(text, required_, 0) == std::string_view::npos) return false;
  return re_->Match(re2::StringPiece(text.data(), text.size()), 0, text.size(),
                    re2::RE2::UNANCHORED, nullptr, 0);
}

// Every match begins `required_behind_` bytes at most before the required ones, so with these known
// there are few places where it can begin: tried from the left, each without a search. RE2 has no
// such shortcut, it runs its automaton over all bytes in front, then once more from the end.
bool Pattern::match(std::string_view text, size_t from, std::span<std::string_view> groups) const {
  re2::StringPiece few[kFewGroups];
  std::vector<re2::StringPiece> many(groups.size() > kFewGroups ? groups.size() : 0);
  re2::StringPiece* pieces = many.empty() ? few : many.data();
  const re2::StringPiece bytes(text.data(), text.size());
  const auto count = static_cast<int>(groups.size());
  size_t begin = from;
  bool found = false;
  uint32_t tries = 0;
  while (!required_.empty() && !found && tries < kTriesMax) {
    const size_t at = find_text(text, required_, begin);
    if (at == std::string_view::npos) return false;
    if (at > required_behind_) begin = std::max(begin, at - required_behind_);
    for (; begin <= at && !found; ++begin, ++tries) {
      found = re_->Match(bytes, begin, text.size(), re2::RE2::ANCHOR_START, pieces, count);
    }
  }
  // Each try may read all of the text, so after some the automaton is the cheaper way.
  if (!found && !re_->Match(bytes, begin, text.size(), re2::RE2::UNANCHORED, pieces, count)) {
    return false;
  }
  for (size_t g = 0; g < groups.size(); ++g) groups[g] = {pieces[g].data(), pieces[g].size()};
  return true;
}

bool Pattern::find(std::string_view text, size_t from,
                   std::vector<std::string_view>& groups) const {
  groups.resize(groups_ + 1);
  return match(text, from, groups);
}

std::string_view Pattern::first(std::string_view text) const {
  std::string_view groups[2];
  const size_t wanted = groups_ == 0 ? 1 : 2;
  return match(text, 0, {groups, wanted}) ? groups[wanted - 1] : std::string_view();
}

Result<const Pattern*> PatternCache::get(std::string_view source, std::string_view flags,
                                         PatternFlags parsed, PatternUse use) {
  // Patterns are constants as a rule.
  if (last_ != nullptr && use == last_use_ && source == last_source_ && flags == last_flags_) {
    return last_;
  }
  std::string key(flags);
  key.push_back(use == PatternUse::test ? '\1' : '\2');
  key.append(source);
  auto found = patterns_.find(key);
  if (found == patterns_.end()) {
    QW_ASSIGN_OR_RETURN(auto pattern, Pattern::compile(source, parsed, use));
    if (patterns_.size() >= kPatternsMax) patterns_.clear();
    found = patterns_.emplace(key, std::move(pattern)).first;
  }
  last_ = found->second.get();
  last_use_ = use;
  last_source_ = source;
  last_flags_ = flags;
  return last_;
}

}  // namespace qw::sql
