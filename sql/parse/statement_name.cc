// statement_name(): what PostgreSQL calls a statement, in its command tags and messages.
// Any thread. Tests: tests/unit/sql_parse/statement_test.cc.
#include <string>

#include "sql/parse/scanner.h"
#include "sql/parser.h"

namespace qw::sql {

namespace {

using namespace ast;  // tidy: allow using namespace, because this is about nothing else

std::string transaction_name(const Transaction& node) {
  switch (node.type) {
    case Transaction::Type::begin:
      return "BEGIN";
    case Transaction::Type::start:
      return "START TRANSACTION";
    case Transaction::Type::commit:
      return "COMMIT";
    case Transaction::Type::rollback:
    case Transaction::Type::rollback_to:
      return "ROLLBACK";
    case Transaction::Type::savepoint:
      return "SAVEPOINT";
    case Transaction::Type::release:
      return "RELEASE";
    case Transaction::Type::prepare:
      return "PREPARE TRANSACTION";
    case Transaction::Type::commit_prepared:
      return "COMMIT PREPARED";
    case Transaction::Type::rollback_prepared:
      return "ROLLBACK PREPARED";
  }
  QW_UNREACHABLE();
}

std::string altered(ObjectKind object) {
  switch (object) {
    case ObjectKind::view:
      return "ALTER VIEW";
    case ObjectKind::materialized_view:
      return "ALTER MATERIALIZED VIEW";
    case ObjectKind::index:
      return "ALTER INDEX";
    case ObjectKind::sequence:
      return "ALTER SEQUENCE";
    case ObjectKind::type:
      return "ALTER TYPE";
    case ObjectKind::schema:
      return "ALTER SCHEMA";
    case ObjectKind::database:
      return "ALTER DATABASE";
    case ObjectKind::role:
      return "ALTER ROLE";
    case ObjectKind::domain:
      return "ALTER DOMAIN";
    case ObjectKind::function:
      return "ALTER FUNCTION";
    case ObjectKind::source:
      return "ALTER SOURCE";
    case ObjectKind::connection:
      return "ALTER CONNECTION";
    case ObjectKind::secret:
      return "ALTER SECRET";
    case ObjectKind::table:
    case ObjectKind::column:
    case ObjectKind::constraint:
    case ObjectKind::other:
      return "ALTER TABLE";
  }
  QW_UNREACHABLE();
}

std::string set_name(const SetVariable& node) {
  const bool reset =
      node.type == SetVariable::Type::reset || node.type == SetVariable::Type::reset_all;
  return reset ? "RESET" : "SET";
}

}  // namespace

std::string statement_name(const Statement& statement) {
  switch (statement.kind) {
    case Kind::select:
      return statement.as<Select>().into ? "SELECT INTO" : "SELECT";
    case Kind::insert:
      return "INSERT";
    case Kind::update:
      return "UPDATE";
    case Kind::remove:
      return "DELETE";
    case Kind::create_table:
      return "CREATE TABLE";
    case Kind::create_table_as:
      return statement.as<CreateTableAs>().materialized_view ? "CREATE MATERIALIZED VIEW"
                                                             : "CREATE TABLE AS";
    case Kind::create_view:
      return "CREATE VIEW";
    case Kind::create_index:
      return "CREATE INDEX";
    case Kind::create_schema:
      return "CREATE SCHEMA";
    case Kind::create_secret:
      return "CREATE SECRET";
    case Kind::create_connection:
      return "CREATE CONNECTION";
    case Kind::create_source:
      return "CREATE SOURCE";
    case Kind::drop:
      return "DROP " + parsing::upper_case(statement.as<Drop>().object_name);
    case Kind::alter_table:
      return altered(statement.as<AlterTable>().object);
    case Kind::rename:
      return altered(statement.as<Rename>().object);
    case Kind::refresh:
      return "REFRESH MATERIALIZED VIEW";
    case Kind::truncate:
      return "TRUNCATE TABLE";
    case Kind::copy:
      return "COPY";
    case Kind::transaction:
      return transaction_name(statement.as<Transaction>());
    case Kind::set_variable:
      return set_name(statement.as<SetVariable>());
    case Kind::show_variable:
    case Kind::show_objects:
      return "SHOW";
    case Kind::prepare:
      return "PREPARE";
    case Kind::execute:
      return "EXECUTE";
    case Kind::deallocate:
      return statement.as<Deallocate>().name.empty() ? "DEALLOCATE ALL" : "DEALLOCATE";
    case Kind::declare_cursor:
      return "DECLARE CURSOR";
    case Kind::fetch:
      return statement.as<Fetch>().move ? "MOVE" : "FETCH";
    case Kind::close_cursor:
      return statement.as<CloseCursor>().name.empty() ? "CLOSE CURSOR ALL" : "CLOSE CURSOR";
    case Kind::explain:
      return "EXPLAIN";
    case Kind::discard:
      return "DISCARD " + parsing::upper_case(statement.as<Discard>().what);
    case Kind::listen:
      return "LISTEN";
    case Kind::notify:
      return "NOTIFY";
    case Kind::unlisten:
      return "UNLISTEN";
    case Kind::vacuum:
      return statement.as<Vacuum>().analyze_only ? "ANALYZE" : "VACUUM";
    case Kind::lock:
      return "LOCK TABLE";
    case Kind::comment:
      return "COMMENT";
    case Kind::checkpoint:
      return "CHECKPOINT";
    case Kind::set_constraints:
      return "SET CONSTRAINTS";
    case Kind::subscribe:
      return "SUBSCRIBE";
    case Kind::validate_connection:
      return "VALIDATE CONNECTION";
    case Kind::flush:
      return "FLUSH";
    case Kind::unsupported:
      return statement.as<Unsupported>().construct;
    case Kind::literal:
    case Kind::param:
    case Kind::column_ref:
    case Kind::function_call:
    case Kind::op:
    case Kind::distinct_from:
    case Kind::null_if:
    case Kind::in_list:
    case Kind::between:
    case Kind::any_all:
    case Kind::bool_expr:
    case Kind::null_test:
    case Kind::boolean_test:
    case Kind::case_expr:
    case Kind::coalesce:
    case Kind::min_max:
    case Kind::type_cast:
    case Kind::collate:
    case Kind::subquery:
    case Kind::array_literal:
    case Kind::row:
    case Kind::indirection:
    case Kind::sql_value:
    case Kind::grouping:
    case Kind::grouping_set:
    case Kind::set_to_default:
    case Kind::current_of:
    case Kind::range_table:
    case Kind::range_subquery:
    case Kind::range_function:
    case Kind::range_sample:
    case Kind::join:
      break;
  }
  QW_UNREACHABLE();
}

}  // namespace qw::sql
