// Row blocks: see row_blocks.h.
#include "src/engine/row_blocks.h"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/bytes.h"

namespace qw::engine {
namespace {

// With the store's header and checksum, at most four pages of LMDB.
constexpr size_t kBlockBytesMax = 16'320;
constexpr size_t kBlockRowsMax = 512;
constexpr size_t kCountBytes = 2, kEndBytes = 4;
constexpr size_t kEntriesMax = 1024;
// The first rows come before much has been read; then as many entries as make about a batch.
constexpr size_t kFirstBlocks = 16;
constexpr size_t kFirstRows = 8;

Error damaged() { return data_corrupted("a block of rows is damaged"); }

}  // namespace

void append_blocks(std::span<const std::string_view> rows, uint64_t first, Arena& arena,
                   std::vector<storage::RowChange>& changes) {
  for (size_t at = 0; at < rows.size();) {
    size_t count = 0, bytes = 0;
    while (at + count < rows.size() && count < kBlockRowsMax) {
      const size_t more = bytes + rows[at + count].size();
      if (count > 0 && kCountBytes + (count + 1) * kEndBytes + more > kBlockBytesMax) break;
      bytes = more;
      ++count;
    }
    char* key = static_cast<char*>(arena.allocate(sizeof(uint64_t), 1));
    store_be<uint64_t>(key, first + at);
    const size_t head = kCountBytes + count * kEndBytes;
    char* value = static_cast<char*>(arena.allocate(head + bytes, 1));
    store<uint16_t>(value, static_cast<uint16_t>(count));
    size_t end = 0;
    for (size_t i = 0; i < count; ++i) {
      const std::string_view row = rows[at + i];
      std::memcpy(value + head + end, row.data(), row.size());
      end += row.size();
      store<uint32_t>(value + kCountBytes + i * kEndBytes, static_cast<uint32_t>(end));
    }
    changes.push_back(storage::RowChange::put({key, sizeof(uint64_t)}, {value, head + bytes}));
    at += count;
  }
}

Result<void> read_block(std::string_view value, std::vector<std::string_view>& rows) {
  if (value.size() < kCountBytes) return fail(damaged());
  const size_t count = load<uint16_t>(value.data());
  const size_t head = kCountBytes + count * kEndBytes;
  if (count == 0 || value.size() < head) return fail(damaged());
  size_t begin = 0;
  for (size_t i = 0; i < count; ++i) {
    const size_t end = load<uint32_t>(value.data() + kCountBytes + i * kEndBytes);
    if (end < begin || end > value.size() - head) return fail(damaged());
    rows.push_back(value.substr(head + begin, end - begin));
    begin = end;
  }
  if (begin != value.size() - head) return fail(damaged());
  return {};
}

StoredRows::StoredRows(const RelationLayout& layout, storage::Cursor cursor)
    : layout_(&layout),
      cursor_(std::move(cursor)),
      entries_wanted_(layout.mode() == KeyMode::sequence ? kFirstBlocks : kFirstRows) {}

// Reads rows of blocks when all have been given out; false = there are none.
Result<bool> StoredRows::fill() {
  if (at_ < rows_.size()) return true;
  if (done_) return false;
  rows_.clear();
  at_ = 0;
  entries_.resize(entries_wanted_);
  QW_ASSIGN_OR_RETURN(const size_t count, cursor_.next(entries_));
  done_ = count < entries_wanted_;
  for (size_t i = 0; i < count; ++i) QW_TRY(read_block(entries_[i].row, rows_));
  if (!rows_.empty()) {
    const size_t fit = kBatchRowsMax * count / rows_.size();
    entries_wanted_ = std::clamp(fit, kFirstBlocks, kEntriesMax);
  }
  return !rows_.empty();
}

Result<bool> StoredRows::next(std::span<const uint32_t> fields, Arena& arena, Batch& batch) {
  if (layout_->mode() != KeyMode::sequence) {
    if (done_) return false;
    entries_.resize(entries_wanted_);
    QW_ASSIGN_OR_RETURN(const size_t count, cursor_.next(entries_));
    done_ = count < entries_.size();
    entries_wanted_ = kEntriesMax;
    if (count == 0) return false;
    layout_->decode({entries_.data(), count}, fields, arena, batch);
    return true;
  }
  QW_ASSIGN_OR_RETURN(const bool more, fill());
  if (!more) return false;
  const size_t count = std::min<size_t>(kBatchRowsMax, rows_.size() - at_);
  batch = Batch();
  batch.rows = static_cast<uint32_t>(count);
  // count(*) asks for no column; to the codec, no field would mean all.
  if (!fields.empty()) {
    layout_->rows().unpack({rows_.data() + at_, count}, fields, arena, batch.columns);
  }
  at_ += count;
  return true;
}

Result<int64_t> stored_row_count(const RelationLayout& layout, const storage::Snapshot& snapshot) {
  if (layout.mode() != KeyMode::sequence) {
    return snapshot.row_count(layout.id()) + snapshot.copy_count(layout.id());
  }
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor,
                      snapshot.scan(layout.id(), {}, storage::Direction::backward));
  storage::RowView last;
  QW_ASSIGN_OR_RETURN(const size_t found, cursor.next({&last, 1}));
  if (found == 0) return 0;
  std::vector<std::string_view> rows;
  QW_TRY(read_block(last.row, rows));
  if (last.key.size() != sizeof(uint64_t)) return fail(damaged());
  return static_cast<int64_t>(load_be<uint64_t>(last.key.data()) + rows.size());
}

}  // namespace qw::engine
