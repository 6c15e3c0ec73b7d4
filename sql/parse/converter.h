// Converter: libpg_query's JSON to our syntax tree, in one pass.
//
// One method per node of PostgreSQL's raw parse tree. The first error is kept and the rest of the
// work is thrown away at the end, so methods return plain values (null after an error). Constructs
// without a place in our tree are refused by name. Integers that are not positive are missing in
// the JSON of libpg_query 15-4.0.0 (it writes only values > 0): they are read from the text again.
// convert_expr.cc expressions, convert_query.cc queries, convert_definition.cc and
// convert_statement.cc the other statements. One thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sql/ast.h"
#include "sql/parse/pg_parse.h"
#include "sql/parse/reader.h"
#include "src/base/error.h"
#include "src/base/result.h"

namespace qw::sql::parsing {

struct RawStatement {
  ast::StatementPtr statement;
  uint32_t begin = 0, end = 0;  // in the parsed text; end 0 = up to its end
};

class Converter {
 public:
  // `text` was parsed; it lies at byte `offset` of `source`, into which locations point (a negative
  // offset: `text` has a prefix that `source` has not).
  Converter(std::string_view source, std::string_view text, int32_t offset)
      : source_(source), text_(text), offset_(offset) {}

  Result<std::vector<RawStatement>> run(const PaddedJson& json);

 private:
  class Nested;
  using ExprPtr = ast::ExprPtr;

  // Errors.
  void keep(Error error);
  void refuse(std::string_view construct, int32_t location = -1);
  void refuse_param(const ast::Expr& param);
  int32_t position(int32_t location) const;

  // Values common to many nodes.
  int32_t location(Json value) const;
  int64_t hidden_integer(int32_t location) const;
  static std::string string_node(Json node);
  static std::vector<std::string> strings(Json array);
  ast::Alias alias(Json body);
  ast::RelationName relation(Json body);
  ast::RelationName relation(Json body, ast::Persistence& persistence);
  ast::Option option(Json body);
  void option_value(std::string_view type, Json body, ast::Option& option);
  std::vector<ast::Option> options(Json array);

  // Expressions.
  ExprPtr expr(Json node);
  ExprPtr expr(std::string_view type, Json body);
  ast::ExprList exprs(Json array);
  ExprPtr constant(Json body);
  ExprPtr column_ref(Json body);
  ExprPtr a_expr(Json body);
  ExprPtr a_expr(std::string_view kind, ast::Name name, ExprPtr left, ExprPtr right,
                 ast::ExprList list);
  ExprPtr bool_expr(Json body);
  ExprPtr function_call(Json body);
  ExprPtr sub_link(Json body);
  ExprPtr case_expr(Json body);
  ExprPtr type_cast(Json body);
  ExprPtr collate(Json body);
  ExprPtr null_test(Json body);
  ExprPtr boolean_test(Json body);
  ExprPtr min_max(Json body);
  ExprPtr row(Json body);
  ExprPtr indirection(Json body);
  ExprPtr sql_value(Json body);
  ExprPtr grouping_set(Json body);
  template <typename T>
  ExprPtr list_expr(Json body, std::string_view key);
  ast::TypeName type_name(Json body);
  ast::OrderItem order_item(Json node);
  std::vector<ast::OrderItem> order_items(Json array);
  ast::WindowSpec window(Json body);
  std::vector<ast::Indirection::Step> steps(Json array);

  // Queries.
  ast::SelectPtr select(Json body);
  ast::SelectPtr select_node(Json node);
  void select_field(std::string_view key, Json value, ast::Select& select);
  ast::StatementPtr insert(Json body);
  ast::StatementPtr update(Json body);
  ast::StatementPtr remove(Json body);
  std::unique_ptr<ast::With> with(Json body);
  ast::Cte cte(Json body);
  std::vector<ast::Target> targets(Json array);
  std::vector<ast::TargetColumn> target_columns(Json array);
  std::vector<ast::Assignment> assignments(Json array);
  std::unique_ptr<ast::OnConflict> on_conflict(Json body);
  ast::FromPtr from_item(Json node);
  std::vector<ast::FromPtr> from_items(Json array);
  ast::FromPtr range_table(Json body);
  ast::FromPtr range_function(Json body);
  ast::FromPtr range_sample(Json body);
  ast::FromPtr join(Json body);
  ast::Locking locking(Json body);
  std::vector<ast::ColumnDefinition> column_definitions(Json array);
  // The relation of INSERT, UPDATE, DELETE: may have an alias and ONLY.
  void target_relation(Json body, ast::RelationName& name, std::string& alias_name, bool* only);

  // Definitions.
  ast::StatementPtr create_table(Json body);
  ast::StatementPtr create_table_as(Json body);
  ast::StatementPtr create_view(Json body);
  ast::StatementPtr create_index(Json body);
  ast::StatementPtr create_schema(Json body);
  ast::StatementPtr drop(Json body);
  ast::StatementPtr alter_table(Json body);
  ast::AlterAction alter_action(Json body);
  ast::StatementPtr rename(Json body);
  ast::StatementPtr refresh(Json body);
  ast::StatementPtr truncate(Json body);
  ast::StatementPtr comment(Json body);
  ast::ColumnDef column(Json body);
  std::optional<ast::Constraint> constraint(Json body);
  ast::IndexElement index_element(Json body);
  ast::Name object_name(Json node);

  // Other statements.
  ast::StatementPtr statement(Json node);
  ast::StatementPtr statement(std::string_view type, Json body);
  ast::StatementPtr other_statement(std::string_view type, Json body);
  ast::StatementPtr copy(Json body);
  ast::StatementPtr transaction(Json body);
  ast::StatementPtr set_variable(Json body);
  ast::StatementPtr declare_cursor(Json body);
  ast::StatementPtr fetch(Json body);
  ast::StatementPtr vacuum(Json body);
  ast::StatementPtr lock(Json body);
  ast::StatementPtr prepare(Json body);
  ast::StatementPtr execute(Json body);
  ast::StatementPtr explain(Json body);
  ast::StatementPtr simple(std::string_view type, Json body);
  ast::StatementPtr unsupported() const;
  std::vector<ast::RelationName> relations(Json array);

  std::string_view source_, text_;
  int32_t offset_;
  uint32_t statement_begin_ = 0;  // of the statement being converted, in text_
  uint32_t depth_ = 0;
  std::optional<Error> error_;
};

// Counts nesting; false when the limit is reached.
class Converter::Nested {
 public:
  explicit Nested(Converter& converter);
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  ~Nested() { --converter_.depth_; }
  explicit operator bool() const;

 private:
  Converter& converter_;
};

template <typename T>
Converter::ExprPtr Converter::list_expr(Json body, std::string_view key) {
  auto node = std::make_unique<T>();
  node->location = offset_;
  each_field(body, [&](std::string_view name, Json value) {
    if (name == "location") node->location = location(value);
    if (name != key) return;
    if constexpr (requires { node->args; }) node->args = exprs(value);
    if constexpr (requires { node->elements; }) node->elements = exprs(value);
  });
  return node;
}

ast::ObjectKind object_kind(std::string_view object_type);
// "OBJECT_FOREIGN_TABLE" -> "foreign table"
std::string object_name_of(std::string_view object_type);

}  // namespace qw::sql::parsing
