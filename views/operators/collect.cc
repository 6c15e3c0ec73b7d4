// collect(); see collect.h.
#include "views/operators/collect.h"

#include <cstring>
#include <string>
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

std::string join_texts(std::span<const Vector> arguments, uint32_t count) {
  std::string text;
  for (uint32_t i = 0; i < count; ++i) {
    if (i != 0 && !arguments[1].is_null(i)) text.append(arguments[1].at<Str>(i).view());
    text.append(arguments[0].at<Str>(i).view());
  }
  return text;
}

uint64_t combine_bits(AggregateKind kind, const Vector& values, uint32_t count) {
  const uint32_t bytes = values.type.bytes();
  QW_ASSERT(bytes <= 8);
  uint64_t bits = kind == AggregateKind::bit_and ? ~uint64_t{0} : 0;
  for (uint32_t i = 0; i < count; ++i) {
    uint64_t value = 0;
    std::memcpy(&value, static_cast<const char*>(values.data) + size_t{bytes} * i, bytes);
    if (kind == AggregateKind::bit_and) {
      bits &= value;
    } else if (kind == AggregateKind::bit_or) {
      bits |= value;
    } else {
      bits ^= value;
    }
  }
  return bits;
}

Result<Interval> sum_intervals(AggregateKind kind, const Vector& values, uint32_t count) {
  Int128 us = 0;
  int64_t days = 0, months = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const auto value = values.at<Interval>(i);
    us += value.us;
    days += value.days;
    months += value.months;
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

Result<std::string> jsonb_of(AggregateKind kind, std::span<const Vector> arguments, uint32_t count,
                             const TextStyle& style, Arena& arena) {
  const bool object = kind == AggregateKind::jsonb_object_agg;
  JsonBuilder builder;
  object ? builder.begin_object() : builder.begin_array();
  for (uint32_t i = 0; i < count; ++i) {
    if (object) {
      QW_ASSIGN_OR_RETURN(const std::string key, key_text(arguments[0], i, style));
      builder.key(key);
    }
    QW_TRY(sql::append_json_value(arguments[object ? 1 : 0], i, style, arena, builder));
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

Result<std::string> json_of(AggregateKind kind, std::span<const Vector> arguments, uint32_t count,
                            const TextStyle& style, Arena& arena) {
  const bool object = kind == AggregateKind::json_object_agg;
  const Vector& values = arguments[object ? 1 : 0];
  std::string out = object ? "{ " : "[";
  for (uint32_t i = 0; i < count; ++i) {
    if (i != 0) out += ", ";
    if (object) {
      QW_ASSIGN_OR_RETURN(const std::string key, key_text(arguments[0], i, style));
      jsonb::append_json_string(key, out);
      out += " : ";
    } else if (i != 0 && values.type.is_array() && !values.is_null(i)) {
      out += "\n ";
    }
    QW_TRY(append_json(values, i, style, arena, out));
  }
  out += object ? " }" : "]";
  return out;
}

// array_agg of arrays: one dimension more, whose members all have one shape.
Result<Str> stack_arrays(const Vector& arrays, uint32_t count, Arena& arena) {
  for (uint32_t i = 0; i < count; ++i) {
    if (arrays.is_null(i)) return fail(null_value_not_allowed("cannot accumulate null arrays"));
  }
  const ArrayView first(arrays.at<Str>(0).view());
  if (first.size() == 0) return fail(array_subscript_error("cannot accumulate empty arrays"));
  if (first.dimensions() >= limits::kArrayDimensionsMax) {
    return fail(program_limit_exceeded(
        fmt::format("number of array dimensions ({}) exceeds the maximum allowed ({})",
                    first.dimensions() + 1, limits::kArrayDimensionsMax)));
  }
  const uint32_t members = first.size();
  Vector all;
  for (uint32_t i = 0; i < count; ++i) {
    const ArrayView view(arrays.at<Str>(i).view());
    if (view.size() == 0) return fail(array_subscript_error("cannot accumulate empty arrays"));
    if (!view.same_shape(first)) {
      return fail(array_subscript_error("cannot accumulate arrays of different dimensionality"));
    }
    const Vector elements = view.elements(arena);
    if (i == 0) all = Vector::flat(elements.type, count * members, arena);
    const size_t bytes = size_t{elements.type.bytes()} * members;
    std::memcpy(static_cast<char*>(all.data) + bytes * i, elements.data, bytes);
    for (uint32_t e = 0; e < members; ++e) {
      if (elements.is_null(e)) all.set_null(i * members + e, count * members, arena);
    }
  }
  std::vector<ArrayDimension> dimensions{{static_cast<int32_t>(count), 1}};
  for (uint32_t d = 0; d < first.dimensions(); ++d) dimensions.push_back(first.dimension(d));
  return array::make(all, 0, count * members, dimensions, arena);
}

}  // namespace

bool is_collected(AggregateKind kind) {
  switch (kind) {
    case AggregateKind::array_agg:
    case AggregateKind::string_agg:
    case AggregateKind::bit_and:
    case AggregateKind::bit_or:
    case AggregateKind::bit_xor:
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

Result<void> collect(const CollectSpec& spec, std::span<const Vector> arguments, uint32_t count,
                     const TextStyle& style, Arena& arena, Vector& out) {
  const bool sums = spec.kind == AggregateKind::sum || spec.kind == AggregateKind::avg;
  QW_ASSERT(is_collected(spec.kind) || (sums && spec.result.id == TypeId::interval));
  out = Vector::flat(spec.result, 1, arena);
  if (count == 0) {
    std::memset(out.data, 0, spec.result.bytes());
    out.set_null(0, 1, arena);
    return {};
  }
  if (sums) {
    QW_ASSIGN_OR_RETURN(out.values<Interval>()[0], sum_intervals(spec.kind, arguments[0], count));
    return {};
  }
  std::string text;
  if (spec.kind == AggregateKind::array_agg && arguments[0].type.is_array()) {
    QW_ASSIGN_OR_RETURN(out.values<Str>()[0], stack_arrays(arguments[0], count, arena));
    return {};
  }
  if (spec.kind == AggregateKind::array_agg) {
    out.values<Str>()[0] = array::make(arguments[0], 0, count, arena);
    return {};
  }
  if (spec.kind == AggregateKind::string_agg) {
    text = join_texts(arguments, count);
  } else if (spec.kind == AggregateKind::jsonb_agg ||
             spec.kind == AggregateKind::jsonb_object_agg) {
    QW_ASSIGN_OR_RETURN(text, jsonb_of(spec.kind, arguments, count, style, arena));
  } else if (spec.kind == AggregateKind::json_agg || spec.kind == AggregateKind::json_object_agg) {
    QW_ASSIGN_OR_RETURN(text, json_of(spec.kind, arguments, count, style, arena));
  } else {
    const uint64_t bits = combine_bits(spec.kind, arguments[0], count);
    std::memcpy(out.data, &bits, spec.result.bytes());
    return {};
  }
  out.values<Str>()[0] = Str::copy(text, arena);
  return {};
}

}  // namespace qw::views
