// Array and record text, binary and key forms: see array.h.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/limits.h"
#include "src/types/array.h"
#include "src/types/array_builder.h"
#include "src/types/binary.h"
#include "src/types/key_codec.h"
#include "src/types/row_codec.h"
#include "src/types/text.h"

namespace qw {
namespace {

bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

bool equals_null(std::string_view text) {
  constexpr std::string_view null = "null";
  return text.size() == 4 && std::equal(text.begin(), text.end(), null.begin(),
                                        [](char a, char b) { return (a | 0x20) == b; });
}

Error malformed(std::string_view text, std::string detail) {
  Error error = invalid_text_representation(fmt::format("malformed array literal: \"{}\"", text));
  return detail.empty() ? std::move(error) : std::move(error).with_detail(std::move(detail));
}

// Reads "[1:2][0:3]=" prefixes and nested braces of one literal.
class Parser {
 public:
  Parser(Type type, std::string_view text, const TextStyle& style, Arena& arena)
      : element_(type.element, type.typmod),
        text_(text),
        style_(style),
        arena_(arena),
        builder_(type.element),
        cell_(Vector::flat(element_, 1, arena)) {}

  Result<std::string_view> parse();

 private:
  Result<void> bounds();
  Result<void> value_list(uint32_t depth);
  Result<void> element(uint32_t depth);
  Result<void> add(std::string_view text, bool quoted);
  void spaces() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool done() const { return at_ >= text_.size(); }
  Error end_of_input() const { return malformed(text_, "Unexpected end of input."); }
  Error unexpected(char c) const {
    return malformed(text_, fmt::format("Unexpected \"{}\" character.", c));
  }
  Error uneven() const {
    return malformed(text_,
                     "Multidimensional arrays must have sub-arrays with matching "
                     "dimensions.");
  }

  Type element_;
  std::string_view text_;
  const TextStyle& style_;
  Arena& arena_;
  ArrayBuilder builder_;
  Vector cell_;
  size_t at_ = 0;
  std::vector<ArrayDimension> given_;  // explicit bounds
  std::vector<int32_t> lengths_;       // per depth, once the first list there has ended
  std::vector<int32_t> counts_;        // of the lists being read
  uint32_t leaf_depth_ = 0;            // where elements are; 0 = not known yet
  std::string buffer_;
};

Result<void> Parser::bounds() {
  const auto number = [&](int32_t& out) {
    const char* begin = text_.data() + at_ + (peek() == '+' ? 1 : 0);
    const auto [end, status] = std::from_chars(begin, text_.data() + text_.size(), out);
    at_ = static_cast<size_t>(end - text_.data());
    return status == std::errc{};
  };
  while (spaces(), peek() == '[') {
    if (given_.size() == limits::kArrayDimensionsMax) {
      return fail(program_limit_exceeded(
          fmt::format("number of array dimensions ({}) exceeds the maximum allowed ({})",
                      given_.size() + 1, limits::kArrayDimensionsMax)));
    }
    ++at_;
    int32_t lower = 1, upper = 0;
    if (!number(upper)) {
      return fail(malformed(text_, "\"[\" must introduce explicitly-specified array dimensions."));
    }
    if (peek() == ':') {
      lower = upper;
      ++at_;
      if (!number(upper)) return fail(malformed(text_, "Missing array dimension value."));
    }
    if (peek() != ']') {
      return fail(malformed(text_, "Missing \"]\" after array dimensions."));
    }
    ++at_;
    if (upper < lower) {
      return fail(array_subscript_error("upper bound cannot be less than lower bound"));
    }
    given_.push_back({upper - lower + 1, lower});
  }
  if (given_.empty()) {
    if (peek() != '{') {
      return fail(malformed(text_, "Array value must start with \"{\" or dimension information."));
    }
    return {};
  }
  if (peek() != '=') return fail(malformed(text_, "Missing \"=\" after array dimensions."));
  ++at_;
  spaces();
  if (peek() != '{') return fail(malformed(text_, "Array contents must start with \"{\"."));
  return {};
}

Result<void> Parser::add(std::string_view text, bool quoted) {
  if (!quoted && equals_null(text)) {
    builder_.add_null();
    return {};
  }
  QW_TRY(parse_text_into(cell_, 0, text, style_, arena_));
  builder_.add(cell_, 0);
  return {};
}

// One element: quoted, or bare up to a comma or brace with outer spaces dropped.
Result<void> Parser::element(uint32_t depth) {
  if (leaf_depth_ == 0) leaf_depth_ = depth;
  if (leaf_depth_ != depth) return fail(uneven());
  buffer_.clear();
  if (peek() == '"') {
    ++at_;
    while (true) {
      if (done()) return fail(end_of_input());
      const char c = text_[at_++];
      if (c == '"') break;
      if (c == '\\') {
        if (done()) return fail(end_of_input());
        buffer_ += text_[at_++];
      } else {
        buffer_ += c;
      }
    }
    spaces();
    if (done()) return fail(end_of_input());
    if (peek() != ',' && peek() != '}') {
      return fail(malformed(text_, "Unexpected array element."));
    }
    return add(buffer_, true);
  }
  size_t keep = 0;  // trailing spaces are dropped unless escaped
  bool escaped = false;
  while (true) {
    if (done()) return fail(end_of_input());
    const char c = peek();
    if (c == ',' || c == '}') break;
    if (c == '"') return fail(malformed(text_, "Unexpected array element."));
    if (c == '{') return fail(unexpected('{'));
    ++at_;
    if (c == '\\') {
      if (done()) return fail(end_of_input());
      buffer_ += text_[at_++];
      keep = buffer_.size();
      escaped = true;
    } else {
      buffer_ += c;
      if (!is_space(c)) keep = buffer_.size();
    }
  }
  buffer_.resize(keep);
  if (buffer_.empty() && !escaped) return fail(unexpected(peek()));
  return add(buffer_, escaped);
}

// `at_` is behind the opening brace of a list at `depth` (1 = outermost).
Result<void> Parser::value_list(uint32_t depth) {
  if (depth > limits::kArrayDimensionsMax) {
    return fail(program_limit_exceeded(
        fmt::format("number of array dimensions ({}) exceeds the maximum allowed ({})", depth,
                    limits::kArrayDimensionsMax)));
  }
  if (lengths_.size() < depth) lengths_.resize(depth, -1);
  int32_t count = 0;
  spaces();
  if (peek() == '}' && !done()) {
    // Empty braces are an empty array only as the whole value.
    if (depth > 1) return fail(unexpected('}'));
    ++at_;
    lengths_[depth - 1] = 0;
    return {};
  }
  const bool of_lists = peek() == '{';
  while (true) {
    spaces();
    if (done()) return fail(end_of_input());
    if (count > 0 && (peek() == '{') != of_lists) {
      return fail(of_lists ? malformed(text_, "Unexpected array element.") : unexpected('{'));
    }
    if (of_lists) {
      if (leaf_depth_ != 0 && depth >= leaf_depth_) return fail(uneven());
      ++at_;
      QW_TRY(value_list(depth + 1));
    } else {
      QW_TRY(element(depth));
    }
    ++count;
    spaces();
    if (done()) return fail(end_of_input());
    const char c = text_[at_++];
    if (c == '}') break;
    if (c != ',') return fail(unexpected(c));
    spaces();
    if (peek() == '}') return fail(unexpected('}'));
  }
  if (lengths_[depth - 1] >= 0 && lengths_[depth - 1] != count) return fail(uneven());
  lengths_[depth - 1] = count;
  return {};
}

Result<std::string_view> Parser::parse() {
  QW_TRY(bounds());
  ++at_;
  QW_TRY(value_list(1));
  spaces();
  if (!done()) return fail(malformed(text_, "Junk after closing right brace."));
  std::vector<ArrayDimension> shape;
  for (const int32_t length : lengths_) shape.push_back({length, 1});
  if (builder_.count() == 0) shape.clear();
  if (!given_.empty()) {
    const bool same = given_.size() == shape.size() &&
                      std::equal(shape.begin(), shape.end(), given_.begin(),
                                 [](const ArrayDimension& a, const ArrayDimension& b) {
                                   return a.length == b.length;
                                 });
    if (!same) {
      return fail(malformed(text_, "Specified array dimensions do not match array contents."));
    }
    shape = given_;
  }
  const std::string out = builder_.finish(shape);
  return std::string_view(arena_.copy(out), out.size());
}

bool needs_quotes(std::string_view text, char delimiter) {
  if (text.empty() || equals_null(text)) return true;
  return std::any_of(text.begin(), text.end(), [delimiter](char c) {
    return c == '"' || c == '\\' || c == '{' || c == '}' || c == delimiter || is_space(c);
  });
}

}  // namespace

namespace array {

Result<std::string_view> parse(Type type, std::string_view text, const TextStyle& style,
                               Arena& arena) {
  return Parser(type, text, style, arena).parse();
}

void append_quoted(std::string_view text, char delimiter, std::string& out) {
  if (!needs_quotes(text, delimiter)) {
    out += text;
    return;
  }
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  out += '"';
}

void append_text(std::string_view bytes, const TextStyle& style, std::string& out) {
  const ArrayView view(bytes);
  if (view.size() == 0) {
    out += "{}";
    return;
  }
  const uint32_t dimensions = view.dimensions();
  std::vector<ArrayDimension> shape;
  bool bounds = false;
  for (uint32_t d = 0; d < dimensions; ++d) {
    shape.push_back(view.dimension(d));
    bounds = bounds || shape[d].lower != 1;
  }
  if (bounds) {
    for (const ArrayDimension& one : shape) {
      fmt::format_to(std::back_inserter(out), "[{}:{}]", one.lower, one.lower + one.length - 1);
    }
    out += '=';
  }
  Arena arena;
  const Vector values = view.elements(arena);
  std::string element;
  std::vector<int32_t> at(dimensions, 0);
  out.append(dimensions, '{');
  for (uint32_t i = 0; i < view.size(); ++i) {
    if (values.is_null(i)) {
      out += "NULL";
    } else {
      element.clear();
      qw::append_text(values, i, style, element);
      append_quoted(element, ',', out);
    }
    // Close and reopen as many braces as dimensions have run out.
    uint32_t closed = 0;
    for (uint32_t d = dimensions; d-- > 0;) {
      if (++at[d] < shape[d].length) break;
      at[d] = 0;
      ++closed;
    }
    out.append(closed, '}');
    if (closed == dimensions) break;
    out += ',';
    out.append(closed, '{');
  }
}

void append_binary(std::string_view bytes, std::string& out) {
  const ArrayView view(bytes);
  append_be<int32_t>(out, static_cast<int32_t>(view.dimensions()));
  append_be<int32_t>(out, view.has_nulls() ? 1 : 0);
  append_be<uint32_t>(out, Type(view.element_type()).oid());
  for (uint32_t d = 0; d < view.dimensions(); ++d) {
    append_be<int32_t>(out, view.dimension(d).length);
    append_be<int32_t>(out, view.dimension(d).lower);
  }
  Arena arena;
  const Vector values = view.elements(arena);
  for (uint32_t i = 0; i < view.size(); ++i) {
    if (values.is_null(i)) {
      append_be<int32_t>(out, -1);
      continue;
    }
    const size_t length_at = out.size();
    append_be<int32_t>(out, 0);
    qw::append_binary(values, i, out);
    store_be<int32_t>(out.data() + length_at,
                      static_cast<int32_t>(out.size() - length_at - sizeof(int32_t)));
  }
}

Result<std::string_view> from_binary(Type type, std::string_view wire, Arena& arena) {
  const auto bad = [](std::string text) {
    return fail(invalid_binary_representation(std::move(text)));
  };
  const auto short_message = [] {
    return fail(protocol_violation("insufficient data left in message"));
  };
  ByteReader reader(wire);
  const auto dimensions = reader.read_be<int32_t>();
  const auto flags = reader.read_be<int32_t>();
  const auto oid = reader.read_be<uint32_t>();
  if (!oid) return short_message();
  if (*dimensions < 0) return bad(fmt::format("invalid number of dimensions: {}", *dimensions));
  if (*dimensions > static_cast<int32_t>(limits::kArrayDimensionsMax)) {
    return fail(program_limit_exceeded(
        fmt::format("number of array dimensions ({}) exceeds the maximum allowed ({})", *dimensions,
                    limits::kArrayDimensionsMax)));
  }
  if (*flags != 0 && *flags != 1) return bad("invalid array flags");
  const Type element(type.element, type.typmod);
  if (*oid != element.oid()) {
    const auto sent = Type::from_oid(*oid);
    return fail(datatype_mismatch(
        fmt::format("binary data has array element type {} ({}) instead of expected {} ({})", *oid,
                    sent ? sent->sql_name() : "???", element.oid(), element.sql_name())));
  }
  std::vector<ArrayDimension> shape;
  int64_t count = *dimensions == 0 ? 0 : 1;
  for (int32_t d = 0; d < *dimensions; ++d) {
    const auto length = reader.read_be<int32_t>();
    const auto lower = reader.read_be<int32_t>();
    if (!lower) return short_message();
    constexpr int64_t count_max = limits::kArrayElementsMax;
    if (*length < 0 || (count *= *length) > count_max) {
      return fail(program_limit_exceeded(
          fmt::format("array size exceeds the maximum allowed ({})", count_max)));
    }
    shape.push_back({*length, *lower});
  }
  ArrayBuilder builder(type.element);
  Vector cell = Vector::flat(element, 1, arena);
  for (int64_t i = 0; i < count; ++i) {
    const auto size = reader.read_be<int32_t>();
    if (!size) return short_message();
    if (*size == -1) {
      builder.add_null();
      continue;
    }
    const auto bytes = *size < 0 ? std::nullopt : reader.read_bytes(static_cast<size_t>(*size));
    if (!bytes) return short_message();
    QW_TRY(parse_binary_into(cell, 0, *bytes, arena));
    builder.add(cell, 0);
  }
  if (!reader.done()) return bad("incorrect binary data format");
  const std::string out = builder.finish(shape);
  return std::string_view(arena.copy(out), out.size());
}

// Elements one after the other, each behind a 1 (its own key follows) or 2 (NULL, above all
// values); 0 ends the list, so that a prefix sorts first. Then the shape.
void append_key(std::string_view bytes, std::string& out) {
  const ArrayView view(bytes);
  Arena arena;
  const Vector values = view.elements(arena);
  const KeyCodec codec({{Type(view.element_type()), SortOrder{}}});
  for (uint32_t i = 0; i < view.size(); ++i) {
    const Datum value = Datum::from(values, i);
    codec.append({&value, 1}, out);  // its tag is 1 for a value, 2 for NULL
  }
  out += '\0';
  out += static_cast<char>(view.dimensions());
  for (uint32_t d = 0; d < view.dimensions(); ++d) {
    append_be<uint32_t>(out, static_cast<uint32_t>(view.dimension(d).length));
    append_be<uint32_t>(out, static_cast<uint32_t>(view.dimension(d).lower) ^ 0x80000000U);
  }
}

}  // namespace array

namespace record {
namespace {

constexpr size_t kFieldBytes = 8;

uint32_t field_count(std::string_view bytes) { return load<uint32_t>(bytes.data()); }
std::string_view packed_row(std::string_view bytes) {
  return bytes.substr(4 + kFieldBytes * field_count(bytes));
}

// All fields as one-row vectors.
std::vector<Vector> unpack(std::string_view bytes, Arena& arena) {
  const RowCodec codec(types(bytes));
  std::vector<Vector> out;
  const std::string_view row = packed_row(bytes);
  codec.unpack({&row, 1}, {}, arena, out);
  return out;
}

bool needs_quotes(std::string_view text) {
  if (text.empty()) return true;
  return std::any_of(text.begin(), text.end(), [](char c) {
    return c == '"' || c == '\\' || c == '(' || c == ')' || c == ',' || is_space(c);
  });
}

}  // namespace

Str make(std::span<const Vector> fields, uint32_t row, Arena& arena) {
  std::string out;
  append<uint32_t>(out, static_cast<uint32_t>(fields.size()));
  std::vector<Type> field_types;
  std::vector<uint32_t> columns;
  Batch batch;
  batch.rows = row + 1;
  for (const Vector& field : fields) {
    Type type = field.type;
    if (type.id == TypeId::unknown) type = TypeId::text;
    append<uint32_t>(out, type.oid());
    append<int32_t>(out, type.typmod);
    field_types.push_back(type);
    columns.push_back(static_cast<uint32_t>(columns.size()));
    batch.columns.push_back(field);
  }
  const auto selected = static_cast<uint16_t>(row);
  batch.select(&selected, 1);
  std::string_view packed;
  RowCodec(std::move(field_types)).pack(batch, columns, arena, &packed);
  out += packed;
  return Str::copy(out, arena);
}

std::vector<Type> types(std::string_view bytes) {
  std::vector<Type> out;
  for (uint32_t i = 0; i < field_count(bytes); ++i) {
    const char* at = bytes.data() + 4 + kFieldBytes * i;
    Type type = Type::from_oid(load<uint32_t>(at)).value_or(Type(TypeId::text));
    type.typmod = load<int32_t>(at + 4);
    out.push_back(type);
  }
  return out;
}

Datum field(std::string_view bytes, uint32_t index) {
  QW_ASSERT(index < field_count(bytes));
  Arena arena;
  return Datum::from(unpack(bytes, arena)[index], 0);
}

int compare(std::string_view a, std::string_view b) {
  Arena arena;
  const std::vector<Vector> x = unpack(a, arena), y = unpack(b, arena);
  for (size_t i = 0; i < std::min(x.size(), y.size()); ++i) {
    const bool null_x = x[i].is_null(0), null_y = y[i].is_null(0);
    if (null_x && null_y) continue;
    if (null_x || null_y) return null_x ? 1 : -1;
    if (x[i].type.physical() != y[i].type.physical()) {
      return x[i].type.oid() < y[i].type.oid() ? -1 : 1;
    }
    const int order = compare_values(x[i], 0, y[i], 0);
    if (order != 0) return order;
  }
  if (x.size() == y.size()) return 0;
  return x.size() < y.size() ? -1 : 1;
}

void append_text(std::string_view bytes, const TextStyle& style, std::string& out) {
  Arena arena;
  const std::vector<Vector> fields = unpack(bytes, arena);
  out += '(';
  std::string text;
  for (size_t i = 0; i < fields.size(); ++i) {
    if (i != 0) out += ',';
    if (fields[i].is_null(0)) continue;
    text.clear();
    qw::append_text(fields[i], 0, style, text);
    if (!needs_quotes(text)) {
      out += text;
      continue;
    }
    out += '"';
    for (const char c : text) {
      if (c == '"' || c == '\\') out += c;  // doubled
      out += c;
    }
    out += '"';
  }
  out += ')';
}

void append_binary(std::string_view bytes, std::string& out) {
  Arena arena;
  const std::vector<Vector> fields = unpack(bytes, arena);
  append_be<uint32_t>(out, static_cast<uint32_t>(fields.size()));
  for (const Vector& value : fields) {
    append_be<uint32_t>(out, value.type.oid());
    if (value.is_null(0)) {
      append_be<int32_t>(out, -1);
      continue;
    }
    const size_t length_at = out.size();
    append_be<int32_t>(out, 0);
    qw::append_binary(value, 0, out);
    store_be<int32_t>(out.data() + length_at,
                      static_cast<int32_t>(out.size() - length_at - sizeof(int32_t)));
  }
}

}  // namespace record
}  // namespace qw
