// Declarations: how a family of functions enters the registry.
//
// A line is PostgreSQL's oid, a signature "name(type, name type=default, variadic type) result
// [flags]" and a kernel. Types are pg_type names, "_int4" is an array; arguments may have a name
// (all or none of them) and a default value as text; flags are stable, volatile, nonstrict.
// Operators and casts come from PostgreSQL's catalogue (operators.inc, casts.inc) and join
// functions by oid: they exist as soon as their function is declared. Start-up only, one thread.
// Tests: tests/unit/sql_expr/registry_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <string_view>

#include "sql/expr/kernel.h"
#include "sql/function.h"

namespace qw::sql {

class Declarations {
 public:
  Function& add(uint32_t oid, std::string_view signature, KernelSpec kernel);
  Function& aggregate(uint32_t oid, std::string_view signature, AggregateKind kind);
  Function& window(uint32_t oid, std::string_view signature, WindowKind kind);
  Function& set(uint32_t oid, std::string_view signature, SetKernel kernel);

  std::deque<Function> functions;

 private:
  Function& declare(uint32_t oid, std::string_view signature);
};

// A type by its pg_type name, pseudo types included; asserts that it exists.
Type declared_type(std::string_view name);

// Further declarations, asked for when the registry is built: call before Registry::instance().
void add_declarations(void (*declare)(Declarations&));

// One per family, in the file of that name.
void declare_aggregates(Declarations& d);
void declare_arrays(Declarations& d);
void declare_bool(Declarations& d);
void declare_bytea(Declarations& d);
void declare_compare(Declarations& d);
void declare_compare_float(Declarations& d);
void declare_compare_nested(Declarations& d);
void declare_compare_wide(Declarations& d);
void declare_date_fields(Declarations& d);
void declare_date_parse(Declarations& d);
void declare_date_text(Declarations& d);
void declare_date_time(Declarations& d);
void declare_float(Declarations& d);
void declare_int(Declarations& d);
void declare_jsonb(Declarations& d);
void declare_jsonb_build(Declarations& d);
void declare_like(Declarations& d);
void declare_math(Declarations& d);
void declare_numeric(Declarations& d);
void declare_number_text(Declarations& d);
void declare_numeric_math(Declarations& d);
void declare_regex(Declarations& d);
void declare_row_sets(Declarations& d);
void declare_series(Declarations& d);
void declare_text(Declarations& d);
void declare_text_any(Declarations& d);
void declare_text_cast(Declarations& d);
void declare_windows(Declarations& d);

}  // namespace qw::sql
