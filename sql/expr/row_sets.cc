// Set-returning functions that take a value apart: unnest, generate_subscripts, jsonb_each and its
// kin, regexp_matches, regexp_split_to_table, string_to_table.
//
// The rows of one input row are gathered, then handed out batch by batch. Values borrow from the
// arguments and from the call's arena, which both outlive the cursor.
// Tests: tests/unit/sql_expr/series_test.cc.
#include <cstring>
#include <optional>
#include <string>
#include <vector>

#include "sql/expr/declare.h"
#include "sql/expr/pattern.h"
#include "sql/expr/text_array.h"
#include "sql/expr/utf8.h"
#include "src/types/array.h"
#include "src/types/jsonb.h"

namespace qw::sql {
namespace {

using View = std::string_view;

// The output rows of one input row.
class RowSink {
 public:
  struct Value {
    alignas(16) char bytes[16] = {};
    bool null = true;
  };
  void clear() { values_.clear(); }
  void add_null() { values_.emplace_back(); }
  template <typename T>
  void add(const T& value) {
    Value& slot = values_.emplace_back();
    slot.null = false;
    std::memcpy(slot.bytes, &value, sizeof(T));
  }
  void add_raw(const void* bytes, uint32_t width) {
    Value& slot = values_.emplace_back();
    slot.null = false;
    std::memcpy(slot.bytes, bytes, width);
  }
  size_t size() const { return values_.size(); }
  const Value& at(size_t index) const { return values_[index]; }

 private:
  std::vector<Value> values_;  // row after row
};

// Appends the rows of input row `row`; errors go to the call.
using Expand = void (*)(const SetCall& call, uint32_t row, RowSink& sink, PatternCache& patterns);

class RowsCursor final : public SetCursor {
 public:
  RowsCursor(const SetCall& call, Expand expand, std::vector<Type> types, bool strict)
      : call_(call), expand_(expand), types_(std::move(types)), strict_(strict) {}

  uint32_t next(uint32_t rows_max, Arena& arena, uint16_t* parent,
                std::vector<Vector>& out) override {
    out.clear();
    for (const Type& type : types_) out.push_back(Vector::flat(type, rows_max, arena));
    const size_t columns = types_.size();
    uint32_t count = 0;
    while (count < rows_max) {
      if (at_ * columns == sink_.size()) {
        if (row_ == call_.rows) break;
        refill();
        continue;
      }
      for (size_t c = 0; c < columns; ++c) {
        const RowSink::Value& value = sink_.at(at_ * columns + c);
        const uint32_t width = types_[c].bytes();
        std::memcpy(static_cast<char*>(out[c].data) + size_t{count} * width, value.bytes, width);
        if (value.null) out[c].set_null(count, rows_max, arena);
      }
      parent[count++] = static_cast<uint16_t>(row_ - 1);
      ++at_;
    }
    return count;
  }

 private:
  void refill() {
    sink_.clear();
    at_ = 0;
    bool null = false;
    for (const Vector& arg : call_.args) null = null || (strict_ && arg.is_null(row_));
    if (!null) expand_(call_, row_, sink_, patterns_);
    ++row_;
  }

  SetCall call_;
  Expand expand_;
  std::vector<Type> types_;
  bool strict_;
  RowSink sink_;
  PatternCache patterns_;
  uint32_t row_ = 0;
  size_t at_ = 0;
};

View bytes_of(const SetCall& call, uint32_t arg, uint32_t row) {
  return call.args[arg].at<Str>(row).view();
}
Str kept(const SetCall& call, View text) { return Str::copy(text, *call.arena); }
void fail_row(const SetCall& call, uint32_t row, Error error) {
  call.errors->add(row, std::move(error));
}

// ---- arrays -------------------------------------------------------------------------------------

void unnest(const SetCall& call, uint32_t row, RowSink& sink, PatternCache&) {
  const ArrayView view(bytes_of(call, 0, row));
  if (view.size() == 0) return;
  const Vector elements = view.elements(*call.arena);
  const uint32_t width = elements.type.bytes();
  for (uint32_t i = 0; i < view.size(); ++i) {
    if (elements.is_null(i)) {
      sink.add_null();
    } else {
      sink.add_raw(static_cast<const char*>(elements.data) + size_t{i} * width, width);
    }
  }
}
std::unique_ptr<SetCursor> unnest_set(const SetCall& call) {
  const std::optional<Type> element = array_element_type(call.args[0].type);
  QW_ASSERT(element.has_value());
  return std::make_unique<RowsCursor>(call, &unnest, std::vector<Type>{*element}, true);
}

void subscripts(const SetCall& call, uint32_t row, RowSink& sink, PatternCache&) {
  const ArrayView view(bytes_of(call, 0, row));
  const auto dimension = call.args[1].at<int32_t>(row);
  if (dimension < 1 || dimension > static_cast<int32_t>(view.dimensions())) return;
  const bool reverse = call.args.size() > 2 && call.args[2].at<bool>(row);
  const ArrayDimension d = view.dimension(static_cast<uint32_t>(dimension - 1));
  for (int32_t i = 0; i < d.length; ++i) {
    sink.add<int32_t>(reverse ? d.lower + d.length - 1 - i : d.lower + i);
  }
}

// ---- jsonb --------------------------------------------------------------------------------------

void add_text(const SetCall& call, const JsonView& value, RowSink& sink) {
  if (value.kind() == JsonKind::null) return sink.add_null();
  std::string text;
  jsonb::append_unquoted(value, text);
  sink.add(kept(call, text));
}

template <bool AsText>
void elements(const SetCall& call, uint32_t row, RowSink& sink, PatternCache&) {
  const JsonView document(bytes_of(call, 0, row));
  if (!document.is_array()) {
    return fail_row(
        call, row,
        invalid_parameter_value(document.is_object() ? "cannot extract elements from an object"
                                                     : "cannot extract elements from a scalar"));
  }
  for (uint32_t i = 0; i < document.size(); ++i) {
    const JsonView value = document.element(i);
    if (AsText) {
      add_text(call, value, sink);
    } else {
      sink.add(value.document(*call.arena));
    }
  }
}
template <bool AsText>
void pairs(const SetCall& call, uint32_t row, RowSink& sink, PatternCache&) {
  const JsonView document(bytes_of(call, 0, row));
  if (!document.is_object()) {
    return fail_row(call, row,
                    invalid_parameter_value(AsText ? "cannot call jsonb_each_text on a non-object"
                                                   : "cannot call jsonb_each on a non-object"));
  }
  for (uint32_t i = 0; i < document.size(); ++i) {
    sink.add(kept(call, document.key(i)));
    if (AsText) {
      add_text(call, document.value(i), sink);
    } else {
      sink.add(document.value(i).document(*call.arena));
    }
  }
}
void keys(const SetCall& call, uint32_t row, RowSink& sink, PatternCache&) {
  const JsonView document(bytes_of(call, 0, row));
  if (!document.is_object()) {
    return fail_row(
        call, row,
        invalid_parameter_value(document.is_array() ? "cannot call jsonb_object_keys on an array"
                                                    : "cannot call jsonb_object_keys on a scalar"));
  }
  for (uint32_t i = 0; i < document.size(); ++i) sink.add(kept(call, document.key(i)));
}

// ---- text ---------------------------------------------------------------------------------------

const Pattern* pattern_of(const SetCall& call, uint32_t row, PatternCache& patterns,
                          PatternFlags& flags) {
  const View letters = call.args.size() > 2 ? bytes_of(call, 2, row) : View();
  auto parsed = PatternFlags::parse(letters);
  if (!parsed) return fail_row(call, row, std::move(parsed).error()), nullptr;
  flags = *parsed;
  auto pattern = patterns.get(bytes_of(call, 1, row), letters, flags, PatternUse::positions);
  if (!pattern) return fail_row(call, row, std::move(pattern).error()), nullptr;
  return *pattern;
}

void regexp_matches(const SetCall& call, uint32_t row, RowSink& sink, PatternCache& patterns) {
  PatternFlags flags;
  const Pattern* pattern = pattern_of(call, row, patterns, flags);
  if (pattern == nullptr) return;
  const View text = bytes_of(call, 0, row);
  std::vector<View> groups;
  for (size_t from = 0; from <= text.size() && pattern->find(text, from, groups);) {
    std::vector<std::optional<View>> parts;
    for (size_t i = groups.size() > 1 ? 1 : 0; i < groups.size(); ++i) {
      parts.push_back(groups[i].data() == nullptr ? std::nullopt : std::optional<View>(groups[i]));
    }
    sink.add(text_array(parts, *call.arena));
    if (!flags.global) return;
    from = static_cast<size_t>(groups[0].data() - text.data()) + groups[0].size();
    if (groups[0].empty()) {
      if (from >= text.size()) return;
      from += utf8::width(text, from);
    }
  }
}

void regexp_split(const SetCall& call, uint32_t row, RowSink& sink, PatternCache& patterns) {
  PatternFlags flags;
  const Pattern* pattern = pattern_of(call, row, patterns, flags);
  if (pattern == nullptr) return;
  if (flags.global) {
    return fail_row(
        call, row,
        invalid_parameter_value("regexp_split_to_table() does not support the \"global\" option"));
  }
  const View text = bytes_of(call, 0, row);
  std::vector<View> groups;
  size_t last = 0;
  for (size_t from = 0; from <= text.size() && pattern->find(text, from, groups);) {
    const auto begin = static_cast<size_t>(groups[0].data() - text.data());
    const size_t end = begin + groups[0].size();
    if (!groups[0].empty() || (begin != text.size() && end > last)) {
      sink.add(kept(call, text.substr(last, begin - last)));
      last = end;
    }
    from = end;
    if (groups[0].empty()) {
      if (from >= text.size()) break;
      from += utf8::width(text, from);
    }
  }
  sink.add(kept(call, text.substr(last)));
}

void string_to_table(const SetCall& call, uint32_t row, RowSink& sink, PatternCache&) {
  if (call.args[0].is_null(row)) return;
  const View text = bytes_of(call, 0, row);
  if (text.empty()) return;
  const bool has_null = call.args.size() > 2 && !call.args[2].is_null(row);
  const View null_text = has_null ? bytes_of(call, 2, row) : View();
  const auto add = [&](View part) {
    if (has_null && part == null_text) {
      sink.add_null();
    } else {
      sink.add(kept(call, part));
    }
  };
  if (call.args[1].is_null(row)) {
    for (size_t at = 0; at < text.size();) {
      const size_t bytes = utf8::width(text, at);
      add(text.substr(at, bytes));
      at += bytes;
    }
    return;
  }
  const View separator = bytes_of(call, 1, row);
  size_t begin = 0;
  if (!separator.empty()) {
    for (size_t at = text.find(separator); at != View::npos; at = text.find(separator, begin)) {
      add(text.substr(begin, at - begin));
      begin = at + separator.size();
    }
  }
  add(text.substr(begin));
}

template <Expand E, TypeId Result, bool Strict = true>
std::unique_ptr<SetCursor> one_column(const SetCall& call) {
  return std::make_unique<RowsCursor>(call, E, std::vector<Type>{Result}, Strict);
}
template <Expand E, TypeId Value>
std::unique_ptr<SetCursor> key_value(const SetCall& call) {
  return std::make_unique<RowsCursor>(call, E, std::vector<Type>{TypeId::text, Value}, true);
}
template <Expand E>
std::unique_ptr<SetCursor> text_arrays(const SetCall& call) {
  return std::make_unique<RowsCursor>(call, E, std::vector<Type>{Type::array_of(TypeId::text)},
                                      true);
}

}  // namespace

void declare_row_sets(Declarations& d) {
  d.set(2331, "unnest(anyarray) anyelement", &unnest_set);
  d.set(1191, "generate_subscripts(anyarray,int4,bool) int4",
        &one_column<subscripts, TypeId::int4>);
  d.set(1192, "generate_subscripts(anyarray,int4) int4", &one_column<subscripts, TypeId::int4>);
  d.set(3219, "jsonb_array_elements(jsonb) jsonb", &one_column<elements<false>, TypeId::jsonb>)
      .out_columns = {{"value", TypeId::jsonb}};
  d.set(3465, "jsonb_array_elements_text(jsonb) text", &one_column<elements<true>, TypeId::text>)
      .out_columns = {{"value", TypeId::text}};
  d.set(3208, "jsonb_each(jsonb) record", &key_value<pairs<false>, TypeId::jsonb>).out_columns = {
      {"key", TypeId::text}, {"value", TypeId::jsonb}};
  d.set(3932, "jsonb_each_text(jsonb) record", &key_value<pairs<true>, TypeId::text>)
      .out_columns = {{"key", TypeId::text}, {"value", TypeId::text}};
  d.set(3931, "jsonb_object_keys(jsonb) text", &one_column<keys, TypeId::text>);
  d.set(2763, "regexp_matches(text,text) _text", &text_arrays<regexp_matches>);
  d.set(2764, "regexp_matches(text,text,text) _text", &text_arrays<regexp_matches>);
  d.set(2765, "regexp_split_to_table(text,text) text", &one_column<regexp_split, TypeId::text>);
  d.set(2766, "regexp_split_to_table(text,text,text) text",
        &one_column<regexp_split, TypeId::text>);
  d.set(6160, "string_to_table(text,text) text nonstrict",
        &one_column<string_to_table, TypeId::text, false>);
  d.set(6161, "string_to_table(text,text,text) text nonstrict",
        &one_column<string_to_table, TypeId::text, false>);
}

}  // namespace qw::sql
