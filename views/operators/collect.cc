// collect(); see collect.h.
#include "views/operators/collect.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/json_value.h"
#include "src/base/assert.h"
#include "src/base/limits.h"
#include "src/types/array.h"
#include "src/types/interval.h"
#include "src/types/jsonb.h"
#include "src/types/str.h"

namespace qw::views {
namespace {

using sql::AggregateKind;

// Whether all copies of all rows, of `members` values each, are more than an array may have.
bool too_many(const Collected& from, uint32_t members) {
  constexpr int64_t kMax = limits::kArrayElementsMax;
  int64_t sum = 0;
  for (uint32_t i = 0; i < from.rows && sum <= kMax; ++i) {
    sum += std::min(from.copies_of(i), kMax + 1) * members;
  }
  return sum > kMax;
}

Error too_large_array() {
  return program_limit_exceeded(
      fmt::format("array size exceeds the maximum allowed ({})", limits::kArrayElementsMax));
}

Error too_long() {
  return program_limit_exceeded("out of memory")
      .with_detail(fmt::format("The value of an aggregate would be longer than {} bytes.",
                               limits::kValueBytesMax));
}

Result<void> check_bytes(size_t bytes) {
  if (bytes > limits::kValueBytesMax) return fail(too_long());
  return {};
}

Result<void> check_array_bytes(const Collected& from) {
  const Vector& values = from.arguments[0];
  size_t bytes = 0;
  for (uint32_t i = 0; i < from.rows; ++i) {
    const bool is_long = values.type.physical() == Physical::string && !values.is_null(i);
    const size_t one = is_long ? values.at<Str>(i).size() : values.type.bytes();
    bytes += one * static_cast<size_t>(from.copies_of(i));
    QW_TRY(check_bytes(bytes));
  }
  return {};
}

Result<std::string> join_texts(const Collected& from) {
  std::string text;
  bool first = true;
  for (uint32_t i = 0; i < from.rows; ++i) {
    const std::string_view value = from.arguments[0].at<Str>(i).view();
    const bool delimited = !from.arguments[1].is_null(i);
    const std::string_view delimiter =
        delimited ? from.arguments[1].at<Str>(i).view() : std::string_view();
    for (int64_t copy = 0; copy < from.copies_of(i); ++copy) {
      if (!std::exchange(first, false)) text.append(delimiter);
      text.append(value);
      QW_TRY(check_bytes(text.size()));
    }
  }
  return text;
}

Result<Interval> sum_intervals(AggregateKind kind, const Collected& from) {
  Int128 us = 0, days = 0, months = 0, count = 0;
  for (uint32_t i = 0; i < from.rows; ++i) {
    const auto value = from.arguments[0].at<Interval>(i);
    const Int128 copies = from.copies_of(i);
    us += value.us * copies;
    days += value.days * copies;
    months += value.months * copies;
    count += copies;
  }
  const Interval sum{static_cast<int64_t>(us), static_cast<int32_t>(days),
                     static_cast<int32_t>(months)};
  if (Int128{sum.us} != us || sum.days != days || sum.months != months) {
    return fail(datetime_field_overflow("interval out of range"));
  }
  if (kind == AggregateKind::sum) return sum;
  return interval::divide(sum, static_cast<double>(count));
}

Result<std::string> key_text(const Vector& keys, uint32_t row, const TextStyle& style) {
  if (keys.is_null(row)) return fail(invalid_parameter_value("field name must not be null"));
  std::string text;
  if (keys.type.id == TypeId::boolean) {
    text = keys.values<uint8_t>()[row] != 0 ? "true" : "false";
  } else {
    append_text(keys, row, style, text);
  }
  return text;
}

Result<std::string> jsonb_of(AggregateKind kind, const Collected& from, const TextStyle& style,
                             Arena& arena) {
  const bool object = kind == AggregateKind::jsonb_object_agg;
  const Vector& values = from.arguments[object ? 1 : 0];
  JsonBuilder builder;
  object ? builder.begin_object() : builder.begin_array();
  for (uint32_t i = 0; i < from.rows; ++i) {
    std::string key;
    if (object) {
      QW_ASSIGN_OR_RETURN(key, key_text(from.arguments[0], i, style));
    }
    // The last of equal keys stays.
    const int64_t copies = object ? 1 : from.copies_of(i);
    for (int64_t copy = 0; copy < copies; ++copy) {
      if (object) builder.key(key);
      QW_TRY(sql::append_json_value(values, i, style, arena, builder));
    }
  }
  builder.end();
  return builder.take();
}

// An SQL array as json has no spaces, unlike jsonb.
void append_compact(const JsonView& value, uint32_t dimensions, std::string& out) {
  if (dimensions == 0 || !value.is_array()) return jsonb::append_text(value, out);
  out.push_back('[');
  for (uint32_t i = 0; i < value.size(); ++i) {
    if (i != 0) out.push_back(',');
    append_compact(value.element(i), dimensions - 1, out);
  }
  out.push_back(']');
}

Result<void> append_json(const Vector& values, uint32_t row, const TextStyle& style, Arena& arena,
                         std::string& out) {
  if (values.type.id == TypeId::json && !values.is_null(row)) {
    out.append(values.at<Str>(row).view());  // as it was written
    return {};
  }
  JsonBuilder builder;
  builder.begin_array();
  QW_TRY(sql::append_json_value(values, row, style, arena, builder));
  builder.end();
  QW_ASSIGN_OR_RETURN(const std::string document, builder.take());
  const uint32_t dimensions = values.type.is_array() && !values.is_null(row)
                                  ? ArrayView(values.at<Str>(row).view()).dimensions()
                                  : 0;
  append_compact(JsonView(document).element(0), dimensions, out);
  return {};
}

Result<std::string> json_of(AggregateKind kind, const Collected& from, const TextStyle& style,
                            Arena& arena) {
  const bool object = kind == AggregateKind::json_object_agg;
  const Vector& values = from.arguments[object ? 1 : 0];
  std::string out = object ? "{ " : "[";
  bool first = true;
  for (uint32_t i = 0; i < from.rows; ++i) {
    std::string item;
    if (object) {
      QW_ASSIGN_OR_RETURN(const std::string key, key_text(from.arguments[0], i, style));
      jsonb::append_json_string(key, item);
      item += " : ";
    }
    QW_TRY(append_json(values, i, style, arena, item));
    const bool broken = !object && values.type.is_array() && !values.is_null(i);
    for (int64_t copy = 0; copy < from.copies_of(i); ++copy) {
      if (!std::exchange(first, false)) out += broken ? ", \n " : ", ";
      out += item;
      QW_TRY(check_bytes(out.size()));
    }
  }
  out += object ? " }" : "]";
  return out;
}

// array_agg of arrays: one dimension more, whose members all have one shape.
Result<Str> stack_arrays(const Collected& from, Arena& arena) {
  const Vector& arrays = from.arguments[0];
  int64_t count = 0;
  for (uint32_t i = 0; i < from.rows; ++i) {
    if (arrays.is_null(i)) return fail(null_value_not_allowed("cannot accumulate null arrays"));
    count += from.copies_of(i);
  }
  const ArrayView first(arrays.at<Str>(0).view());
  if (first.size() == 0) return fail(array_subscript_error("cannot accumulate empty arrays"));
  if (first.dimensions() >= limits::kArrayDimensionsMax) {
    return fail(program_limit_exceeded(
        fmt::format("number of array dimensions ({}) exceeds the maximum allowed ({})",
                    first.dimensions() + 1, limits::kArrayDimensionsMax)));
  }
  const uint32_t members = first.size();
  if (too_many(from, members)) return fail(too_large_array());
  const auto total = static_cast<uint32_t>(count * members);
  Vector all;
  uint32_t at = 0;
  for (uint32_t i = 0; i < from.rows; ++i) {
    const ArrayView view(arrays.at<Str>(i).view());
    if (view.size() == 0) return fail(array_subscript_error("cannot accumulate empty arrays"));
    if (!view.same_shape(first)) {
      return fail(array_subscript_error("cannot accumulate arrays of different dimensionality"));
    }
    const Vector elements = view.elements(arena);
    if (i == 0) all = Vector::flat(elements.type, total, arena);
    const uint32_t bytes = elements.type.bytes();
    for (int64_t copy = 0; copy < from.copies_of(i); ++copy, at += members) {
      std::memcpy(static_cast<char*>(all.data) + size_t{bytes} * at, elements.data,
                  size_t{bytes} * members);
      for (uint32_t e = 0; e < members; ++e) {
        if (elements.is_null(e)) all.set_null(at + e, total, arena);
      }
    }
  }
  std::vector<ArrayDimension> dimensions{{static_cast<int32_t>(count), 1}};
  for (uint32_t d = 0; d < first.dimensions(); ++d) dimensions.push_back(first.dimension(d));
  return array::make(all, 0, total, dimensions, arena);
}

}  // namespace

bool is_collected(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::array_agg:
    case AggregateKind::string_agg:
    case AggregateKind::json_agg:
    case AggregateKind::jsonb_agg:
    case AggregateKind::json_object_agg:
    case AggregateKind::jsonb_object_agg:
      return true;
    case AggregateKind::none:
    case AggregateKind::count_star:
    case AggregateKind::count:
    case AggregateKind::sum:
    case AggregateKind::avg:
    case AggregateKind::min:
    case AggregateKind::max:
    case AggregateKind::bool_and:
    case AggregateKind::bool_or:
    case AggregateKind::bit_and:
    case AggregateKind::bit_or:
    case AggregateKind::bit_xor:
    case AggregateKind::stddev_samp:
    case AggregateKind::stddev_pop:
    case AggregateKind::var_samp:
    case AggregateKind::var_pop:
    case AggregateKind::any_value:
      return false;
  }
  return false;
}

bool collects_nulls(AggregateKind kind) {
  return kind == AggregateKind::array_agg || kind == AggregateKind::json_agg ||
         kind == AggregateKind::jsonb_agg || kind == AggregateKind::json_object_agg ||
         kind == AggregateKind::jsonb_object_agg;
}

Result<void> collect(const CollectSpec& spec, const Collected& from, const TextStyle& style,
                     Arena& arena, Vector& out) {
  const bool sums = spec.kind == AggregateKind::sum || spec.kind == AggregateKind::avg;
  QW_ASSERT(is_collected(spec.kind) || (sums && spec.result.id == TypeId::interval));
  out = Vector::flat(spec.result, 1, arena);
  if (from.rows == 0) {
    std::memset(out.data, 0, spec.result.bytes());
    out.set_null(0, 1, arena);
    return {};
  }
  if (sums) {
    QW_ASSIGN_OR_RETURN(out.values<Interval>()[0], sum_intervals(spec.kind, from));
    return {};
  }
  const bool is_array = spec.kind == AggregateKind::array_agg;
  const bool keeps_one = spec.kind == AggregateKind::jsonb_object_agg;  // of equal keys
  if (!keeps_one && too_many(from, 1)) return fail(is_array ? too_large_array() : too_long());
  if (is_array) {
    const Vector& values = from.arguments[0];
    QW_TRY(check_array_bytes(from));
    if (values.type.is_array()) {
      QW_ASSIGN_OR_RETURN(out.values<Str>()[0], stack_arrays(from, arena));
      return {};
    }
    out.values<Str>()[0] = from.copies == nullptr
                               ? array::make(values, 0, from.rows, arena)
                               : array::make_repeated(values, from.rows, from.copies, arena);
    return {};
  }
  std::string text;
  if (spec.kind == AggregateKind::string_agg) {
    QW_ASSIGN_OR_RETURN(text, join_texts(from));
  } else if (spec.kind == AggregateKind::jsonb_agg ||
             spec.kind == AggregateKind::jsonb_object_agg) {
    QW_ASSIGN_OR_RETURN(text, jsonb_of(spec.kind, from, style, arena));
  } else {
    QW_ASSIGN_OR_RETURN(text, json_of(spec.kind, from, style, arena));
  }
  out.values<Str>()[0] = Str::copy(text, arena);
  return {};
}

}  // namespace qw::views
