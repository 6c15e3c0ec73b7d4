// Error and Result: fields travel, macros return early.
#include "src/base/error.h"

#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "src/base/result.h"

namespace {

qw::Result<int> half(int value) {
  if (value % 2 != 0) return qw::fail(qw::invalid_parameter_value("odd"));
  return value / 2;
}

qw::Result<int> quarter(int value) {
  QW_ASSIGN_OR_RETURN(const int once, half(value));
  QW_TRY(half(once));
  return half(once);
}

}  // namespace

TEST_CASE("an error keeps its fields through copy and context") {
  const qw::Error error = qw::division_by_zero("division by zero")
                              .with_detail("row 3")
                              .with_hint("see qw.view_errors")
                              .at(8)
                              .in("view v");
  const qw::Error copy = error;
  CHECK(copy.code().view() == "22012");
  CHECK(copy.message() == "view v: division by zero");
  CHECK(copy.position() == 8);
  CHECK(copy.to_string() ==
        "22012: view v: division by zero (DETAIL: row 3) (HINT: see qw.view_errors)");
}

TEST_CASE("result macros hand the first error up") {
  CHECK(quarter(8).value() == 2);
  CHECK(quarter(6).error().code().view() == "22023");
  CHECK(quarter(3).error().message() == "odd");
}
