// jsonb from SQL values: to_jsonb, jsonb_build_object, jsonb_build_array, jsonb_object.
//
// Booleans, numbers, json and jsonb keep their kind, arrays become arrays; everything else is its
// text, dates and times in ISO 8601. Tests: tests/unit/sql_expr/cases/jsonb_build.tsv.
#include <string>

#include "sql/expr/declare.h"
#include "sql/json_value.h"
#include "src/types/array.h"
#include "src/types/jsonb.h"
#include "src/types/text.h"

namespace qw::sql {

namespace {

using View = std::string_view;

// to_jsonb() of a number: NaN and infinities are strings.
Result<void> add_number(const Vector& vector, uint32_t row, Arena& arena, JsonBuilder& builder) {
  std::string text;
  append_text(vector, row, TextStyle{}, text);
  if (text == "Infinity" || text == "-Infinity" || text == "NaN") {
    builder.string(text);
    return {};
  }
  QW_ASSIGN_OR_RETURN(const Numeric number, numeric::parse(text, arena));
  builder.number(number);
  return {};
}

// Nested arrays, row-major, from element `at` on.
Result<void> add_array(const ArrayView& view, const Vector& elements, uint32_t dimension,
                       uint32_t& at, const TextStyle& style, Arena& arena, JsonBuilder& builder) {
  builder.begin_array();
  const auto length = static_cast<uint32_t>(view.dimension(dimension).length);
  for (uint32_t i = 0; i < length; ++i) {
    if (dimension + 1 < view.dimensions()) {
      QW_TRY(add_array(view, elements, dimension + 1, at, style, arena, builder));
    } else {
      QW_TRY(append_json_value(elements, at++, style, arena, builder));
    }
  }
  builder.end();
  return {};
}

}  // namespace

Result<void> append_json_value(const Vector& vector, uint32_t row, const TextStyle& style,
                               Arena& arena, JsonBuilder& builder) {
  if (vector.is_null(row)) {
    builder.null();
    return {};
  }
  const Type type = vector.type;
  if (type.id == TypeId::boolean) {
    builder.boolean(vector.at<bool>(row));
    return {};
  }
  if (type.id == TypeId::jsonb) {
    builder.value(JsonView(vector.at<Str>(row).view()));
    return {};
  }
  if (type.id == TypeId::json) {
    QW_ASSIGN_OR_RETURN(const std::string document, jsonb::parse(vector.at<Str>(row).view()));
    builder.value(JsonView(document));
    return {};
  }
  if (type.id == TypeId::record) {
    return fail(feature_not_supported("jsonb of a row value is not supported"));
  }
  if (type.is_array()) {
    const ArrayView view(vector.at<Str>(row).view());
    if (view.size() == 0) {
      builder.begin_array();
      builder.end();
      return {};
    }
    uint32_t at = 0;
    return add_array(view, view.elements(arena), 0, at, style, arena, builder);
  }
  const bool number = type.id == TypeId::int2 || type.id == TypeId::int4 ||
                      type.id == TypeId::int8 || type.id == TypeId::float4 ||
                      type.id == TypeId::float8 || type.id == TypeId::numeric;
  if (number) return add_number(vector, row, arena, builder);
  std::string text;
  append_text(vector, row, style, text);
  // ISO 8601: a T between date and time, minutes in the zone.
  if (type.id == TypeId::timestamp || type.id == TypeId::timestamptz) {
    const size_t space = text.find(' ');
    if (space != std::string::npos) text[space] = 'T';
    // The zone may have an era behind it: "+00 BC".
    const size_t end = text.ends_with(" BC") ? text.size() - 3 : text.size();
    if (type.id == TypeId::timestamptz && end > 3 &&
        (text[end - 3] == '+' || text[end - 3] == '-')) {
      text.insert(end, ":00");
    }
  }
  builder.string(text);
  return {};
}

namespace {

Vector flat_arg(const KernelCall& call, size_t arg, uint32_t& row) {
  Vector vector = call.args[arg];
  row = vector.slot(row);
  vector.form = Form::flat;
  vector.indices = nullptr;
  return vector;
}

// Runs body(row, builder) per row and stores the document.
template <typename Body>
void build_kernel(KernelCall& call, Body&& body) {
  Vector& result = *call.result;
  result = Vector::flat(call.result_type, call.rows, *call.arena);
  Str* out = result.values<Str>();
  const auto one = [&](uint32_t row) {
    out[row] = Str();
    if (call.function->strict) {
      for (const Vector& arg : call.args) {
        if (!arg.is_null(row)) continue;
        result.set_null(row, call.rows, *call.arena);
        return;
      }
    }
    JsonBuilder builder;
    Result<void> done = body(row, builder);
    if (!done) return call.errors->add(row, std::move(done).error());
    auto document = builder.take();
    if (!document) return call.errors->add(row, std::move(document).error());
    out[row] = Str::copy(*document, *call.arena);
  };
  if (call.selection == nullptr) {
    for (uint32_t row = 0; row < call.rows; ++row) one(row);
  } else {
    for (uint32_t i = 0; i < call.selected; ++i) one(call.selection[i]);
  }
}

void to_jsonb(KernelCall& call) {
  build_kernel(call, [&](uint32_t row, JsonBuilder& builder) {
    const Vector arg = flat_arg(call, 0, row);
    return append_json_value(arg, row, call.context->style, *call.arena, builder);
  });
}

void build_array(KernelCall& call) {
  build_kernel(call, [&](uint32_t row, JsonBuilder& builder) -> Result<void> {
    builder.begin_array();
    for (size_t i = 0; i < call.args.size(); ++i) {
      uint32_t slot = row;
      const Vector arg = flat_arg(call, i, slot);
      QW_TRY(append_json_value(arg, slot, call.context->style, *call.arena, builder));
    }
    builder.end();
    return {};
  });
}

void build_object(KernelCall& call) {
  build_kernel(call, [&](uint32_t row, JsonBuilder& builder) -> Result<void> {
    if (call.args.size() % 2 != 0) {
      return fail(
          invalid_parameter_value("argument list must have even number of elements")
              .with_hint("The arguments of jsonb_build_object() must consist of alternating "
                         "keys and values."));
    }
    builder.begin_object();
    for (size_t i = 0; i < call.args.size(); i += 2) {
      uint32_t slot = row;
      const Vector key = flat_arg(call, i, slot);
      if (key.is_null(slot)) {
        return fail(invalid_parameter_value("argument " + std::to_string(i + 1) +
                                            ": key must not be null"));
      }
      if (key.type.is_array() || key.type.id == TypeId::record || key.type.id == TypeId::json ||
          key.type.id == TypeId::jsonb) {
        return fail(
            invalid_parameter_value("key value must be scalar, not array, composite, or json"));
      }
      std::string text;
      if (key.type.id == TypeId::boolean) {
        text = key.values<bool>()[slot] ? "true" : "false";
      } else {
        append_text(key, slot, call.context->style, text);
      }
      builder.key(text);
      slot = row;
      const Vector value = flat_arg(call, i + 1, slot);
      QW_TRY(append_json_value(value, slot, call.context->style, *call.arena, builder));
    }
    builder.end();
    return {};
  });
}

// jsonb_object(text[]): pairs in one array, or {{k, v}, ...}; or two arrays.
void object_of_texts(KernelCall& call) {
  build_kernel(call, [&](uint32_t row, JsonBuilder& builder) -> Result<void> {
    const bool two = call.args.size() == 2;
    const ArrayView keys(call.args[0].at<Str>(row).view());
    const ArrayView values(call.args[two ? 1 : 0].at<Str>(row).view());
    if (keys.dimensions() > (two ? 1U : 2U) || (two && values.dimensions() > 1)) {
      return fail(array_subscript_error("wrong number of array subscripts"));
    }
    if (two && keys.dimensions() != values.dimensions()) {
      return fail(array_subscript_error("wrong number of array subscripts"));
    }
    if (two && keys.size() != values.size()) {
      return fail(array_subscript_error("mismatched array dimensions"));
    }
    if (!two && keys.dimensions() == 1 && keys.size() % 2 != 0) {
      return fail(array_subscript_error("array must have even number of elements"));
    }
    if (!two && keys.dimensions() == 2 && keys.dimension(1).length != 2) {
      return fail(array_subscript_error("array must have two columns"));
    }
    builder.begin_object();
    const uint32_t step = two ? 1 : 2;
    for (uint32_t i = 0; i < keys.size(); i += step) {
      if (keys.is_null(i)) {
        return fail(null_value_not_allowed("null value not allowed for object key"));
      }
      builder.key(keys.raw(i));
      const uint32_t v = two ? i : i + 1;
      if (values.is_null(v)) {
        builder.null();
      } else {
        builder.string(values.raw(v));
      }
    }
    builder.end();
    return {};
  });
}

// One object of the pairs of many; of equal keys the last one stays.
void merge_objects(KernelCall& call) {
  build_kernel(call, [&](uint32_t row, JsonBuilder& builder) -> Result<void> {
    uint32_t slot = row;
    const Vector arg = flat_arg(call, 0, slot);
    const ArrayView objects(arg.at<Str>(slot).view());
    builder.begin_object();
    for (uint32_t i = 0; i < objects.size(); ++i) {
      const JsonView object(objects.raw(i));
      for (uint32_t k = 0; k < object.size(); ++k) {
        builder.key(object.key(k));
        builder.value(object.value(k));
      }
    }
    builder.end();
    return {};
  });
}

}  // namespace

void declare_jsonb_build(Declarations& d) {
  d.add(3787, "to_jsonb(anyelement) jsonb stable", {&to_jsonb, false});
  d.add(3271, "jsonb_build_array(variadic any) jsonb stable nonstrict", {&build_array, false});
  d.add(3272, "jsonb_build_array() jsonb stable nonstrict", {&build_array, false});
  d.add(3273, "jsonb_build_object(variadic any) jsonb stable nonstrict", {&build_object, false});
  d.add(3274, "jsonb_build_object() jsonb stable nonstrict", {&build_object, false});
  d.add(0, "#jsonb_merge(_jsonb) jsonb", {&merge_objects, false});
  d.add(3263, "jsonb_object(_text) jsonb", {&object_of_texts, false});
  d.add(3264, "jsonb_object(_text,_text) jsonb", {&object_of_texts, false});
}

}  // namespace qw::sql
