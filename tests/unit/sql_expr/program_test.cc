// Programs: registers, narrowing, folding, errors per row, filters.
#include <limits>

#include <doctest/doctest.h>

#include "sql/program.h"

namespace qw::sql {
namespace {

const Function& function(uint32_t oid) {
  const Function* found = Registry::instance().function_by_oid(oid);
  REQUIRE(found != nullptr);
  return *found;
}
constexpr uint32_t kInt4Add = 177, kInt8Add = 463, kInt4Div = 154, kInt4Eq = 65, kInt4Lt = 66,
                   kInt8Lt = 469, kTextEq = 67, kInt48Eq = 852;

template <typename... Args>
std::vector<ExprPtr> list(Args... args) {
  std::vector<ExprPtr> out;
  (out.push_back(std::move(args)), ...);
  return out;
}
ExprPtr call(uint32_t oid, ExprPtr a, ExprPtr b) {
  const Function& f = function(oid);
  return make_call(f, list(std::move(a), std::move(b)), f.result);
}
ExprPtr node(ExprKind kind, Type type, std::vector<ExprPtr> args, const Function* f = nullptr) {
  auto expr = std::make_unique<Expr>();
  expr->kind = kind;
  expr->type = type;
  expr->args = std::move(args);
  expr->function = f;
  return expr;
}
ExprPtr i4(int32_t value) { return make_constant(Datum::int4(value)); }
ExprPtr col(uint32_t index, Type type = TypeId::int4) { return make_column(index, type); }

struct Fixture {
  Arena arena;
  Batch batch;
  EvalContext context;
  RowErrors errors;
  std::vector<Vector> out;

  // A column of ints; INT32_MIN stands for NULL.
  void column(std::vector<int32_t> values) {
    batch.rows = static_cast<uint32_t>(values.size());
    Vector vector = Vector::flat(TypeId::int4, batch.rows, arena);
    for (uint32_t i = 0; i < batch.rows; ++i) {
      const bool null = values[i] == std::numeric_limits<int32_t>::min();
      vector.values<int32_t>()[i] = null ? 0 : values[i];
      if (null) vector.set_null(i, batch.rows, arena);
    }
    batch.columns.push_back(vector);
  }
  Program compile(const ExprPtr& expr) {
    std::vector<Type> types;
    for (const Vector& vector : batch.columns) types.push_back(vector.type);
    const Expr* root = expr.get();
    auto program = Program::compile({&root, 1}, types);
    REQUIRE(program.has_value());
    return std::move(*program);
  }
  const Vector& run(const ExprPtr& expr) {
    compile(expr).run(batch, context, arena, out, errors);
    return out[0];
  }
  std::string show(const ExprPtr& expr) {
    const Program program = compile(expr);  // constants of the program outlive the reading
    program.run(batch, context, arena, out, errors);
    std::string text;
    for (uint32_t i = 0; i < batch.size(); ++i) {
      const uint32_t row = batch.row(i);
      bool failed = false;
      for (const auto& entry : errors.entries()) failed = failed || entry.row == row;
      if (!text.empty()) text += ' ';
      if (failed) {
        text += "error";
      } else if (out[0].is_null(row)) {
        text += "null";
      } else if (out[0].type.id == TypeId::boolean) {
        text += out[0].at<bool>(row) ? "t" : "f";
      } else if (out[0].type.id == TypeId::int8) {
        text += std::to_string(out[0].at<int64_t>(row));
      } else {
        text += std::to_string(out[0].at<int32_t>(row));
      }
    }
    return text;
  }
};
constexpr int32_t kNull = std::numeric_limits<int32_t>::min();

}  // namespace

TEST_CASE("arithmetic over columns, constants and NULLs") {
  Fixture f;
  f.column({1, 2, kNull, 4});
  f.column({10, kNull, 30, 40});
  CHECK(f.show(call(kInt4Add, col(0), col(1))) == "11 null null 44");
  CHECK(f.show(call(kInt4Add, col(0), i4(5))) == "6 7 null 9");
  CHECK(f.show(call(kInt4Lt, i4(2), col(0))) == "f f null t");
  CHECK(f.show(call(kInt4Add, col(0), make_constant(Datum::null(TypeId::int4)))) ==
        "null null null null");
}

TEST_CASE("an overflow is reported for its row only, and not under NULL or outside the selection") {
  Fixture f;
  f.column({1, 2147483647, 2147483647, 2147483647, 5});
  f.column({1, 1, kNull, 7, 5});
  const uint16_t selection[] = {0, 1, 2, 4};
  f.batch.select(selection, 4);
  CHECK(f.show(call(kInt4Add, col(0), col(1))) == "2 error null 10");
  REQUIRE(f.errors.entries().size() == 1);
  CHECK(f.errors.entries()[0].error.code().view() == "22003");
  CHECK(f.errors.entries()[0].error.message() == "integer out of range");
}

TEST_CASE("AND narrows: the divisor is tested first") {
  Fixture f;
  f.column({0, 1, 2, kNull});
  auto guard = [] { return call(kInt4Lt, i4(0), col(0)); };
  auto division = [] { return call(kInt4Eq, call(kInt4Div, i4(2), col(0)), i4(1)); };
  CHECK(f.show(node(ExprKind::logical_and, TypeId::boolean, list(guard(), division()))) ==
        "f f t null");
  CHECK(f.errors.empty());
  CHECK(f.show(node(ExprKind::logical_and, TypeId::boolean, list(division(), guard()))) ==
        "error f t null");
  REQUIRE(f.errors.entries().size() == 1);
  CHECK(f.errors.entries()[0].error.code().view() == "22012");
}

TEST_CASE("three-valued AND and OR") {
  Fixture f;
  f.column({0, 0, 0, 1, 1, 1, kNull, kNull, kNull});
  f.column({0, 1, kNull, 0, 1, kNull, 0, 1, kNull});
  auto truth = [](uint32_t index) { return call(kInt4Eq, col(index), i4(1)); };
  CHECK(f.show(node(ExprKind::logical_and, TypeId::boolean, list(truth(0), truth(1)))) ==
        "f f f f t null f null null");
  CHECK(f.show(node(ExprKind::logical_or, TypeId::boolean, list(truth(0), truth(1)))) ==
        "f t null t t t null t null");
  CHECK(f.show(node(ExprKind::logical_not, TypeId::boolean, list(truth(0)))) ==
        "t t t f f f null null null");
  CHECK(f.show(node(ExprKind::is_true, TypeId::boolean, list(truth(0)))) == "f f f t t t f f f");
  CHECK(f.show(node(ExprKind::is_not_true, TypeId::boolean, list(truth(0)))) ==
        "t t t f f f t t t");
  CHECK(f.show(node(ExprKind::is_false, TypeId::boolean, list(truth(0)))) == "t t t f f f f f f");
  CHECK(f.show(node(ExprKind::is_not_false, TypeId::boolean, list(truth(0)))) ==
        "f f f t t t t t t");
  // A fallible argument takes the narrowing way; the answers are the same.
  auto slow = [](uint32_t index) {
    return call(kInt4Eq, call(kInt4Div, col(index), i4(1)), i4(1));
  };
  CHECK(f.show(node(ExprKind::logical_and, TypeId::boolean, list(slow(0), slow(1)))) ==
        "f f f f t null f null null");
  CHECK(f.show(node(ExprKind::logical_or, TypeId::boolean, list(slow(0), slow(1)))) ==
        "f t null t t t null t null");
}

TEST_CASE("CASE runs each branch for its rows") {
  Fixture f;
  f.column({0, 1, 2, kNull, 5});
  auto expr = node(ExprKind::case_when, TypeId::int4,
                   list(call(kInt4Eq, col(0), i4(0)), i4(-1), call(kInt4Lt, col(0), i4(5)),
                        call(kInt4Div, i4(10), col(0)), make_constant(Datum::null(TypeId::int4))));
  CHECK(f.show(expr) == "-1 10 5 null null");
  CHECK(f.errors.empty());
}

TEST_CASE("COALESCE stops at the first value") {
  Fixture f;
  f.column({kNull, 1, kNull});
  f.column({2, 0, kNull});
  auto expr =
      node(ExprKind::coalesce, TypeId::int4, list(col(0), call(kInt4Div, i4(4), col(1)), i4(9)));
  CHECK(f.show(expr) == "2 1 9");
  CHECK(f.errors.empty());
}

TEST_CASE("NULLIF, GREATEST, LEAST, IS DISTINCT FROM, IS NULL") {
  Fixture f;
  f.column({1, 2, kNull, 4});
  f.column({1, 3, 3, kNull});
  const Function* eq = &function(kInt4Eq);
  const Function* lt = &function(kInt4Lt);
  CHECK(f.show(node(ExprKind::nullif, TypeId::int4, list(col(0), col(1)), eq)) == "null 2 null 4");
  CHECK(f.show(node(ExprKind::greatest, TypeId::int4, list(col(0), col(1)), lt)) == "1 3 3 4");
  CHECK(f.show(node(ExprKind::least, TypeId::int4, list(col(0), col(1), i4(2)), lt)) == "1 2 2 2");
  CHECK(f.show(node(ExprKind::is_distinct, TypeId::boolean, list(col(0), col(1)), eq)) ==
        "f t t t");
  CHECK(f.show(node(ExprKind::is_not_distinct, TypeId::boolean, list(col(0), col(0)), eq)) ==
        "t t t t");
  CHECK(f.show(node(ExprKind::is_null, TypeId::boolean, list(col(0)))) == "f f t f");
  CHECK(f.show(node(ExprKind::is_not_null, TypeId::boolean, list(col(1)))) == "t t t f");
}

TEST_CASE("IN over constants: hashed and one by one agree, NULL items make a miss unknown") {
  Fixture f;
  f.column({1, 2, 30, kNull, 64});
  const Function* eq = &function(kInt4Eq);
  auto in = [&](std::vector<ExprPtr> items) {
    items.insert(items.begin(), col(0));
    return node(ExprKind::in_list, TypeId::boolean, std::move(items), eq);
  };
  CHECK(f.show(in(list(i4(1), i4(64)))) == "t f f null t");
  CHECK(f.show(in(list(i4(1), i4(64), i4(3), i4(4), i4(5), i4(6)))) == "t f f null t");
  CHECK(f.show(in(list(i4(1), make_constant(Datum::null(TypeId::int4))))) ==
        "t null null null null");
  CHECK(f.show(in(list(i4(1), i4(3), i4(4), i4(5), i4(6),
                       make_constant(Datum::null(TypeId::int4))))) == "t null null null null");
}

TEST_CASE("constants are folded, unless they fail in a branch that does not run") {
  Fixture f;
  f.column({1, 2});
  CHECK(f.show(call(kInt4Add, col(0), call(kInt4Add, i4(2), i4(3)))) == "6 7");
  auto bad = node(ExprKind::case_when, TypeId::int4,
                  list(call(kInt4Lt, col(0), i4(0)), call(kInt4Div, i4(1), i4(0)), i4(7)));
  CHECK(f.show(bad) == "7 7");
  CHECK(f.errors.empty());
  CHECK(f.show(call(kInt4Div, i4(1), i4(0))) == "error error");
  CHECK(f.errors.entries().size() == 2);
}

TEST_CASE("operators over two widths") {
  Fixture f;
  f.column({1, 2, kNull});
  auto wide = make_constant(Datum::int8(2));
  CHECK(f.show(call(kInt48Eq, col(0), std::move(wide))) == "f t null");
}

TEST_CASE("filter keeps the rows that are true") {
  Fixture f;
  f.column({5, 0, 7, kNull, 1, 9});
  uint16_t rows[6];
  auto positive = [] { return call(kInt4Lt, i4(0), col(0)); };
  auto small = [] { return call(kInt4Lt, call(kInt4Div, i4(70), col(0)), i4(15)); };
  {
    auto expr = node(ExprKind::logical_and, TypeId::boolean, list(positive(), small()));
    const uint32_t count = f.compile(expr).filter(f.batch, f.context, f.arena, rows, f.errors);
    REQUIRE(count == 3);
    CHECK(rows[0] == 0);
    CHECK(rows[1] == 2);
    CHECK(rows[2] == 5);
    CHECK(f.errors.empty());
  }
  {
    const uint16_t selection[] = {1, 2, 3};
    f.batch.select(selection, 3);
    const uint32_t count =
        f.compile(positive()).filter(f.batch, f.context, f.arena, rows, f.errors);
    REQUIRE(count == 1);
    CHECK(rows[0] == 2);
  }
}

TEST_CASE("a dictionary column is computed per distinct value") {
  Fixture f;
  Vector values = Vector::flat(TypeId::int4, 3, f.arena);
  values.values<int32_t>()[0] = 10;
  values.values<int32_t>()[1] = 0;
  values.values<int32_t>()[2] = 2;
  static const uint16_t indices[] = {0, 2, 0, 2, 1, 0, 2, 0};
  values.form = Form::dictionary;
  values.indices = indices;
  f.batch.rows = 8;
  f.batch.columns.push_back(values);
  CHECK(f.show(call(kInt4Div, i4(20), col(0))) == "2 10 2 10 error 2 10 2");
  const Vector& sum = f.run(call(kInt4Add, col(0), i4(1)));
  CHECK(sum.form == Form::dictionary);
}

TEST_CASE("parameters and one-value evaluation") {
  Fixture f;
  f.column({1, 2});
  const Datum parameters[] = {Datum::int4(40)};
  f.context.parameters = parameters;
  auto parameter = node(ExprKind::parameter, TypeId::int4, {});
  parameter->index = 1;
  CHECK(f.show(call(kInt4Add, col(0), parameter->clone())) == "41 42");
  auto value = evaluate(*call(kInt4Add, parameter->clone(), i4(2)), f.context);
  REQUIRE(value.has_value());
  CHECK(value->get<int32_t>() == 42);
  auto error = evaluate(*call(kInt4Div, i4(1), i4(0)), f.context);
  REQUIRE(!error.has_value());
  CHECK(error.error().code().view() == "22012");
}

TEST_CASE("common subexpressions are computed once") {
  Fixture f;
  f.column({3, 4});
  auto sum = [] { return call(kInt4Add, col(0), i4(1)); };
  const ExprPtr a = sum(), b = call(kInt4Add, sum(), i4(0));
  const Expr* roots[] = {a.get(), b.get()};
  const Type types[] = {TypeId::int4};
  auto program = Program::compile(roots, types);
  REQUIRE(program.has_value());
  program->run(f.batch, f.context, f.arena, f.out, f.errors);
  REQUIRE(f.out.size() == 2);
  CHECK(f.out[0].at<int32_t>(1) == 5);
  CHECK(f.out[1].at<int32_t>(1) == 5);
  CHECK(a->same(*sum()));
  CHECK(!a->same(*b));
}

TEST_CASE("nesting has a limit") {
  ExprPtr expr = i4(1);
  for (int i = 0; i < 2000; ++i) expr = call(kInt4Add, std::move(expr), i4(1));
  const Expr* root = expr.get();
  const auto program = Program::compile({&root, 1}, {});
  REQUIRE(!program.has_value());
  CHECK(program.error().code().view() == "54001");
}

}  // namespace qw::sql
