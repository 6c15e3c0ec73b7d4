// ExactNumeric: the sum of numerics, exact, with the display scale a fresh sum would have.
//
// One sum per display scale: the first scale seen lies inline as a 128-bit integer, everything rare
// (further scales, sums beyond 128 bits, wide values, NaN and infinities) in `rest`. The result's
// scale is the largest of the scales that have rows. All zero = empty.
// Tests: tests/unit/views/aggregate_test.cc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "src/base/arena.h"
#include "src/base/bytes.h"
#include "src/base/result.h"
#include "src/types/numeric.h"

namespace qw::views {

// 256 bits, two's complement.
struct Int256 {
  UInt128 low = 0;
  Int128 high = 0;
  void add_product(Int128 value, int64_t weight);
  bool zero() const { return low == 0 && high == 0; }
  Result<Numeric> to_numeric(uint32_t scale, Arena& arena) const;
};

struct ExactNumeric {
  struct Bucket {
    Int256 sum;
    int64_t count = 0;
  };
  struct Rest {
    std::map<uint32_t, Bucket> buckets;                // by scale
    std::map<std::string, int64_t, std::less<>> wide;  // packed value -> count
    int64_t nans = 0, infinities = 0, minus_infinities = 0;
    bool empty() const {
      return buckets.empty() && wide.empty() && nans == 0 && infinities == 0 &&
             minus_infinities == 0;
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
    if (value.is_narrow() && rest == nullptr) [[likely]] {
      if (used == 0 || (count == 0 && sum == 0)) {
        used = 1;
        scale = value.scale();
        sum = 0;
      }
      Int128 term, next;
      if (scale == value.scale() &&
          !__builtin_mul_overflow(value.mantissa(), Int128{weight}, &term) &&
          !__builtin_add_overflow(sum, term, &next)) [[likely]] {
        sum = next;
        count += weight;
        return;
      }
    }
    add_slow(value, weight);
  }
  // The sum of a set: the value's presence changes by `change`, its occurrences by `occurrences`.
  // What comes spelled 1.0 may go spelled 1.00, so the value counts in its canonical spelling and
  // each occurrence as a zero of its own scale: the result's scale is the largest that occurs.
  void add_distinct(Numeric value, int64_t change, int64_t occurrences, Arena& scratch);
  Result<Numeric> value(Arena& arena) const;
  // Makes a byte copy whole; release() it as well.
  void keep();
  void release();
  void save(std::string& out) const;
  bool load(std::string_view& bytes);

 private:
  void add_slow(Numeric value, int64_t weight);
};

}  // namespace qw::views
