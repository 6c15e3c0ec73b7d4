// See number_format.h. Printing walks the template's digit positions from left to right beside the
// number's digits; reading walks it beside the input, as PostgreSQL does, whose answers for
// templates that do not fit their number are what the rules below come from.
#include "sql/expr/number_format.h"

#include <algorithm>
#include <optional>

#include <fmt/format.h>

#include "sql/expr/utf8.h"
#include "src/base/error.h"

namespace qw::sql {
namespace {

using Key = NumberFormat::Key;
using Anchor = NumberFormat::Anchor;

struct Keyword {
  std::string_view text;
  Key key;
};
// Longer before their prefixes.
constexpr Keyword kKeywords[] = {
    {"EEEE", Key::nothing}, {"FM", Key::nothing}, {"MI", Key::minus},  {"PL", Key::plus},
    {"PR", Key::nothing},   {"RN", Key::roman},   {"SG", Key::sign},   {"SP", Key::nothing},
    {"TH", Key::ordinal},   {",", Key::comma},    {".", Key::point},   {"0", Key::zero},
    {"9", Key::nine},       {"B", Key::nothing},  {"C", Key::nothing}, {"D", Key::point},
    {"G", Key::group},      {"L", Key::currency}, {"S", Key::nothing}, {"V", Key::nothing},
};

// Keywords are written in one case.
const Keyword* keyword_at(std::string_view rest, bool& lower) {
  for (const Keyword& keyword : kKeywords) {
    const std::string_view spelled = rest.substr(0, keyword.text.size());
    lower = false;
    if (spelled == keyword.text) return &keyword;
    std::string folded(keyword.text);
    for (char& c : folded) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    lower = true;
    if (spelled == folded) return &keyword;
  }
  return nullptr;
}

Error mixed_signs() { return syntax_error(R"(cannot use "S" and "PL"/"MI"/"SG"/"PR" together)"); }

bool is_digit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

Result<void> NumberFormat::add_digit(Key key) {
  if (brackets) {
    return fail(
        syntax_error(fmt::format("\"{}\" must be ahead of \"PR\"", key == Key::nine ? "9" : "0")));
  }
  if (key == Key::nine && multiplies) {
    ++shift;
    return {};
  }
  if (key == Key::zero && !has_zero && !has_point) {
    has_zero = true;
    zero_begin = whole;
  }
  ++(has_point ? fraction : whole);
  if (key == Key::zero) zero_end = whole + fraction;
  return {};
}

Result<void> NumberFormat::add_sign(std::string_view keyword) {
  if (keyword == "S") {
    if (anchored()) return fail(syntax_error("cannot use \"S\" twice"));
    if (plus || minus || brackets) return fail(mixed_signs());
    anchor = has_point ? Anchor::after : Anchor::before;
    if (!has_point) anchor_at = whole;
    return {};
  }
  if (anchored()) {
    return fail(keyword == "PR"
                    ? syntax_error("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" "
                                   "together")
                    : syntax_error(fmt::format("cannot use \"S\" and \"{}\" together", keyword)));
  }
  if (keyword == "PR") {
    if (plus || minus) {
      return fail(syntax_error("cannot use \"PR\" and \"S\"/\"PL\"/\"MI\"/\"SG\" together"));
    }
    brackets = true;
  }
  if (keyword == "MI" || keyword == "SG") minus = true;
  if (keyword == "PL" || keyword == "SG") plus = true;
  return {};
}

Result<void> NumberFormat::add(Item item, std::string_view keyword) {
  if (scientific && keyword != "EEEE") {
    return fail(syntax_error("\"EEEE\" must be the last pattern used"));
  }
  if (keyword == "9" || keyword == "0") {
    QW_TRY(add_digit(item.key));
  } else if (item.key == Key::point) {
    if (has_point) return fail(syntax_error("multiple decimal points"));
    if (multiplies) {
      return fail(syntax_error("cannot use \"V\" and decimal point together"));
    }
    has_point = true;
  } else if (keyword == "S" || keyword == "MI" || keyword == "PL" || keyword == "SG" ||
             keyword == "PR") {
    QW_TRY(add_sign(keyword));
  } else if (keyword == "B") {
    blank = blank || (whole == 0 && fraction == 0 && !has_zero);
  } else if (keyword == "FM") {
    fill = true;
  } else if (item.key == Key::roman) {
    roman = true;
  } else if (keyword == "V") {
    if (has_point) {
      return fail(syntax_error("cannot use \"V\" and decimal point together"));
    }
    multiplies = true;
  } else if (keyword == "EEEE") {
    if (scientific) return fail(syntax_error("cannot use \"EEEE\" twice"));
    if (blank || fill || anchored() || brackets || minus || plus || roman || multiplies) {
      return fail(syntax_error("\"EEEE\" is incompatible with other formats")
                      .with_detail("\"EEEE\" may only be used together with digit and decimal "
                                   "point patterns."));
    }
    scientific = true;
  }
  items.push_back(std::move(item));
  return {};
}

Result<NumberFormat> NumberFormat::parse(std::string_view source) {
  NumberFormat format;
  format.source = source;
  const auto add_literal = [&](std::string_view text) {
    Item item;
    item.text = text;
    format.items.push_back(std::move(item));
  };
  for (size_t at = 0; at < source.size();) {
    const std::string_view rest = source.substr(at);
    bool lower = false;
    if (const Keyword* keyword = keyword_at(rest, lower)) {
      Item item;
      item.key = keyword->key;
      item.lower = lower;
      QW_TRY(format.add(std::move(item), keyword->text));
      at += keyword->text.size();
      continue;
    }
    if (rest[0] == '"') {
      for (++at; at < source.size() && source[at] != '"';) {
        if (source[at] == '\\' && at + 1 < source.size()) ++at;
        const size_t bytes = utf8::width(source, at);
        add_literal(source.substr(at, bytes));
        at += bytes;
      }
      ++at;
      continue;
    }
    if (rest[0] == '\\' && rest.size() > 1 && rest[1] == '"') ++at;
    const size_t bytes = utf8::width(source, at);
    add_literal(source.substr(at, bytes));
    at += bytes;
  }
  return format;
}

namespace {

// Prints one number. A position is a digit or a point of the template; the first `blanks` of them
// have no digit of the number.
class Printer {
 public:
  Printer(const NumberFormat& format, const NumberDigits& digits) : f_(format), d_(digits) {
    keeps_brackets_ = f_.brackets && (d_.negative || !f_.fill);
    anchor_ = f_.anchor;
    // S in front of the point but behind all digits is a trailing one.
    if (anchor_ == Anchor::before && f_.whole == f_.anchor_at) anchor_ = Anchor::after;
    if (f_.plus || f_.minus) {
      signed_ = f_.minus;  // PL beside a sign of its own
    } else {
      signed_ = !d_.negative && f_.fill && !f_.anchored();
    }
    last_position_ = f_.whole + f_.fraction - 1;
    if (!signed_ && d_.blanks == 0) ++last_position_;
    if (f_.fill && f_.has_point) find_last_relevant();
  }

  std::string run() {
    for (const NumberFormat::Item& item : f_.items) {
      if (ended_) break;
      print(item);
    }
    return std::move(out_);
  }

 private:
  char next() const { return next_ < d_.text.size() ? d_.text[next_] : '\0'; }
  bool has_last() const { return last_ != 0; }
  bool last_is_point() const { return has_last() && d_.text[last_] == '.'; }
  // The single zero before the point, which "9.9" shows as a blank.
  bool is_lone_zero() const {
    return !f_.has_zero && next_ == 0 && next() == '0' && f_.fraction != 0;
  }

  // With FM and a point, trailing zeros go, but not those asked for by a 0.
  void find_last_relevant() {
    const size_t point = d_.text.find('.');
    if (point == std::string::npos) return;
    last_ = point;
    for (size_t i = point + 1; i < d_.text.size(); ++i) {
      if (d_.text[i] != '0') last_ = i;
    }
    if (f_.zero_end > d_.blanks) {
      const size_t wanted =
          std::min(d_.text.size() - 1, static_cast<size_t>(f_.zero_end - d_.blanks));
      last_ = std::max(last_, wanted);
    }
  }

  void put_sign() {
    const bool reached = position_ >= d_.blanks || (f_.has_zero && f_.zero_begin == position_);
    if (signed_ || !reached || (is_lone_zero() && !last_is_point())) return;
    if (f_.anchored()) {
      if (anchor_ != Anchor::before) return;
      out_.push_back(d_.negative ? '-' : '+');
    } else if (keeps_brackets_) {
      out_.push_back(d_.negative ? '<' : ' ');
    } else if (d_.negative) {
      out_.push_back('-');
    } else if (!f_.fill) {
      out_.push_back(' ');
    }
    signed_ = true;
  }

  void put_digit(Key key) {
    if (next() == '.') {
      if (!last_is_point() || f_.fill) out_.push_back('.');
    } else if (has_last() && next_ > last_ && key != Key::zero) {
      // A trailing zero that FM drops.
    } else if (is_lone_zero()) {
      if (!f_.fill) {
        out_.push_back(' ');
      } else if (last_is_point()) {
        out_.push_back('0');
      }
    } else {
      // A position beyond the digits, as of NaN, ends the text.
      ended_ = next() == '\0';
      if (!ended_) out_.push_back(next());
      inside_ = true;
    }
    if (next() != '\0') ++next_;
  }

  void position(Key key) {
    if (f_.roman) return;
    inside_ = false;
    put_sign();
    const bool before = position_ < d_.blanks;
    if (before && !(f_.has_zero && f_.zero_begin <= position_)) {
      if (!f_.fill) out_.push_back(' ');
    } else if (before) {
      out_.push_back('0');
      inside_ = true;
    } else {
      put_digit(key);
    }
    if (ended_) return;
    int32_t end = last_position_ + (d_.blanks != 0 ? 1 : 0) + (f_.has_point ? 1 : 0);
    if (has_last() && last_ == next_) end = position_;
    if (position_ + 1 == end) {
      if (signed_ && keeps_brackets_) {
        out_.push_back(d_.negative ? '>' : ' ');
      } else if (anchor_ == Anchor::after && f_.anchored()) {
        out_.push_back(d_.negative ? '-' : '+');
      }
    }
    ++position_;
  }

  void separator() {
    if (inside_) {
      out_.push_back(',');
    } else if (!f_.fill) {
      out_.push_back(' ');
    }
  }

  void print(const NumberFormat::Item& item) {
    switch (item.key) {
      case Key::literal:
        out_ += item.text;
        return;
      case Key::comma:
      case Key::group:
        return separator();
      case Key::point:
      case Key::zero:
      case Key::nine:
        return position(item.key);
      case Key::currency:
        out_.push_back(' ');
        return;
      case Key::minus:
        if (d_.negative) {
          out_.push_back('-');
        } else if (!f_.fill) {
          out_.push_back(' ');
        }
        return;
      case Key::plus:
        if (!d_.negative) {
          out_.push_back('+');
        } else if (!f_.fill) {
          out_.push_back(' ');
        }
        return;
      case Key::sign:
        out_.push_back(d_.negative ? '-' : '+');
        return;
      case Key::roman:
      case Key::ordinal:
        return word(item);
      case Key::nothing:
        return;
    }
  }

  void word(const NumberFormat::Item& item) {
    std::string text;
    if (item.key == Key::roman) {
      text = f_.fill ? d_.text : fmt::format("{:>15}", d_.text);
    } else {
      if (f_.roman || d_.text.substr(0, 1) == "#" || d_.negative || f_.has_point) return;
      text = ordinal_suffix(d_.text);
    }
    for (char& c : text) {
      if (item.lower && c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
      if (!item.lower && c >= 'a' && c <= 'z') c = static_cast<char>(c - 32);
    }
    out_ += text;
  }

  const NumberFormat& f_;
  const NumberDigits& d_;
  std::string out_;
  Anchor anchor_ = Anchor::none;
  bool keeps_brackets_ = false, signed_ = false, inside_ = false, ended_ = false;
  size_t next_ = 0, last_ = 0;  // in d_.text; last_ 0 = all digits matter
  int32_t position_ = 0, last_position_ = 0;
};

// Reads one number: the template says how far to go, the input where sign and digits are.
class Reader {
 public:
  Reader(const NumberFormat& format, std::string_view input) : f_(format), in_(input) {
    anchor_ = f_.anchor;
  }

  std::string run(int32_t& fraction) {
    for (const NumberFormat::Item& item : f_.items) {
      if (done()) break;
      read(item);
    }
    if (!digits_.empty() && digits_.back() == '.') digits_.pop_back();
    fraction = after_;
    return std::string(1, sign_) + digits_;
  }

 private:
  bool done() const { return at_ >= in_.size(); }
  char peek() const { return done() ? '\0' : in_[at_]; }
  void skip_characters(size_t count) {
    for (; count > 0 && !done(); --count) {
      if (std::string_view("0123456789.,+-").find(peek()) != std::string_view::npos) return;
      at_ += utf8::width(in_, at_);
    }
  }
  bool take_sign() {
    if (peek() != '-' && peek() != '+') return false;
    sign_ = peek();
    ++at_;
    return true;
  }

  void sign_item(std::string_view accepted) {
    if (accepted.find(peek()) != std::string_view::npos) {
      take_sign();
    } else {
      skip_characters(1);
    }
  }

  void position(Key key) {
    if (done()) return;
    if (peek() == ' ') ++at_;
    if (done()) return;
    if (sign_ == ' ' && key != Key::point && before_ + after_ == 0) {
      if (anchor_ == Anchor::before) {
        take_sign();
      } else if (f_.brackets && peek() == '<') {
        sign_ = '-';
        ++at_;
      } else if (!f_.anchored() || anchor_ == Anchor::after) {
        take_sign();
      }
    }
    if (done()) return;
    bool read = false;
    if (is_digit(peek())) {
      if (point_ && after_ == f_.fraction) return;
      digits_.push_back(peek());
      ++(point_ ? after_ : before_);
      read = true;
    } else if (f_.has_point && !point_ && peek() == '.') {
      digits_.push_back('.');
      point_ = read = true;
    }
    trailing_sign(read);
    // One character per position, whatever it was.
    if (!done()) ++at_;
  }

  // A sign behind the last digit: S when what follows is no digit; MI, PL and SG where the template
  // still has digits and the input has none.
  void trailing_sign(bool read) {
    if (sign_ != ' ' || before_ + after_ == 0) return;
    if (f_.anchored() && read && at_ + 1 < in_.size() && !is_digit(in_[at_ + 1])) {
      const char c = in_[at_ + 1];
      if (c != '-' && c != '+') return;
      sign_ = c;
      ++at_;
    } else if (!read && !f_.anchored() && (f_.plus || f_.minus)) {
      if (peek() == '-' || peek() == '+') sign_ = peek();
    }
  }

  void read(const NumberFormat::Item& item) {
    switch (item.key) {
      case Key::literal:
        at_ += utf8::width(in_, at_);
        return;
      case Key::comma:
      case Key::group:
        if (peek() == ',') ++at_;
        return;
      case Key::point:
      case Key::zero:
      case Key::nine:
        return position(item.key);
      case Key::currency:
        return skip_characters(1);
      case Key::minus:
        return sign_item("-");
      case Key::plus:
        return sign_item("+");
      case Key::sign:
        return sign_item("+-");
      case Key::ordinal:
        if (!f_.roman && !f_.has_point && sign_ != '-') skip_characters(2);
        return;
      case Key::roman:
      case Key::nothing:
        return;
    }
  }

  const NumberFormat& f_;
  std::string_view in_;
  std::string digits_;
  char sign_ = ' ';
  Anchor anchor_ = Anchor::none;
  size_t at_ = 0;
  int32_t before_ = 0, after_ = 0;
  bool point_ = false;
};

}  // namespace

std::string print_number(const NumberFormat& format, const NumberDigits& digits) {
  return Printer(format, digits).run();
}

std::string read_number(const NumberFormat& format, std::string_view input, int32_t& fraction) {
  return Reader(format, input).run(fraction);
}

std::string roman_number(int64_t value) {
  if (value < 1 || value > 3999) return std::string(15, '#');
  struct Part {
    int32_t value;
    std::string_view text;
  };
  constexpr Part kParts[] = {{1000, "M"}, {900, "CM"}, {500, "D"}, {400, "CD"}, {100, "C"},
                             {90, "XC"},  {50, "L"},   {40, "XL"}, {10, "X"},   {9, "IX"},
                             {5, "V"},    {4, "IV"},   {1, "I"}};
  std::string out;
  for (const Part& part : kParts) {
    for (; value >= part.value; value -= part.value) out += part.text;
  }
  return out;
}

std::string_view ordinal_suffix(std::string_view digits) {
  const char last = digits.empty() ? '0' : digits.back();
  if (digits.size() > 1 && digits[digits.size() - 2] == '1') return "th";
  return last == '1' ? "st" : last == '2' ? "nd" : last == '3' ? "rd" : "th";
}

}  // namespace qw::sql
