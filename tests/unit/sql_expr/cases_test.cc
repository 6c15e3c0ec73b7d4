// Every function with a pg_proc oid against PostgreSQL's stored answers (cases/*.tsv, made by
// ask_postgres.py). Each call runs three ways: constants, flat columns, and rows between others.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "sql/program.h"
#include "src/types/text.h"

namespace qw::sql {
namespace {

std::vector<std::string> split(const std::string& line) {
  std::vector<std::string> cells(1);
  for (const char c : line) {
    if (c == '\t') {
      cells.emplace_back();
    } else {
      cells.back().push_back(c);
    }
  }
  return cells;
}

std::string unescape(const std::string& text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) {
      const char next = text[++i];
      out.push_back(next == 't' ? '\t' : next == 'n' ? '\n' : next);
    } else {
      out.push_back(text[i]);
    }
  }
  return out;
}

struct Case {
  const Function* function = nullptr;
  Type result;
  std::vector<Datum> args;
  std::string expected;  // "=text", "=\N" or "!SQLSTATE message"
};

// The stored answers went through PostgreSQL's cast to text, which spells booleans out and drops
// the padding of char(n).
std::string as_text(const Datum& value) {
  std::string text = to_text(value);
  if (value.type().id == TypeId::boolean) return text == "t" ? "true" : "false";
  if (value.type().id == TypeId::bpchar) text.erase(text.find_last_not_of(' ') + 1);
  return text;
}

std::string outcome(const Result<Datum>& value) {
  if (!value) return "!" + std::string(value.error().code().view()) + " " + value.error().message();
  return value->is_null() ? "=\\N" : "=" + as_text(*value);
}

Result<Datum> as_constants(const Case& item) {
  std::vector<ExprPtr> args;
  for (const Datum& arg : item.args) args.push_back(make_constant(arg));
  EvalContext context;
  return evaluate(*make_call(*item.function, std::move(args), item.result), context);
}

// The arguments are columns of three rows; the middle one of a selection is looked at.
Result<Datum> as_columns(const Case& item, bool nulls_around) {
  Arena arena;
  Batch batch;
  batch.rows = 3;
  std::vector<ExprPtr> args;
  std::vector<Type> types;
  for (const Datum& arg : item.args) {
    const Vector one = arg.to_vector(arena);
    Vector column = Vector::flat(arg.type(), 3, arena);
    const uint32_t bytes = arg.type().bytes();
    for (uint32_t row = 0; row < 3; ++row) {
      std::memcpy(static_cast<char*>(column.data) + size_t{row} * bytes, one.data, bytes);
      if (arg.is_null() || (nulls_around && row != 1)) column.set_null(row, 3, arena);
    }
    batch.columns.push_back(column);
    types.push_back(arg.type());
    args.push_back(make_column(static_cast<uint32_t>(args.size()), arg.type()));
  }
  const uint16_t selection[] = {1, 2};
  if (!nulls_around) batch.select(selection, 2);
  const ExprPtr expr = make_call(*item.function, std::move(args), item.result);
  const Expr* root = expr.get();
  QW_ASSIGN_OR_RETURN(const Program program, Program::compile({&root, 1}, types));
  EvalContext context;
  RowErrors errors;
  std::vector<Vector> out;
  program.run(batch, context, arena, out, errors);
  for (const RowErrors::Entry& entry : errors.entries()) {
    if (entry.row == 1) return fail(entry.error);
  }
  return Datum::from(out[0], 1);
}

// Differences that are meant: what RE2 cannot mean is refused.
bool refused(const std::string& got) { return got.substr(0, 6) == "!0A000"; }

// PostgreSQL 15 computes with infinite timestamps and overflowing intervals as if they were numbers
// and answers with what is left after wrapping around; we say that it is out of range.
bool wraps(const std::string& got, const std::string& expected) {
  return expected[0] == '=' &&
         (got == "!22008 interval out of range" || got == "!22008 timestamp out of range");
}

void check_file(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::string line;
  size_t count = 0, wrong = 0, unsupported = 0;
  while (std::getline(in, line)) {
    const auto cells = split(line);
    Case item;
    item.function =
        Registry::instance().function_by_oid(static_cast<uint32_t>(std::stoul(cells[0])));
    if (item.function == nullptr) continue;
    const auto result = Type::from_name(cells[1]);
    REQUIRE_MESSAGE(result.has_value(), line);
    item.result = *result;
    bool usable = true;
    for (size_t i = 2; i + 1 < cells.size(); ++i) {
      const size_t colon = cells[i].find(':');
      const auto type = Type::from_name(cells[i].substr(0, colon));
      REQUIRE_MESSAGE(type.has_value(), line);
      const std::string text = cells[i].substr(colon + 1);
      auto value =
          text == "\\N" ? Result<Datum>(Datum::null(*type)) : from_text(*type, unescape(text));
      if (!value) {
        usable = false;
        continue;
      }
      item.args.push_back(std::move(*value));
    }
    if (!usable) continue;  // PostgreSQL's answer is an input error; the types' tests cover those
    ++count;
    // Messages stand as they are.
    const std::string& answer = cells.back();
    item.expected =
        answer[0] == '=' && answer != "=\\N" ? "=" + unescape(answer.substr(1)) : answer;
    const std::string got[] = {outcome(as_constants(item)), outcome(as_columns(item, false)),
                               outcome(as_columns(item, true))};
    if (refused(got[0]) && item.expected.substr(0, 6) != "!0A000") {
      ++unsupported;
      continue;
    }
    for (int way = 0; way < 3; ++way) {
      if (got[way] == item.expected || wraps(got[way], item.expected)) continue;
      // Constants around NULL rows of a non-strict function see the NULLs too; only row 1 counts.
      ++wrong;
      if (wrong <= 15) {
        MESSAGE(path.stem().string() << ": " << item.function->name << " way " << way << "\n  "
                                     << line << "\n  got " << got[way]);
      }
      break;
    }
  }
  INFO(path.stem().string() << ": " << wrong << " of " << count << " differ, " << unsupported
                            << " refused");
  CHECK(wrong == 0);
  CHECK(unsupported * 5 <= count);
}

}  // namespace

TEST_CASE("functions answer as PostgreSQL does") {
  const char* folder = std::getenv("QW_CASES");
  const std::filesystem::path cases = folder != nullptr ? folder : "tests/unit/sql_expr/cases";
  const char* only = std::getenv("QW_FAMILY");
  REQUIRE(std::filesystem::exists(cases));
  size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(cases)) {
    if (entry.path().extension() != ".tsv") continue;
    if (only != nullptr && entry.path().stem() != only) continue;
    ++files;
    check_file(entry.path());
  }
  CHECK(files > 0);
}

}  // namespace qw::sql
