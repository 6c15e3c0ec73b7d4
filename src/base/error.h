// Error: what a user is told when something expected went wrong.
//
// Carries what PostgreSQL's ErrorResponse carries. If a user can cause it, it is an Error, never an
// assert. The factories below are named after PostgreSQL's condition names (its appendix A), so the
// SQLSTATE is written down once. Thread contract: plain value.
// Tests: tests/unit/base/error_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace qw {

// Five characters of SQLSTATE, e.g. "22012".
class SqlState {
 public:
  constexpr SqlState() = default;
  // NOLINTNEXTLINE(google-explicit-constructor): a literal is the natural spelling of a code.
  constexpr SqlState(const char (&code)[6]) : code_{code[0], code[1], code[2], code[3], code[4]} {}
  static SqlState from(std::string_view code);
  constexpr std::string_view view() const { return {code_.data(), 5}; }
  constexpr bool operator==(const SqlState& other) const = default;

 private:
  std::array<char, 5> code_{'X', 'X', '0', '0', '0'};
};

// An error is one pointer, so that Result<int64_t> stays small; the rest lives on the heap.
class Error {
 public:
  Error(SqlState code, std::string message);
  Error(const Error& other);
  Error(Error&&) noexcept = default;
  Error& operator=(const Error& other);
  Error& operator=(Error&& other) noexcept;
  // Not inline: gcc 12 unrolls the body's strings into every caller and warns about what it made.
  ~Error();

  SqlState code() const { return body_->code; }
  const std::string& message() const { return body_->message; }
  const std::string& detail() const { return body_->detail; }
  const std::string& hint() const { return body_->hint; }
  // 1-based character position in the statement, 0 when unknown.
  int32_t position() const { return body_->position; }
  // Further fields of PostgreSQL's ErrorResponse (schema, table, column, constraint), may be empty.
  const std::string& constraint() const { return body_->constraint; }
  const std::string& table() const { return body_->table; }
  const std::string& column() const { return body_->column; }

  Error&& with_detail(std::string detail) &&;
  Error&& with_hint(std::string hint) &&;
  Error&& at(int32_t position) &&;
  Error&& with_constraint(std::string table, std::string constraint) &&;
  Error&& with_column(std::string table, std::string column) &&;
  // Prefixes the message: "<context>: <message>".
  Error&& in(std::string_view context) &&;

  // "22012: division by zero (DETAIL: ...) (HINT: ...)" for logs and test output.
  std::string to_string() const;

 private:
  struct Body {
    SqlState code;
    int32_t position = 0;
    std::string message, detail, hint, table, column, constraint;
  };
  std::unique_ptr<Body> body_;
};

// Factories: fixed text first, then values. One line per condition in use.
#define QW_ERROR_CONDITIONS(X)                    \
  X(admin_shutdown, "57P01")                      \
  X(array_subscript_error, "2202E")               \
  X(bad_copy_file_format, "22P04")                \
  X(cannot_connect_now, "57P03")                  \
  X(cannot_coerce, "42846")                       \
  X(cardinality_violation, "21000")               \
  X(character_not_in_repertoire, "22021")         \
  X(connection_failure, "08006")                  \
  X(data_corrupted, "XX001")                      \
  X(datatype_mismatch, "42804")                   \
  X(datetime_field_overflow, "22008")             \
  X(dependent_objects_still_exist, "2BP01")       \
  X(disk_full, "53100")                           \
  X(division_by_zero, "22012")                    \
  X(duplicate_alias, "42712")                     \
  X(duplicate_column, "42701")                    \
  X(duplicate_cursor, "42P03")                    \
  X(duplicate_object, "42710")                    \
  X(duplicate_prepared_statement, "42P05")        \
  X(duplicate_schema, "42P06")                    \
  X(duplicate_table, "42P07")                     \
  X(ambiguous_alias, "42P09")                     \
  X(ambiguous_column, "42702")                    \
  X(ambiguous_function, "42725")                  \
  X(ambiguous_parameter, "42P08")                 \
  X(feature_not_supported, "0A000")               \
  X(foreign_key_violation, "23503")               \
  X(generated_always, "428C9")                    \
  X(grouping_error, "42803")                      \
  X(in_failed_sql_transaction, "25P02")           \
  X(active_sql_transaction, "25001")              \
  X(no_active_sql_transaction, "25P01")           \
  X(indeterminate_datatype, "42P18")              \
  X(insufficient_privilege, "42501")              \
  X(internal_error, "XX000")                      \
  X(invalid_argument_for_logarithm, "2201E")      \
  X(invalid_argument_for_power_function, "2201F") \
  X(invalid_authorization, "28000")               \
  X(invalid_binary_representation, "22P03")       \
  X(invalid_catalog_name, "3D000")                \
  X(invalid_column_definition, "42611")           \
  X(invalid_column_reference, "42P10")            \
  X(invalid_cursor_name, "34000")                 \
  X(invalid_datetime_format, "22007")             \
  X(invalid_escape_sequence, "22025")             \
  X(invalid_json_text, "22032")                   \
  X(invalid_name, "42602")                        \
  X(invalid_object_definition, "42P17")           \
  X(invalid_parameter_value, "22023")             \
  X(invalid_password, "28P01")                    \
  X(invalid_regular_expression, "2201B")          \
  X(invalid_row_count_in_limit, "2201W")          \
  X(invalid_row_count_in_offset, "2201X")         \
  X(invalid_schema_name, "3F000")                 \
  X(invalid_sql_statement_name, "26000")          \
  X(invalid_table_definition, "42P16")            \
  X(invalid_text_representation, "22P02")         \
  X(invalid_transaction_state, "25000")           \
  X(io_error, "58030")                            \
  X(lock_not_available, "55P03")                  \
  X(not_null_violation, "23502")                  \
  X(null_value_not_allowed, "22004")              \
  X(numeric_value_out_of_range, "22003")          \
  X(object_in_use, "55006")                       \
  X(object_not_in_prerequisite_state, "55000")    \
  X(out_of_memory, "53200")                       \
  X(program_limit_exceeded, "54000")              \
  X(protocol_violation, "08P01")                  \
  X(query_canceled, "57014")                      \
  X(read_only_sql_transaction, "25006")           \
  X(reserved_name, "42939")                       \
  X(serialization_failure, "40001")               \
  X(statement_too_complex, "54001")               \
  X(string_data_right_truncation, "22001")        \
  X(substring_error, "22011")                     \
  X(syntax_error, "42601")                        \
  X(system_error, "58000")                        \
  X(too_many_arguments, "54023")                  \
  X(too_many_columns, "54011")                    \
  X(too_many_connections, "53300")                \
  X(undefined_column, "42703")                    \
  X(undefined_function, "42883")                  \
  X(undefined_object, "42704")                    \
  X(undefined_parameter, "42P02")                 \
  X(undefined_table, "42P01")                     \
  X(unique_violation, "23505")                    \
  X(untranslatable_character, "22P05")            \
  X(windowing_error, "42P20")                     \
  X(wrong_object_type, "42809")                   \
  X(check_violation, "23514")

#define QW_DECLARE_CONDITION(name, code) Error name(std::string message);
QW_ERROR_CONDITIONS(QW_DECLARE_CONDITION)
#undef QW_DECLARE_CONDITION

}  // namespace qw
