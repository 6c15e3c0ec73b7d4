// ExistenceOperator; see existence.h.
#include "views/operators/existence.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"

namespace qw::views {

void ExistenceOperator::accept(uint32_t port, const Batch& batch) {
  have_ready_ = false;
  arena_.reset();
  port == 0 ? accept_left(batch) : accept_right(batch);
}

void ExistenceOperator::accept_left(const Batch& batch) {
  KeyBatch keys;
  auto* now = arena_.allocate_array<Entry*>(batch.size() + 1);
  auto* before = arena_.allocate_array<Entry*>(batch.size() + 1);
  right_.probe(batch, spec_.left_key, arena_, keys, now);
  pending_.find(keys, before);
  auto* selection = arena_.allocate_array<uint16_t>(batch.size() + 1);
  uint32_t count = 0;
  for (uint32_t i = 0; i < keys.count; ++i) {
    bool present = now[i] != nullptr && now[i]->as<RowSet>().total > 0;
    if (before[i] != nullptr) present = before[i]->as<Pending>().present != 0;
    if (present != spec_.anti) selection[count++] = static_cast<uint16_t>(batch.row(i));
  }
  ready_ = batch;
  ready_.select(selection, count);
  pad(ready_, arena_);
  have_ready_ = count != 0;
}

void ExistenceOperator::accept_right(const Batch& batch) {
  KeyBatch keys;
  auto* now = arena_.allocate_array<Entry*>(batch.size() + 1);
  auto* pending = arena_.allocate_array<Entry*>(batch.size() + 1);
  right_.probe(batch, spec_.right_key, arena_, keys, now);
  pending_.find_or_add(keys, pending);
  for (uint32_t i = 0; i < keys.count; ++i) {
    if (pending[i]->mark != 0) continue;
    pending[i]->mark = 1;
    pending[i]->as<Pending>().present = now[i] != nullptr && now[i]->as<RowSet>().total > 0 ? 1 : 0;
    order_.push_back(pending[i]);
  }
}

void ExistenceOperator::pad(Batch& out, Arena& arena) const {
  std::vector<Vector> columns;
  for (const Type& type : spec_.pad_before) columns.push_back(Vector::null(type, arena));
  columns.insert(columns.end(), out.columns.begin(), out.columns.end());
  for (const Type& type : spec_.pad_after) columns.push_back(Vector::null(type, arena));
  out.columns = std::move(columns);
}

void ExistenceOperator::finish() {
  finishing_ = true;
  have_ready_ = false;
  next_ = 0;
  row_ = 0;
  by_partition_ = false;
}

std::optional<Operator::Wanted> ExistenceOperator::wanted() {
  if (!finishing_ || next_ >= order_.size()) return std::nullopt;
  return Wanted{{&left_, &right_}, partition_of(order_[next_]->hash)};
}

// From the first call on keys go by partition, so that those of each stand together.
std::vector<uint64_t> ExistenceOperator::wanted_keys() {
  const uint32_t partition = partition_of(order_[next_]->hash);
  const auto turn = [&](const Entry* entry) {
    return (partition_of(entry->hash) - partition) % kPartitionCount;
  };
  if (!std::exchange(by_partition_, true)) {
    // The first one may have been turned around in part.
    std::stable_sort(order_.begin() + static_cast<std::ptrdiff_t>(next_) + 1, order_.end(),
                     [&](const Entry* a, const Entry* b) { return turn(a) < turn(b); });
  }
  std::vector<uint64_t> hashes;
  for (size_t i = next_; i < order_.size() && partition_of(order_[i]->hash) == partition; ++i) {
    hashes.push_back(order_[i]->hash);
  }
  return hashes;
}

bool ExistenceOperator::produce(Batch& out) {
  if (have_ready_) {
    out = std::move(ready_);
    have_ready_ = false;
    return true;
  }
  if (!finishing_) return false;
  if (turn_around(out)) return true;
  finishing_ = false;
  pending_.clear();
  order_.clear();
  return false;
}

bool ExistenceOperator::turn_around(Batch& out) {
  out_arena_.reset();
  auto* rows = out_arena_.allocate_array<std::string_view>(kBatchRowsMax);
  auto* weights = out_arena_.allocate_column<int64_t>(kBatchRowsMax);
  uint32_t count = 0;
  const size_t began = next_;
  while (next_ < order_.size() && count < kBatchRowsMax) {
    Entry* pending = order_[next_];
    uint64_t hash = pending->hash;
    const KeyBatch key{1, &pending->key, &hash};
    if (some_absent() && ((left_.lacks() | right_.lacks()) >> partition_of(hash) & 1) != 0) {
      QW_ASSERT(next_ != began);  // wanted() has seen to the first one
      if (count != 0) break;
      out = Batch();  // nothing yet, and not the end
      return true;
    }
    Entry *left = nullptr, *right = nullptr;
    right_.table().find(key, &right);
    const bool was = pending->as<Pending>().present != 0;
    const bool is = right != nullptr && right->as<RowSet>().total > 0;
    if (was != is) left_.table().find(key, &left);
    const auto found = left == nullptr ? std::span<StoredRow* const>() : left->as<RowSet>().rows();
    const int64_t sign = is != spec_.anti ? 1 : -1;
    for (; row_ < found.size() && count < kBatchRowsMax; ++row_) {
      rows[count] = found[row_]->bytes();
      weights[count++] = sign * found[row_]->weight;
    }
    if (row_ < found.size()) break;
    ++next_;
    row_ = 0;
  }
  if (count == 0) return false;
  out = Batch();
  out.rows = count;
  out.weights = weights;
  left_.codec().unpack({rows, count}, {}, out_arena_, out.columns);
  pad(out, out_arena_);
  return true;
}

}  // namespace qw::views
