// Changes: see change.h.
#include "ingest/change.h"

#include <algorithm>
#include <cstring>
#include <mutex>
#include <utility>

#include "src/base/assert.h"

namespace qw::ingest {

namespace {

constexpr size_t kPooledArenasMax = 16;
constexpr size_t kPooledArenaBytesMax = 4 << 20;
constexpr uint32_t kFirstCapacity = 64;  // a small transaction should not touch 64 KiB per column

}  // namespace

struct ArenaPool::Shared {
  std::mutex mutex;
  std::vector<std::unique_ptr<Arena>> free;  // guarded by mutex
};

ArenaPool::ArenaPool() : shared_(std::make_shared<Shared>()) {}

std::shared_ptr<Arena> ArenaPool::take() {
  std::unique_ptr<Arena> arena;
  {
    const std::lock_guard lock(shared_->mutex);
    if (!shared_->free.empty()) {
      arena = std::move(shared_->free.back());
      shared_->free.pop_back();
    }
  }
  if (arena == nullptr) arena = std::make_unique<Arena>();
  return {arena.release(), [shared = shared_](Arena* returned) {
            std::unique_ptr<Arena> owned(returned);
            owned->reset();
            if (owned->reserved_bytes() > kPooledArenaBytesMax) owned->shrink(kPooledArenaBytesMax);
            const std::lock_guard lock(shared->mutex);
            if (shared->free.size() < kPooledArenasMax) shared->free.push_back(std::move(owned));
          }};
}

TableWriter::TableWriter(uint32_t table, std::vector<Type> types)
    : table_(table), types_(std::move(types)) {
  columns_.resize(types_.size());
  kept_.resize(types_.size());
}

void TableWriter::begin(SourceTxn& txn) {
  QW_ASSERT(rows_ == 0 && !truncate_);
  QW_ASSERT(txn.arena != nullptr);
  txn_ = &txn;
  arena_ = txn.arena.get();
  capacity_ = 0;
}

void TableWriter::finish() {
  close();
  txn_ = nullptr;
  arena_ = nullptr;
}

void TableWriter::abandon() {
  rows_ = 0;
  capacity_ = 0;
  truncate_ = false;
  txn_ = nullptr;
  arena_ = nullptr;
}

void TableWriter::open(uint32_t capacity) {
  capacity_ = capacity;
  const size_t words = bitmap_words(capacity);
  for (uint32_t c = 0; c < types_.size(); c++) {
    columns_[c] = Vector::flat(types_[c], capacity, *arena_);
    // Under a NULL the data is safe to compute on.
    std::memset(columns_[c].data, 0, size_t{types_[c].bytes()} * capacity);
    columns_[c].validity = arena_->allocate_column<uint64_t>(words);
    std::memset(columns_[c].validity, 0, words * 8);
    kept_[c] = nullptr;
  }
  ops_ = arena_->allocate_column<RowOp>(capacity);
  all_insert_ = true;
  any_kept_ = false;
}

void TableWriter::grow() {
  const uint32_t larger = std::min(capacity_ * 8, kBatchRowsMax);
  const size_t words = bitmap_words(larger), old_words = bitmap_words(capacity_);
  for (uint32_t c = 0; c < types_.size(); c++) {
    Vector vector = Vector::flat(types_[c], larger, *arena_);
    const size_t filled = size_t{types_[c].bytes()} * rows_;
    std::memcpy(vector.data, columns_[c].data, filled);
    std::memset(static_cast<char*>(vector.data) + filled, 0,
                size_t{types_[c].bytes()} * larger - filled);
    vector.validity = arena_->allocate_column<uint64_t>(words);
    std::memcpy(vector.validity, columns_[c].validity, old_words * 8);
    std::memset(vector.validity + old_words, 0, (words - old_words) * 8);
    columns_[c] = vector;
    if (kept_[c] != nullptr) {
      uint64_t* kept = arena_->allocate_column<uint64_t>(words);
      std::memcpy(kept, kept_[c], old_words * 8);
      std::memset(kept + old_words, 0, (words - old_words) * 8);
      kept_[c] = kept;
    }
  }
  RowOp* ops = arena_->allocate_column<RowOp>(larger);
  std::memcpy(ops, ops_, rows_ * sizeof(RowOp));
  ops_ = ops;
  capacity_ = larger;
}

uint32_t TableWriter::add(RowOp op, bool follows) {
  QW_ASSERT(txn_ != nullptr);
  // A move may not be the last row of a chunk: its put must follow it there.
  const uint32_t needed = op == RowOp::move ? 2 : 1;
  if (!follows && capacity_ != 0 && rows_ + needed > kBatchRowsMax) close();
  if (capacity_ == 0) open(kFirstCapacity);
  while (rows_ + needed > capacity_) grow();
  const uint32_t row = rows_++;
  ops_[row] = op;
  all_insert_ = all_insert_ && op == RowOp::insert;
  return row;
}

void TableWriter::drop_last() {
  QW_ASSERT(rows_ > 0);
  rows_--;
  for (uint32_t c = 0; c < types_.size(); c++) {
    const uint32_t bytes = types_[c].bytes();
    std::memset(static_cast<char*>(columns_[c].data) + size_t{bytes} * rows_, 0, bytes);
    bit_clear(columns_[c].validity, rows_);
    if (kept_[c] != nullptr) bit_clear(kept_[c], rows_);
  }
}

void TableWriter::truncate() {
  close();
  truncate_ = true;
}

void TableWriter::set_kept(uint32_t column, uint32_t row) {
  if (kept_[column] == nullptr) {
    const size_t words = bitmap_words(capacity_);
    kept_[column] = arena_->allocate_column<uint64_t>(words);
    std::memset(kept_[column], 0, words * 8);
  }
  bit_set(kept_[column], row);
  any_kept_ = true;
}

void TableWriter::close() {
  if (rows_ == 0 && !truncate_) {
    capacity_ = 0;
    return;
  }
  QW_ASSERT(txn_ != nullptr);
  if (capacity_ == 0) open(kFirstCapacity);  // a truncate alone still has its columns
  TableChunk chunk;
  chunk.table = table_;
  chunk.truncate = truncate_;
  chunk.rows = rows_;
  chunk.columns = columns_;
  chunk.ops = all_insert_ ? nullptr : ops_;
  if (any_kept_) chunk.kept.assign(kept_.begin(), kept_.end());
  txn_->chunks.push_back(std::move(chunk));
  txn_->rows += rows_;
  rows_ = 0;
  capacity_ = 0;
  truncate_ = false;
}

}  // namespace qw::ingest
