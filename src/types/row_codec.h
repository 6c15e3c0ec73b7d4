// Packed rows: the one row format of state, log, row store and overlay.
//
//   null bits   (columns + 7) / 8 bytes, bit set = NULL
//   fixed part  columns in declaration order, each at its alignment (from the row start); 16-byte
//               numerics keep wide mantissas in the variable part
//   ends        uint32 per variable column: where its part ends, counted from the row's begin
//   bytes       the variable parts
//
// Encoding and decoding run column by column over a batch. pack() keeps values as they are;
// pack_keys() writes the canonical form, in which two rows are equal under PostgreSQL's equality
// exactly if their bytes are equal: numeric without trailing zeros, -0 as 0, one NaN, char(n)
// without trailing blanks, interval normalised. Packed bytes have no alignment requirement.
// Immutable after construction; any thread. Tests: tests/unit/types/row_codec_test.cc.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/types/batch.h"
#include "src/types/type.h"

namespace qw {

class RowCodec {
 public:
  explicit RowCodec(std::vector<Type> types);

  std::span<const Type> types() const { return types_; }
  // Columns without any variable part: every row has this many bytes; 0 = variable.
  uint32_t fixed_bytes() const { return fixed_row_bytes_; }

  // Packs the live rows of `batch`: out[i] is the i-th live row, bytes in `arena`. `columns[c]` is
  // the batch column that becomes field c.
  void pack(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
            std::string_view* out) const;
  void pack_keys(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                 std::string_view* out) const;

  // Unpacks rows into flat vectors, one per field in `fields` (all when empty). Strings borrow the
  // rows' bytes. `out` gets one vector per field asked for.
  void unpack(std::span<const std::string_view> rows, std::span<const uint32_t> fields,
              Arena& arena, std::vector<Vector>& out) const;
  // Checks lengths and offsets of bytes that may be damaged; unpack() asserts them.
  bool valid(std::string_view row) const;

 private:
  template <bool keys>
  void pack_rows(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                 std::string_view* out) const;
  template <bool keys>
  void pack_variable(const Vector& vector, const Batch& batch, uint32_t field, Arena& arena,
                     char* const* rows, uint32_t* cursors) const;
  void unpack_field(std::span<const std::string_view> rows, uint32_t field, Vector& out) const;

  std::vector<Type> types_;
  std::vector<uint32_t> fixed_offset_;    // per column
  std::vector<uint32_t> variable_index_;  // per column; UINT32_MAX = none
  uint32_t null_bytes_ = 0, ends_offset_ = 0, variable_count_ = 0, fixed_row_bytes_ = 0;
};

}  // namespace qw
