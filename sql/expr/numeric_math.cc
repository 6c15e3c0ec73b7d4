// Numeric: roots, logarithms, powers, gcd, lcm and factorials, over src/types/numeric.h.
// Tests: tests/unit/sql_expr/cases/numeric_math.tsv.
#include "sql/expr/declare.h"
#include "src/types/numeric.h"

namespace qw::sql {
namespace {

Numeric square_root(Numeric a, Row& row) { return row.take(numeric::sqrt(a, row.arena())); }
Numeric exponential(Numeric a, Row& row) { return row.take(numeric::exp(a, row.arena())); }
Numeric natural_log(Numeric a, Row& row) { return row.take(numeric::ln(a, row.arena())); }
Numeric log_to_base(Numeric base, Numeric a, Row& row) {
  return row.take(numeric::log(base, a, row.arena()));
}
Numeric log_ten(Numeric a, Row& row) { return log_to_base(Numeric::of(10), a, row); }
Numeric power(Numeric a, Numeric b, Row& row) {
  return row.take(numeric::power(a, b, row.arena()));
}
Numeric gcd(Numeric a, Numeric b, Row& row) { return row.take(numeric::gcd(a, b, row.arena())); }
Numeric lcm(Numeric a, Numeric b, Row& row) { return row.take(numeric::lcm(a, b, row.arena())); }
Numeric factorial(int64_t n, Row& row) { return row.take(numeric::factorial(n, row.arena())); }

}  // namespace

void declare_numeric_math(Declarations& d) {
  d.add(1730, "sqrt(numeric) numeric", each<square_root>());
  d.add(1731, "numeric_sqrt(numeric) numeric", each<square_root>());
  d.add(1732, "exp(numeric) numeric", each<exponential>());
  d.add(1733, "numeric_exp(numeric) numeric", each<exponential>());
  d.add(1734, "ln(numeric) numeric", each<natural_log>());
  d.add(1735, "numeric_ln(numeric) numeric", each<natural_log>());
  d.add(1736, "log(numeric,numeric) numeric", each<log_to_base>());
  d.add(1737, "numeric_log(numeric,numeric) numeric", each<log_to_base>());
  d.add(1741, "log(numeric) numeric", each<log_ten>());
  d.add(1481, "log10(numeric) numeric", each<log_ten>());
  d.add(2169, "power(numeric,numeric) numeric", each<power>());
  d.add(1738, "pow(numeric,numeric) numeric", each<power>());
  d.add(1739, "numeric_power(numeric,numeric) numeric", each<power>());
  d.add(5048, "gcd(numeric,numeric) numeric", each<gcd>());
  d.add(5049, "lcm(numeric,numeric) numeric", each<lcm>());
  d.add(1376, "factorial(int8) numeric", each<factorial>());
}

}  // namespace qw::sql
