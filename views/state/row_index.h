// RowIndex: rows by key, the state of joins: what one side of a join has, shared by all who need
// it.
//
// Key -> (total weight, rows). A key with one row keeps it in the slot's payload, up to 64 rows lie
// in an array that is searched by hash, larger keys get a hash index of their own so that taking a
// row away stays cheap. Rows are packed, with their weight in front; a weight may be negative in
// the middle of an epoch (changes come in any order), never at its end: `negative_rows`. Rows whose
// key has a NULL in a column of `skip_null` match nothing and are not kept. Epoch thread only.
// Tests: tests/unit/views/row_index_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "views/state/keyed_table.h"
#include "views/state/residency.h"
#include "views/state/state.h"

namespace qw::views {

// A stored row: weight, size, hash, bytes.
struct StoredRow {
  int64_t weight;
  uint32_t size;
  uint32_t hash;
  std::string_view bytes() const { return {reinterpret_cast<const char*>(this + 1), size}; }
};

struct BigRows;

// Payload of a key. `total` comes first: existence tests read nothing else.
struct RowSet {
  int64_t total;
  uint32_t count;
  uint32_t capacity;  // 0 = at most one row, inline; kBig = `big`
  union {
    StoredRow* one;
    StoredRow** many;
    BigRows* big;
  };
  static constexpr uint32_t kBig = UINT32_MAX;
  std::span<StoredRow* const> rows() const;
};

class RowIndex final : public RowState, public Spillable {
 public:
  // `types`: the columns of stored rows, all of which stay; `key`: which of them are the key.
  // `skip_null[i]`: a NULL in key column i matches nothing.
  RowIndex(std::vector<Type> types, std::vector<uint32_t> key, std::vector<bool> skip_null,
           Identity identity = Identity::equal);
  ~RowIndex() override;

  const KeyEncoder& encoder() const { return encoder_; }
  std::span<const uint32_t> key() const { return key_; }
  KeyedTable& table() { return table_; }

  // Adds a delta; columns are the stored ones.
  void update(const Batch& batch, Arena& arena);
  // Entries for probe keys, nullptr where nothing matches. `columns` are those of the probing
  // batch.
  void probe(const Batch& batch, std::span<const uint32_t> columns, Arena& arena, KeyBatch& keys,
             Entry** out) const;
  // The same once per key.
  void probe(const Batch& batch, std::span<const uint32_t> columns, Arena& arena, KeyGroups& keys,
             Entry**& out) const;
  // Takes away all rows of these keys (nullptr = none).
  void forget(std::span<Entry* const> entries);
  int64_t negative_rows() const { return negative_rows_; }
  uint64_t rows() const override { return rows_; }
  uint64_t bytes() const override { return table_.bytes() + big_bytes_; }
  void clear();
  // Asserts that the partitions of the keys are in memory.
  void check_present(const KeyBatch& keys) const;

  std::vector<State*> parts() override { return {this}; }
  KeyedTable& spilled_table() override { return table_; }
  const KeyEncoder& key_encoder() const override { return encoder_; }
  std::span<const uint32_t> key_columns(uint32_t) const override { return key_; }
  std::vector<Type> row_types(uint32_t) const override;
  uint64_t more_bytes(uint32_t partition) const override { return big_bytes_of_[partition]; }
  uint64_t more_bytes() const override { return big_bytes_; }
  void drop_entries(uint32_t partition) override;
  void restoring(uint32_t partition) override;
  void restored(uint32_t partition) override;

  // Rows only come: equal ones may lie side by side, none is looked for.
  bool append_only = false;
  // A row that comes with weight 0 is kept as such: it closes its key (see operators/linear.h).
  bool closable = false;

 private:
  void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
  void absorb(const Batch& batch) override;
  void absorb_packed(std::span<const std::string_view> rows, const int64_t* weights,
                     Arena& arena) override;
  // Column columns[k] of the batch is key column k.
  Batch without_null_keys(const Batch& batch, std::span<const uint32_t> columns,
                          Arena& arena) const;
  // rows[i] is the packed row of the batch's i-th row that is left.
  void change_rows(const Batch& batch, const KeyBatch& keys, const std::string_view* rows,
                   Arena& arena);
  // Asks for the memory in which such a row would be found.
  void ask_for(const Entry& entry, uint32_t hash) const;
  void change(Entry* entry, std::string_view row, uint32_t hash, int64_t weight);
  void add_row(Entry* entry, std::string_view row, uint32_t hash, int64_t weight);
  void remove_row(Entry* entry, uint32_t position);
  void count_big(uint64_t entry_hash, int64_t rows);
  StoredRow* locate(const RowSet& set, std::string_view row, uint32_t hash,
                    uint32_t& position) const;
  void release_set(Entry* entry);

  std::vector<uint32_t> key_;
  std::vector<bool> skip_null_;
  std::vector<uint32_t> all_columns_;
  KeyEncoder encoder_;
  KeyedTable table_;
  uint64_t rows_ = 0;
  int64_t negative_rows_ = 0;
  size_t big_bytes_ = 0;
  std::array<size_t, kPartitionCount> big_bytes_of_{};
  uint64_t rows_before_ = 0;  // while a partition comes back
  int64_t negative_before_ = 0;
  bool replaying_ = false;
};

}  // namespace qw::views
