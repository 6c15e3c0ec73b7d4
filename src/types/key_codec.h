// Memcomparable keys: byte strings whose memcmp order is PostgreSQL's ORDER BY (collation "C").
//
// Per column: one tag byte (NULL sorts first or last as asked), then the value: sign-flipped
// big-endian integers; IEEE bits flipped with -0 as 0 and one NaN above all; numeric as sign,
// exponent and digits without trailing zeros; text and bytes with 0x00 escaped as 0x00 0xff and
// ended by 0x00 0x00; DESC inverts every byte but the tag. Equal values give equal bytes, so
// display scale and the like are lost: the row, not the key, carries them. Immutable after
// construction; any thread. Tests: tests/unit/types/key_codec_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/types/batch.h"
#include "src/types/datum.h"
#include "src/types/type.h"

namespace qw {

struct SortOrder {
  bool descending = false;
  bool nulls_first = false;  // PostgreSQL's default: last when ascending, first when descending
};

class KeyCodec {
 public:
  struct Field {
    Type type;
    SortOrder order;
  };
  explicit KeyCodec(std::vector<Field> fields);

  // Keys of the live rows of `batch`, bytes in `arena`; `columns[f]` is the batch column of field
  // f.
  void encode(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
              std::string_view* out) const;
  // A key or, with fewer values than fields, the common prefix of all keys that start with them.
  void append(std::span<const Datum> values, std::string& out) const;
  // The smallest string greater than every key with this prefix ("" = none).
  static std::string after_prefix(std::string_view prefix);

  std::span<const Field> fields() const { return fields_; }

 private:
  std::vector<Field> fields_;
};

// The values of one type that differ, in the order of their keys, without NULLs.
std::vector<Datum> distinct_by_key(const Type& type, std::span<const Datum> values);

// Whether equal values, which have equal keys, may look different: 1.0 and 1.00, -0 and 0, a jsonb
// or an array with such numbers in it.
bool has_spellings(const Type& type);

}  // namespace qw
