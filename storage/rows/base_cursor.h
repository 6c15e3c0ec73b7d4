// BaseCursor: one relation's rows in the rows table, in the order of their full keys.
//
// Keys over 506 bytes are stored as prefix and hash, so entries that share the first 491 bytes lie
// in the order of hashes: such a group is read whole and sorted by full key. Everything is
// verified: checksums, order, and for a walk over the whole relation the number of rows. One
// thread. Tests: tests/unit/storage/rows_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "src/base/result.h"
#include "storage/format/format.h"
#include "storage/rows.h"

namespace qw::storage {

class BaseCursor {
 public:
  // `count` is what a walk over the whole relation must find.
  static Result<BaseCursor> open(KvRead& read, ObjectId relation, const KeyRange& range,
                                 Direction direction, uint64_t count);
  // Rows ready to be taken; empty only at the end, after fill().
  std::span<const RowView> ready() const { return {rows_.data() + taken_, rows_.size() - taken_}; }
  void take(size_t count) { taken_ += count; }
  // Reads on when nothing is ready.
  Result<void> fill() {
    if (taken_ < rows_.size() || ended_) [[likely]]
      return {};
    return read_on();
  }

 private:
  BaseCursor() = default;
  Result<void> read_on();
  // Takes rows from raw_ up to the first entry that is not a plain one of this relation.
  Result<void> read_plain(size_t wanted);
  bool in_order(std::string_view key) const;
  Result<const KvEntry*> peek();
  Result<void> read_group(std::string_view prefix);
  // False when the walk is over.
  bool admit(const RowParts& row);
  Result<void> finish();

  std::unique_ptr<KvCursor> cursor_;
  ObjectId relation_;
  Direction direction_ = Direction::forward;
  std::string lower_;
  std::optional<std::string> upper_;
  uint64_t count_ = 0, seen_ = 0;

  std::vector<KvEntry> raw_;  // read, not yet verified
  size_t raw_at_ = 0, raw_count_ = 0;
  std::vector<RowView> rows_;
  size_t taken_ = 0;
  std::string_view last_key_;
  bool ended_ = false;
};

}  // namespace qw::storage
