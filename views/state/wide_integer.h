// WideInteger: an integer that grows as far as it has to, to which products are added.
//
// Two's complement limbs, the lowest first, as few as hold the value (one at least, none for 0): so
// equal values are equal limbs. Adding costs the limbs of the addend, and where they are short
// stops with the carry. Plain value; epoch thread. Tests: tests/unit/views/exact_numeric_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qw::views {

class WideInteger {
 public:
  // += magnitude * times. `magnitude`: limbs as bytes, the lowest first, unaligned.
  void add_product(std::string_view magnitude, bool negative, int64_t times);
  bool zero() const { return limbs_.empty(); }
  std::span<const uint64_t> limbs() const { return limbs_; }
  // Outside of the object.
  size_t bytes() const;
  // A size as a varint and so many bytes of two's complement.
  void save(std::string& out) const;
  bool load(std::string_view& from);

 private:
  bool negative() const { return !limbs_.empty() && (limbs_.back() >> 63) != 0; }
  void trim();

  std::vector<uint64_t> limbs_;
};

}  // namespace qw::views
