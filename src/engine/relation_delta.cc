// RelationDelta: see relation_delta.h.
#include "src/engine/relation_delta.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/prefetch.h"
#include "src/engine/row_blocks.h"

namespace qw::engine {
namespace {

// Memory of an epoch's changes that stays for the next one.
constexpr size_t kKeptBytes = 16 << 20;

KeyedChanges::Op keyed_op(ingest::RowOp op) {
  switch (op) {
    case ingest::RowOp::insert:
      return KeyedChanges::Op::insert;
    case ingest::RowOp::put:
      return KeyedChanges::Op::put;
    case ingest::RowOp::remove:
    case ingest::RowOp::move:
      return KeyedChanges::Op::remove;
    case ingest::RowOp::remove_row:
      break;  // of tables without a key
  }
  QW_UNREACHABLE();
}

}  // namespace

RelationDeltaBuilder::RelationDeltaBuilder(std::shared_ptr<const RelationLayout> layout)
    : layout_(std::move(layout)), keyed_(layout_->id()) {}

void RelationDeltaBuilder::begin(const storage::Snapshot& latest, uint64_t next_sequence) {
  latest_ = &latest;
  if (!changed_) changed_ = latest.epoch();
  next_sequence_ = next_sequence;
  keyed_.begin(latest);
  counts_.clear();
  weighted_.clear();
  came_.clear();
  came_rows_ = 0;
  came_whole_ = true;
  shrank_ = false;
  keyed_net_ = {};
  keyed_net_rows_ = 0;
  net_keys_.clear();
  net_rows_.clear();
  net_weights_.clear();
  // A large epoch's memory is given back by halves while epochs are small.
  const bool large = arena_.reserved_bytes() > kKeptBytes;
  const bool shrinks = large && arena_.used_bytes() < arena_.reserved_bytes() / 4;
  arena_.reset();
  if (shrinks) arena_.shrink(arena_.reserved_bytes() / 2);
  scratch_.reset();
}

void RelationDeltaBuilder::release() {
  keyed_.release();
  keyed_net_ = {};
  keyed_net_rows_ = 0;
  // An empty list assigned to a vector leaves it its memory.
  order_ = ByteOrder();
  of_key_ = std::vector<Weighted>();
  scratch_.reset();
  scratch_.shrink(0);
  counts_ = decltype(counts_)();
  weighted_ = std::vector<Weighted>();
  net_keys_ = std::vector<std::string_view>();
  net_rows_ = std::vector<std::string_view>();
  net_weights_ = std::vector<int64_t>();
  came_ = std::vector<Batch>();
  came_rows_ = 0;
  arena_.reset();
  arena_.shrink(0);
}

size_t RelationDeltaBuilder::kept_bytes() const {
  return keyed_.kept_bytes() + arena_.reserved_bytes() + scratch_.reserved_bytes() +
         counts_.capacity() * kCountBytes +
         weighted_.capacity() * (sizeof(Weighted) + kOrderBytes) +
         (net_keys_.capacity() + net_rows_.capacity()) * sizeof(std::string_view) +
         net_weights_.capacity() * sizeof(int64_t);
}

Result<void> RelationDeltaBuilder::insert(const Batch& batch) {
  QW_ASSERT(batch.weights == nullptr);
  came_whole_ = false;
  const uint32_t size = batch.size();
  auto* rows = scratch_.allocate_array<std::string_view>(size);
  layout_->pack(batch, arena_, rows);
  switch (layout_->mode()) {
    case KeyMode::keyed: {
      auto* keys = scratch_.allocate_array<std::string_view>(size);
      layout_->encode_keys(batch, scratch_, keys);
      QW_TRY(keyed_.load({keys, size}, arena_));
      for (uint32_t i = 0; i < size; ++i) keyed_.at(keys[i]).after = rows[i];
      break;
    }
    case KeyMode::sequence:
      net_rows_.insert(net_rows_.end(), rows, rows + size);
      break;
    case KeyMode::multiset:
      for (uint32_t i = 0; i < size; ++i) ++counts_[rows[i]];
      break;
  }
  scratch_.reset();
  return {};
}

// The row `row` of the chunk with its kept columns taken from a stored row.
Result<std::string_view> RelationDeltaBuilder::fill_kept(const ingest::TableChunk& chunk,
                                                         uint32_t row, std::string_view stored) {
  if (!row_exists(stored)) {
    return fail(data_corrupted(fmt::format(
        "relation {}: an update leaves out columns of a row that is not there", layout_->id())));
  }
  Batch merged;
  layout_->unpack({&stored, 1}, scratch_, merged);
  const auto index = static_cast<uint16_t>(row);
  for (uint32_t c = 0; c < merged.columns.size(); ++c) {
    if (!chunk.is_kept(c, row)) merged.columns[c] = chunk.columns[c].gathered(&index, 1, scratch_);
  }
  std::string_view packed;
  layout_->pack(merged, arena_, &packed);
  return packed;
}

Result<void> RelationDeltaBuilder::change(const ingest::TableChunk& chunk, Columns columns) {
  if (chunk.truncate) QW_TRY(truncate());
  if (chunk.rows == 0) return {};
  Batch batch;
  batch.rows = chunk.rows;
  batch.columns = chunk.columns;
  auto* rows = scratch_.allocate_array<std::string_view>(chunk.rows);
  layout_->pack(batch, arena_, rows);
  came_whole_ = came_whole_ && columns == Columns::stay && chunk.ops == nullptr &&
                chunk.kept.empty() && layout_->mode() != KeyMode::multiset;
  if (came_whole_) {
    came_.push_back(batch);
    came_rows_ += chunk.rows;
  }
  if (layout_->mode() == KeyMode::sequence) {
    QW_ASSERT(chunk.ops == nullptr);
    net_rows_.insert(net_rows_.end(), rows, rows + chunk.rows);
    scratch_.reset();
    return {};
  }
  if (layout_->mode() == KeyMode::multiset) {
    for (uint32_t i = 0; i < chunk.rows; ++i) {
      counts_[rows[i]] += chunk.op(i) == ingest::RowOp::remove_row ? -1 : 1;
    }
    scratch_.reset();
    return {};
  }
  for (uint32_t i = 0; i < chunk.rows; ++i) {
    if (chunk.op(i) != ingest::RowOp::remove_row) continue;
    return fail(internal_error(
        fmt::format("relation {}: a whole-row removal from a table with a key", layout_->id())));
  }
  auto* keys = scratch_.allocate_array<std::string_view>(chunk.rows);
  layout_->encode_keys(batch, arena_, keys);
  if (keyed_.indexed() || !chunk.kept.empty()) {
    QW_TRY(change_in_map(chunk, {keys, chunk.rows}, {rows, chunk.rows}));
  } else {
    for (uint32_t i = 0; i < chunk.rows; ++i)
      keyed_.append(keyed_op(chunk.op(i)), keys[i], rows[i]);
  }
  scratch_.reset();
  return {};
}

// As appending to the log, where columns must be taken from the rows that stand there.
Result<void> RelationDeltaBuilder::change_in_map(const ingest::TableChunk& chunk,
                                                 std::span<const std::string_view> keys,
                                                 std::span<std::string_view> rows) {
  std::vector<std::string_view> looked_up;
  for (uint32_t i = 0; i < chunk.rows; ++i) {
    if (chunk.op(i) != ingest::RowOp::insert) looked_up.push_back(keys[i]);
  }
  QW_TRY(keyed_.load(looked_up, arena_));
  std::string_view moved = kNoRow;
  for (uint32_t i = 0; i < chunk.rows; ++i) {
    switch (keyed_op(chunk.op(i))) {
      case KeyedChanges::Op::insert:
        // Nothing stands there, says the source: no need to look.
        keyed_.at_new(keys[i]).after = rows[i];
        break;
      case KeyedChanges::Op::put: {
        KeyedChanges::Pending& change = keyed_.at(keys[i]);
        bool kept = false;
        for (uint32_t c = 0; c < chunk.columns.size() && !kept; ++c) kept = chunk.is_kept(c, i);
        if (kept) {
          const std::string_view base = row_exists(moved) ? moved : change.after;
          QW_ASSIGN_OR_RETURN(rows[i], fill_kept(chunk, i, base));
        }
        change.after = rows[i];
        break;
      }
      case KeyedChanges::Op::remove: {
        const std::string_view gone = std::exchange(keyed_.at(keys[i]).after, kNoRow);
        moved = chunk.op(i) == ingest::RowOp::move ? gone : kNoRow;
        continue;
      }
    }
    moved = kNoRow;
  }
  return {};
}

Result<void> RelationDeltaBuilder::truncate() {
  QW_ASSERT(layout_->mode() != KeyMode::sequence);
  came_whole_ = false;
  if (layout_->mode() == KeyMode::keyed) {
    QW_TRY(keyed_.load({}, arena_));
    keyed_.erase_all();
  }
  counts_.clear();
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, latest_->scan(layout_->id()));
  std::vector<storage::RowView> entries(1024);
  size_t count = 0;
  do {
    QW_ASSIGN_OR_RETURN(count, cursor.next(entries));
    for (size_t i = 0; i < count; ++i) {
      if (layout_->mode() == KeyMode::keyed) {
        keyed_.erase_stored(entries[i].key, entries[i].row);
      } else {
        counts_[entries[i].key] = -qw::load<int64_t>(entries[i].row.data());
      }
    }
  } while (count == entries.size());
  return {};
}

Result<std::string_view> RelationDeltaBuilder::current(std::string_view key) {
  QW_TRY(keyed_.load({&key, 1}, arena_));
  return keyed_.at(key).after;
}

Result<bool> RelationDeltaBuilder::holds(std::span<const RowWrite> writes,
                                         std::optional<Epoch> seen) {
  if (layout_->mode() == KeyMode::multiset) {
    // Copies that go must be there; those of one request are summed first.
    if (std::all_of(writes.begin(), writes.end(), [](auto& write) { return write.count >= 0; })) {
      return true;
    }
    absl::flat_hash_map<std::string_view, int64_t, StringHash, StringEqual> wanted;
    for (const RowWrite& write : writes) wanted[write.key] += write.count;
    for (const auto& [row, count] : wanted) {
      if (count >= 0) continue;
      QW_ASSIGN_OR_RETURN(const auto stored, latest_->get(layout_->id(), row));
      const int64_t there = stored ? qw::load<int64_t>(stored->data()) : 0;
      const auto found = counts_.find(row);
      if (there + (found == counts_.end() ? 0 : found->second) + count < 0) return false;
    }
    return true;
  }
  QW_ASSERT(layout_->mode() == KeyMode::keyed);
  const bool follows = follow(writes);
  if (follows && seen && changed_ && *seen >= *changed_) return true;
  std::vector<std::string_view> keys;
  keys.reserve(writes.size());
  for (const RowWrite& write : writes) keys.push_back(write.key);
  if (follows) {
    std::vector<std::optional<std::string_view>> stored(keys.size());
    QW_TRY(latest_->get_many(layout_->id(), keys, stored));
    for (size_t i = 0; i < writes.size(); ++i) {
      if (!same_row(stored[i].value_or(kNoRow), writes[i].expected)) return false;
    }
    return true;
  }
  QW_TRY(keyed_.load(keys, arena_));
  for (const RowWrite& write : writes) {
    if (!same_row(keyed_.at(write.key).after, write.expected)) return false;
  }
  return true;
}

bool RelationDeltaBuilder::follow(std::span<const RowWrite> writes) const {
  if (writes.empty() || !keyed_.follows(writes[0].key)) return false;
  for (size_t i = 1; i < writes.size(); ++i) {
    if (writes[i].key <= writes[i - 1].key) return false;
  }
  return true;
}

void RelationDeltaBuilder::apply(std::span<const RowWrite> writes) {
  came_whole_ = false;
  if (layout_->mode() == KeyMode::multiset) {
    counts_.reserve(counts_.size() + writes.size());
    for (const RowWrite& write : writes) counts_[write.key] += write.count;
    return;
  }
  if (!follow(writes)) {
    for (const RowWrite& write : writes) keyed_.at(write.key).after = write.row;
    return;
  }
  // holds() has seen that what is expected is there.
  keyed_.expect(writes.size());
  for (const RowWrite& write : writes) keyed_.append_seen(write.key, write.expected, write.row);
}

void RelationDeltaBuilder::add_weighted(const Batch& batch) {
  const uint32_t size = batch.size();
  if (size == 0) return;
  came_whole_ = false;
  auto* rows = scratch_.allocate_array<std::string_view>(size);
  layout_->pack(batch, arena_, rows);
  switch (layout_->mode()) {
    case KeyMode::keyed: {
      auto* keys = scratch_.allocate_array<std::string_view>(size);
      layout_->encode_keys(batch, arena_, keys);
      for (uint32_t i = 0; i < size; ++i) {
        weighted_.push_back({keys[i], rows[i], batch.weight(batch.row(i))});
      }
      break;
    }
    case KeyMode::sequence:
      for (uint32_t i = 0; i < size; ++i) {
        const int64_t weight = batch.weight(batch.row(i));
        shrank_ |= weight < 0;
        for (int64_t copy = 0; copy < weight; ++copy) net_rows_.push_back(rows[i]);
      }
      break;
    case KeyMode::multiset:
      for (uint32_t i = 0; i < size; ++i) counts_[rows[i]] += batch.weight(batch.row(i));
      break;
  }
  scratch_.reset();
}

void RelationDeltaBuilder::each_batch(const std::function<void(const Batch&)>& on_batch) {
  if (borrows()) {
    for (const Batch& batch : came_) on_batch(batch);
    return;
  }
  std::vector<std::string_view> rows;
  std::vector<int64_t> weights;
  const bool weighted = !net_weights_.empty() || !keyed_net_.empty();
  const auto flush = [&] {
    // Old rows lie where they were stored, each in other lines of memory.
    for (const std::string_view row : rows) prefetch_row(row);
    Batch batch;
    layout_->unpack(rows, scratch_, batch);
    if (weighted) batch.weights = weights.data();
    on_batch(batch);
    scratch_.reset();
    rows.clear();
    weights.clear();
  };
  each_net([&](std::string_view, std::string_view row, int64_t weight) {
    rows.push_back(row);
    if (weighted) weights.push_back(weight);
    if (rows.size() == kBatchRowsMax) flush();
  });
  if (!rows.empty()) flush();
}

Result<storage::RelationDelta> RelationDeltaBuilder::finish() {
  // Also of an epoch that is begun anew, or changes nothing: too many cost a look at the rows.
  changed_ = Epoch{latest_->epoch().value + 1};
  switch (layout_->mode()) {
    case KeyMode::keyed:
      if (!weighted_.empty()) {
        QW_ASSERT(keyed_.empty());
        return finish_weighted_keyed();
      }
      return finish_keyed();
    case KeyMode::sequence:
      return finish_sequence();
    case KeyMode::multiset:
      return finish_multiset();
  }
  QW_UNREACHABLE();
}

Result<storage::RelationDelta> RelationDeltaBuilder::finish_sequence() {
  if (shrank_) {
    return fail(internal_error(
        fmt::format("relation {}: a row was taken away that was proven to stay", layout_->id())));
  }
  storage::RelationDelta delta;
  delta.relation = layout_->id();
  append_blocks(net_rows_, next_sequence_, arena_, delta.changes);
  next_sequence_ += net_rows_.size();
  delta.rows_added = static_cast<int64_t>(delta.changes.size());
  return delta;
}

Result<storage::RelationDelta> RelationDeltaBuilder::finish_keyed() {
  QW_ASSIGN_OR_RETURN(const std::span<const KeyedChanges::Net> changed, keyed_.finish());
  storage::RelationDelta delta;
  delta.relation = layout_->id();
  delta.changes.reserve(changed.size());
  keyed_net_ = changed;
  keyed_net_rows_ = 0;
  for (const KeyedChanges::Net& entry : changed) {
    const bool goes = row_exists(entry.before), comes = row_exists(entry.after);
    keyed_net_rows_ += size_t{goes} + size_t{comes};
    delta.rows_added += int64_t{comes} - int64_t{goes};
    delta.changes.push_back(comes ? storage::RowChange::put(entry.key, entry.after)
                                  : storage::RowChange::erase(entry.key));
  }
  // A source that gives a key twice, or one that was there, is believed like any other.
  came_whole_ = came_whole_ && changed.size() == came_rows_ && net_rows() == came_rows_;
  return delta;
}

// A view's output per key: after netting, at most one row goes and one comes.
Result<storage::RelationDelta> RelationDeltaBuilder::finish_weighted_keyed() {
  const auto& order = order_.sort(weighted_.size(), [&](size_t i) { return weighted_[i].key; });
  storage::RelationDelta delta;
  delta.relation = layout_->id();
  delta.changes.reserve(weighted_.size());
  for (size_t begin = 0; begin < order.size();) {
    const std::string_view key = weighted_[order[begin]].key;
    size_t end = begin + 1;
    while (end < order.size() && weighted_[order[end]].key == key) ++end;
    QW_TRY(net_key({order.data() + begin, end - begin}, delta));
    begin = end;
  }
  return delta;
}

// Nets the changes of one key: mostly one row that comes, or one that goes and one that comes.
Result<void> RelationDeltaBuilder::net_key(std::span<const uint32_t> changes,
                                           storage::RelationDelta& delta) {
  std::vector<Weighted>& rows = of_key_;
  rows.clear();
  for (const uint32_t i : changes) rows.push_back(weighted_[i]);
  if (rows.size() > 1) {
    std::sort(rows.begin(), rows.end(),
              [](const Weighted& a, const Weighted& b) { return a.row < b.row; });
    size_t kept = 0;
    for (size_t i = 1; i < rows.size(); ++i) {
      if (rows[i].row == rows[kept].row)
        rows[kept].weight += rows[i].weight;
      else
        rows[++kept] = rows[i];
    }
    rows.resize(kept + 1);
  }
  std::string_view comes = kNoRow;
  bool goes = false;
  for (const Weighted& row : rows) {
    if (row.weight == 0) continue;
    const bool one = row.weight == 1 ? !row_exists(comes) : row.weight == -1 && !goes;
    if (!one) {
      return fail(internal_error(fmt::format(
          "relation {}: a key that was proven unique has several rows", layout_->id())));
    }
    if (row.weight == 1)
      comes = row.row;
    else
      goes = true;
    delta.rows_added += row.weight;
    net_keys_.push_back(row.key);
    net_rows_.push_back(row.row);
    net_weights_.push_back(row.weight);
  }
  const std::string_view key = rows.front().key;
  if (row_exists(comes))
    delta.changes.push_back(storage::RowChange::put(key, comes));
  else if (goes)
    delta.changes.push_back(storage::RowChange::erase(key));
  return {};
}

Result<storage::RelationDelta> RelationDeltaBuilder::finish_multiset() {
  std::vector<std::string_view>& rows = net_rows_;
  rows.reserve(counts_.size());
  for (const auto& [row, count] : counts_) {
    if (count != 0) rows.push_back(row);
  }
  std::sort(rows.begin(), rows.end());
  std::vector<std::optional<std::string_view>> stored(rows.size());
  QW_TRY(latest_->get_many(layout_->id(), rows, stored));
  storage::RelationDelta delta;
  delta.relation = layout_->id();
  net_weights_.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t before = stored[i] ? qw::load<int64_t>(stored[i]->data()) : 0;
    const int64_t change = counts_[rows[i]];
    const int64_t after = before + change;
    if (after < 0) {
      return fail(internal_error(
          fmt::format("relation {}: more copies of a row removed than there are", layout_->id())));
    }
    net_weights_.push_back(change);
    delta.copies_added += std::max<int64_t>(after - 1, 0) - std::max<int64_t>(before - 1, 0);
    if (after == 0) {
      delta.changes.push_back(storage::RowChange::erase(rows[i]));
      --delta.rows_added;
    } else {
      char* count = static_cast<char*>(arena_.allocate(8, 8));
      qw::store<int64_t>(count, after);
      delta.changes.push_back(storage::RowChange::put(rows[i], {count, 8}));
      if (before == 0) ++delta.rows_added;
    }
  }
  return delta;
}

}  // namespace qw::engine
