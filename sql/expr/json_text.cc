// json, which keeps its text: to_json, array_to_json, json_build_array, json_build_object, and the
// fields and elements of a document as they are written.
//
// Values are spelled as jsonb spells them, numbers as their own type does.
// Tests: tests/unit/sql_expr/cases/json_text.tsv.
#include "sql/expr/json_text.h"

#include <string>

#include "sql/expr/declare.h"
#include "sql/json_value.h"
#include "src/types/array.h"
#include "src/types/jsonb.h"
#include "src/types/text.h"

namespace qw::sql {
namespace {

bool is_number(TypeId id) {
  return id == TypeId::int2 || id == TypeId::int4 || id == TypeId::int8 || id == TypeId::float4 ||
         id == TypeId::float8 || id == TypeId::numeric;
}

Result<void> append_value(const Vector& vector, uint32_t row, const TextStyle& style, Arena& arena,
                          std::string& out);

// Nested arrays, row-major, from element `at` on.
Result<void> append_array(const ArrayView& view, const Vector& elements, uint32_t dimension,
                          uint32_t& at, const TextStyle& style, Arena& arena, std::string& out) {
  out.push_back('[');
  const auto length = static_cast<uint32_t>(view.dimension(dimension).length);
  for (uint32_t i = 0; i < length; ++i) {
    if (i > 0) out.push_back(',');
    if (dimension + 1 < view.dimensions()) {
      QW_TRY(append_array(view, elements, dimension + 1, at, style, arena, out));
    } else {
      QW_TRY(append_value(elements, at++, style, arena, out));
    }
  }
  out.push_back(']');
  return {};
}

Result<void> append_value(const Vector& vector, uint32_t row, const TextStyle& style, Arena& arena,
                          std::string& out) {
  const Type type = vector.type;
  if (vector.is_null(row)) {
    out += "null";
  } else if (type.id == TypeId::json) {
    out += vector.at<Str>(row).view();
  } else if (is_number(type.id)) {
    std::string text;
    append_text(vector, row, style, text);
    const bool finite = text.back() >= '0' && text.back() <= '9';
    if (finite) {
      out += text;
    } else {
      jsonb::append_json_string(text, out);
    }
  } else if (type.is_array()) {
    const ArrayView view(vector.at<Str>(row).view());
    uint32_t at = 0;
    if (view.size() == 0) {
      out += "[]";
    } else {
      QW_TRY(append_array(view, view.elements(arena), 0, at, style, arena, out));
    }
  } else {
    JsonBuilder builder;
    QW_TRY(append_json_value(vector, row, style, arena, builder));
    QW_ASSIGN_OR_RETURN(const std::string document, builder.take());
    jsonb::append_text(document, out);
  }
  return {};
}

// Runs `body(row, text)` for the live rows; NULL arguments are the body's business when the
// function is not strict.
template <typename Body>
void text_kernel(KernelCall& call, Body&& body) {
  *call.result = Vector::flat(call.result_type, call.rows, *call.arena);
  Str* out = call.result->values<Str>();
  const auto one = [&](uint32_t row) {
    out[row] = Str();
    for (const Vector& arg : call.args) {
      if (!call.function->strict || !arg.is_null(row)) continue;
      call.result->set_null(row, call.rows, *call.arena);
      return;
    }
    std::string text;
    Result<void> done = body(row, text);
    if (!done) return call.errors->add(row, std::move(done).error());
    out[row] = Str::copy(text, *call.arena);
  };
  if (call.selection == nullptr) {
    for (uint32_t row = 0; row < call.rows; ++row) one(row);
  } else {
    for (uint32_t i = 0; i < call.selected; ++i) one(call.selection[i]);
  }
}

// An argument and its row as a flat vector has them.
Result<void> append_arg(const KernelCall& call, size_t arg, uint32_t row, std::string& out) {
  const Vector& vector = call.args[arg];
  const uint16_t slot[] = {static_cast<uint16_t>(row)};
  return append_value(vector.gathered(slot, 1, *call.arena), 0, call.context->style, *call.arena,
                      out);
}

void to_json(KernelCall& call) {
  text_kernel(call, [&](uint32_t row, std::string& out) { return append_arg(call, 0, row, out); });
}

void build_array(KernelCall& call) {
  text_kernel(call, [&](uint32_t row, std::string& out) -> Result<void> {
    out.push_back('[');
    for (size_t i = 0; i < call.args.size(); ++i) {
      if (i > 0) out += ", ";
      QW_TRY(append_arg(call, i, row, out));
    }
    out.push_back(']');
    return {};
  });
}

void build_object(KernelCall& call) {
  text_kernel(call, [&](uint32_t row, std::string& out) -> Result<void> {
    if (call.args.size() % 2 != 0) {
      return fail(invalid_parameter_value("argument list must have even number of elements")
                      .with_hint("The arguments of json_build_object() must consist of alternating "
                                 "keys and values."));
    }
    out.push_back('{');
    for (size_t i = 0; i < call.args.size(); i += 2) {
      if (i > 0) out += ", ";
      if (call.args[i].is_null(row)) {
        return fail(invalid_parameter_value("argument " + std::to_string(i + 1) + " cannot be null")
                        .with_hint("Object keys should be text."));
      }
      const Type type = call.args[i].type;
      if (type.is_array() || type.id == TypeId::record || type.id == TypeId::json ||
          type.id == TypeId::jsonb) {
        return fail(
            invalid_parameter_value("key value must be scalar, not array, composite, or json"));
      }
      std::string key;
      QW_TRY(append_arg(call, i, row, key));
      if (key.front() != '"') {
        std::string quoted;
        jsonb::append_json_string(key, quoted);
        key = std::move(quoted);
      }
      out += key + " : ";
      QW_TRY(append_arg(call, i + 1, row, out));
    }
    out.push_back('}');
    return {};
  });
}

}  // namespace

void declare_json_text(Declarations& d) {
  d.add(3176, "to_json(anyelement) json stable", {&to_json, false});
  d.add(3153, "array_to_json(anyarray) json stable", {&to_json, false});
  d.add(3198, "json_build_array(variadic any) json stable nonstrict", {&build_array, false});
  d.add(3199, "json_build_array() json stable nonstrict", {&build_array, false});
  d.add(3200, "json_build_object(variadic any) json stable nonstrict", {&build_object, false});
  d.add(3201, "json_build_object() json stable nonstrict", {&build_object, false});
}

}  // namespace qw::sql
