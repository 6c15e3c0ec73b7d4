// ExactNumeric: the sum of numerics, exact, with the display scale a fresh sum would have.
//
// One sum per display scale: the first scale seen lies inline as a 128-bit integer, everything rare
// (further scales, sums and values beyond 128 bits, NaN and infinities) in `rest`, as integers of
// any width and counts: a value costs its digits, a copy and a record those of the sums. The
// result's scale is the largest of the scales that have rows. It can hold squares of values, too,
// whatever their size. All zero = empty.
// Tests: tests/unit/views/exact_numeric_test.cc, exhaustive_test.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/types/numeric.h"
#include "src/types/numeric_sum.h"
#include "views/state/wide_integer.h"

namespace qw::views {

struct ExactNumeric {
  struct Bucket {
    uint32_t scale = 0;
    int64_t count = 0;
    WideInteger sum;
  };
  struct Rest {
    std::vector<Bucket> buckets;  // by scale, none empty
    int64_t nans = 0, infinities = 0, minus_infinities = 0;
    bool empty() const {
      return buckets.empty() && nans == 0 && infinities == 0 && minus_infinities == 0;
    }
  };
  LooseInt128 sum = 0;  // of `count` values with scale `scale`
  int64_t count = 0;
  uint32_t scale = 0;
  uint32_t used = 0;  // 1 = `scale` is taken
  Rest* rest = nullptr;
  int64_t total = 0;  // rows in all

  void add(Numeric value, int64_t weight) {
    total += weight;
    if (!value.is_narrow() || !add_small(value.mantissa(), value.scale(), weight)) [[unlikely]] {
      add_slow(value, weight);
    }
  }
  // The sum of a set: the value's presence changes by `change`, its occurrences by `occurrences`.
  // What comes spelled 1.0 may go spelled 1.00, so the value counts in its canonical spelling and
  // each occurrence as a zero of its own scale: the result's scale is the largest that occurs.
  void add_distinct(Numeric value, int64_t change, int64_t occurrences, Arena& scratch);
  // The same of the value's square, which may be beyond what a numeric holds. Nothing is added for
  // NaN and infinities.
  void add_square(Numeric value, int64_t weight, Arena& scratch);
  void add_distinct_square(Numeric value, int64_t change, int64_t occurrences, Arena& scratch);

  bool is_finite() const { return rest == nullptr || !has_special(*rest); }
  Result<Numeric> value(Arena& arena) const;
  // The finite values' sum, as numeric::sum_of() takes it. Valid as long as arena and state are.
  std::vector<numeric::ScaledInteger> parts(Arena& arena) const;
  // Outside of the slot.
  size_t bytes() const;
  // Makes a byte copy whole; release() it as well.
  void keep();
  void release();
  void save(std::string& out) const;
  bool load(std::string_view& from);

 private:
  static bool has_special(const Rest& rest) {
    return rest.nans != 0 || rest.infinities != 0 || rest.minus_infinities != 0;
  }
  // False: it does not go inline.
  bool add_small(Int128 integer, uint32_t its_scale, int64_t weight) {
    if (rest != nullptr) [[unlikely]]
      return false;
    if (used == 0 || (count == 0 && sum == 0)) {
      used = 1;
      scale = its_scale;
      sum = 0;
    }
    Int128 term, next;
    if (scale != its_scale || __builtin_mul_overflow(integer, Int128{weight}, &term) ||
        __builtin_add_overflow(sum, term, &next)) [[unlikely]] {
      return false;
    }
    sum = next;
    count += weight;
    return true;
  }
  void add_slow(Numeric value, int64_t weight);
  void add_integer(Int128 integer, uint32_t its_scale, int64_t weight);
  void add_limbs(std::string_view magnitude, bool negative, uint32_t its_scale, int64_t weight);
  Rest& to_rest();
};

}  // namespace qw::views
