// InList: the constants of a long `x IN (...)`, hashed by their canonical bytes.
//
// Integers are looked up by value, strings by their bytes, all others by the packed key of the row
// codec, in which equal values have equal bytes.
// Immutable after construction; any thread. Tests: tests/unit/sql_expr/program_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <unordered_set>
#include <vector>

#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/types/datum.h"
#include "src/types/row_codec.h"
#include "src/types/vector.h"

namespace qw::sql {

class InList {
 public:
  // All values have the layout of `type`.
  InList(Type type, std::span<const Datum> values);

  bool has_null() const { return has_null_; }
  // found[row] for each live row that is not NULL.
  void find(const Vector& vector, uint32_t rows, const uint16_t* selection, uint32_t selected,
            Arena& arena, bool* found) const;

 private:
  enum class How : uint8_t { integer, bytes, packed };
  bool contains(int64_t value) const;

  Type type_;
  How how_;
  bool has_null_ = false;
  std::vector<int64_t> table_;  // open addressing over integers
  std::vector<bool> used_;
  uint64_t mask_ = 0;
  std::unordered_set<std::string, StringHash, StringEqual> bytes_;
  std::unique_ptr<RowCodec> codec_;
};

}  // namespace qw::sql
