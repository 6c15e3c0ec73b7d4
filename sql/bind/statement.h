// Statements that are not queries. dml.cc: INSERT, UPDATE, DELETE, COPY; ddl.cc: CREATE. See
// binder.h. Tests: tests/unit/sql/bind_dml_test.cc, bind_ddl_test.cc.
#pragma once

#include "sql/bind/query.h"
#include "sql/binder.h"

namespace qw::sql {

Result<BoundInsert> bind_insert(BindState& state, const ast::Insert& insert);
Result<BoundUpdate> bind_update(BindState& state, const ast::Update& update);
Result<BoundDelete> bind_delete(BindState& state, const ast::Delete& remove);
Result<BoundCopy> bind_copy(BindState& state, const ast::Copy& copy);

Result<BoundCreateTable> bind_create_table(BindState& state, const ast::CreateTable& create);
Result<BoundStatement> bind_create_table_as(BindState& state, const ast::CreateTableAs& create);
Result<BoundCreateView> bind_create_view(BindState& state, const ast::CreateView& create);
Result<BoundCreateIndex> bind_create_index(BindState& state, const ast::CreateIndex& create);

// The default of a column, or NULL, as its type.
Result<ExprPtr> default_of(BindState& state, const ColumnInfo& column);
// `value` as an assignment to `column`: 42804 "column "a" is of type integer but expression is of
// ...".
Result<ExprPtr> assign(BindState& state, ExprPtr value, const ColumnInfo& column);
// Last step for every statement: parameters that stayed unknown are 42P18.
Result<std::vector<Type>> take_parameters(BindState& state);
void settle_parameters(const BindState& state, Plan& plan);
void settle_parameters(const BindState& state, Expr& root);

}  // namespace qw::sql
