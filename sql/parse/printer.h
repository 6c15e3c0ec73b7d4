// Printer: a syntax tree to SQL text that parses to the same tree.
//
// Operators always stand in parentheses, as in pg_get_viewdef's plain form, so precedence never
// matters; functions that have a spelling of their own (EXTRACT, POSITION, AT TIME ZONE) get it
// back. print_expr.cc expressions, print_query.cc queries, print_statement.cc the rest. One thread
// at a time. Tests: tests/unit/sql_parse/print_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sql/ast.h"

namespace qw::sql::parsing {

class Printer {
 public:
  void node(const ast::Node& node);
  void type(const ast::TypeName& type);
  std::string take() { return std::move(out_); }

 private:
  Printer& put(std::string_view text) {
    out_ += text;
    return *this;
  }
  Printer& name(std::string_view text);
  Printer& names(const ast::Name& parts);
  Printer& literal(std::string_view text);
  Printer& relation(const ast::RelationName& relation);
  void columns(const std::vector<std::string>& list);  // " (a, b)", nothing when empty
  template <typename List, typename Each>
  void list(const List& items, Each each) {
    bool first = true;
    for (const auto& item : items) {
      if (!first) put(", ");
      first = false;
      each(item);
    }
  }

  // Expressions.
  void expr(const ast::Expr& expr);
  void exprs(const ast::ExprList& list);
  void literal_expr(const ast::Literal& literal);
  void function(const ast::FunctionCall& call);
  bool sql_function(const ast::FunctionCall& call);
  void op(const ast::Operator& op);
  void operator_name(const ast::Name& name);
  void op_like(const ast::Operator& op);
  void between(const ast::Between& between);
  void bool_expr(const ast::BoolExpr& expr);
  void boolean_test(const ast::BooleanTest& test);
  void case_expr(const ast::CaseExpr& expr);
  void subquery(const ast::Subquery& subquery);
  void steps(const std::vector<ast::Indirection::Step>& steps);
  void sql_value(const ast::SqlValue& value);
  void grouping_set(const ast::GroupingSet& set);
  void order_by(const std::vector<ast::OrderItem>& items);  // without the words
  void order_suffix(ast::OrderItem::Direction direction, ast::OrderItem::Nulls nulls);
  void window(const ast::WindowSpec& window);
  void frame(const ast::WindowSpec& window);
  void interval_fields(const ast::TypeName& type);
  bool special_type(const ast::TypeName& type);

  // Queries.
  void select(const ast::Select& select);
  void select_body(const ast::Select& select);
  void select_tail(const ast::Select& select);
  void set_operand(const ast::Select& operand, const ast::Select& parent, bool left);
  void with(const ast::With* with);
  void targets(const std::vector<ast::Target>& targets);
  void from(const std::vector<ast::FromPtr>& items);
  void from_item(const ast::FromItem& item);
  void join(const ast::Join& join);
  void range_function(const ast::RangeFunction& item);
  void alias(const ast::Alias& alias);
  void column_definitions(const std::vector<ast::ColumnDefinition>& columns);
  void insert(const ast::Insert& node);
  void update(const ast::Update& node);
  void remove(const ast::Delete& node);
  void target_columns(const std::vector<ast::TargetColumn>& columns);
  void assignments(const std::vector<ast::Assignment>& list);
  void returning(const std::vector<ast::Target>& targets);

  // Other statements.
  void statement(const ast::Node& node);
  void option(const ast::Option& option, std::string_view equals);
  void option_value(const ast::Option& option);
  void with_options(const std::vector<ast::Option>& options);
  void plain_options(const std::vector<ast::Option>& options);  // (A 1, B 'x')
  void column(const ast::ColumnDef& column);
  void constraint(const ast::Constraint& constraint);
  void watermark(const ast::Watermark& watermark);
  void elements(const std::vector<ast::ColumnDef>& columns,
                const std::vector<ast::Constraint>& constraints,
                const std::vector<ast::Watermark>& watermarks);
  void behavior(ast::Behavior behavior);
  void persistence(ast::Persistence persistence);
  void create_table(const ast::CreateTable& node);
  void create_table_as(const ast::CreateTableAs& node);
  void create_view(const ast::CreateView& node);
  void create_index(const ast::CreateIndex& node);
  void create_source(const ast::CreateSource& node);
  void source_format(const ast::CreateSource& node);
  void drop(const ast::Drop& node);
  void alter_table(const ast::AlterTable& node);
  void alter_action(const ast::AlterAction& action);
  void rename(const ast::Rename& node);
  void comment(const ast::Comment& node);
  void copy(const ast::Copy& node);
  void transaction(const ast::Transaction& node);
  void transaction_modes(const std::vector<ast::Option>& modes);
  void set_variable(const ast::SetVariable& node);
  void show_objects(const ast::ShowObjects& node);
  void declare_cursor(const ast::DeclareCursor& node);
  void fetch(const ast::Fetch& node);
  void explain(const ast::Explain& node);
  void subscribe(const ast::Subscribe& node);
  void small_statement(const ast::Node& node);

  std::string out_;
};

}  // namespace qw::sql::parsing
