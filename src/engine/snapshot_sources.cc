// SnapshotSources: see snapshot_sources.h.
#include "src/engine/snapshot_sources.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/engine/row_blocks.h"

namespace qw::engine {
namespace {

constexpr size_t kScanRows = 1024;

// Damage is reported by the name that the user knows.
template <typename T>
Result<T> named(Result<T> result, const std::string& relation) {
  if (result) return result;
  return fail(std::move(result).error().in(fmt::format("relation \"{}\"", relation)));
}

// Rows of one relation in key order.
class StoredCursor final : public views::RowCursor {
 public:
  StoredCursor(std::string_view name, const RelationLayout& layout, std::vector<uint32_t> fields,
               storage::Cursor cursor)
      : name_(name), fields_(std::move(fields)), rows_(layout, std::move(cursor)) {}
  Result<bool> next(Batch& batch) override {
    arena_.reset();
    return named(rows_.next(fields_, arena_, batch), name_);
  }

 private:
  const std::string name_;
  std::vector<uint32_t> fields_;
  StoredRows rows_;
  Arena arena_;
};

// As StoredCursor, with the transaction's writes merged in.
class MergingCursor final : public views::RowCursor {
 public:
  MergingCursor(std::string_view name, const RelationLayout& layout, std::vector<uint32_t> fields,
                storage::Cursor cursor, const TxnBuffer::Table& writes, const KeyBounds& bounds)
      : name_(name), layout_(&layout), fields_(std::move(fields)), cursor_(std::move(cursor)) {
    QW_ASSERT(layout.mode() != KeyMode::sequence);
    write_ = writes.lower_bound(bounds.lower);
    write_end_ = bounds.upper ? writes.lower_bound(*bounds.upper) : writes.end();
    // BETWEEN 25 AND 12: nothing lies there, and the end comes before the beginning.
    if (bounds.upper && *bounds.upper <= bounds.lower) write_end_ = write_;
  }

  Result<bool> next(Batch& batch) override {
    arena_.reset();
    QW_ASSIGN_OR_RETURN(const size_t count, merge());
    if (count == 0) return false;
    layout_->decode({entries_.data(), count}, fields_, arena_, batch);
    return true;
  }

 private:
  // Fills entries_ from the stored rows and the writes, whichever key comes first; a write hides
  // the stored row of its key.
  Result<size_t> merge() {
    size_t count = 0;
    while (count < entries_.size()) {
      if (at_ == stored_count_ && !done_) {
        QW_ASSIGN_OR_RETURN(stored_count_, named(cursor_.next(stored_), name_));
        done_ = stored_count_ < stored_.size();
        at_ = 0;
      }
      const bool have_stored = at_ < stored_count_, have_write = write_ != write_end_;
      if (!have_stored && !have_write) break;
      if (have_stored && (!have_write || stored_[at_].key < write_->first)) {
        entries_[count++] = stored_[at_++];
        continue;
      }
      const bool same = have_stored && stored_[at_].key == write_->first;
      const TxnBuffer::Entry& entry = write_->second;
      if (layout_->mode() == KeyMode::keyed) {
        if (entry.row.data() != nullptr) entries_[count++] = {write_->first, entry.row};
      } else {
        const int64_t copies = (same ? load<int64_t>(stored_[at_].row.data()) : 0) + entry.count;
        if (copies > 0) {
          char* bytes = static_cast<char*>(arena_.allocate(sizeof(int64_t)));
          store<int64_t>(bytes, copies);
          entries_[count++] = {write_->first, {bytes, sizeof(int64_t)}};
        }
      }
      if (same) ++at_;
      ++write_;
    }
    return count;
  }

  const std::string name_;
  const RelationLayout* layout_;
  std::vector<uint32_t> fields_;
  storage::Cursor cursor_;
  bool done_ = false;
  TxnBuffer::Table::const_iterator write_, write_end_;
  std::array<storage::RowView, kScanRows> entries_;
  std::array<storage::RowView, kScanRows> stored_;
  size_t at_ = 0, stored_count_ = 0;
  Arena arena_;
};

// Rows that an index finds within bounds: entries of the index, then the rows they name, in turns.
// What the transaction has written stands in front: its rows are looked at one by one.
class IndexCursor final : public views::RowCursor {
 public:
  IndexCursor(std::string_view name, const SecondaryIndex& index, std::vector<uint32_t> fields,
              const storage::Snapshot& snapshot, storage::Cursor cursor,
              const TxnBuffer::Table* writes, KeyBounds bounds)
      : name_(name),
        index_(&index),
        fields_(std::move(fields)),
        snapshot_(&snapshot),
        cursor_(std::move(cursor)),
        writes_(writes),
        bounds_(std::move(bounds)) {
    if (writes_ != nullptr) write_ = writes_->begin();
  }

  Result<bool> next(Batch& batch) override {
    arena_.reset();
    size_t count = 0;
    while (count == 0 && !done_) {
      QW_ASSIGN_OR_RETURN(count, named(stored(), name_));
    }
    if (count == 0 && writes_ != nullptr) {
      QW_ASSIGN_OR_RETURN(count, named(written(), name_));
    }
    if (count == 0) return false;
    index_->layout().decode({entries_.data(), count}, fields_, arena_, batch);
    return true;
  }

 private:
  Result<size_t> stored() {
    QW_ASSIGN_OR_RETURN(const size_t found, cursor_.next(found_));
    done_ = found < found_.size();
    std::vector<std::string_view> keys;
    for (size_t i = 0; i < found; ++i) {
      if (writes_ == nullptr || !writes_->contains(found_[i].row)) keys.push_back(found_[i].row);
    }
    std::sort(keys.begin(), keys.end());
    std::vector<std::optional<std::string_view>> rows(keys.size());
    QW_TRY(snapshot_->get_many(index_->relation(), keys, rows));
    for (size_t i = 0; i < keys.size(); ++i) {
      if (!rows[i]) return fail(data_corrupted("an index entry without its row"));
      entries_[i] = {keys[i], *rows[i]};
    }
    return keys.size();
  }

  Result<size_t> written() {
    const bool multiset = index_->layout().mode() == KeyMode::multiset;
    size_t count = 0;
    for (; write_ != writes_->end() && count < entries_.size(); ++write_) {
      const TxnBuffer::Entry& entry = write_->second;
      std::string_view row = entry.row;
      if (multiset) {
        QW_ASSIGN_OR_RETURN(const auto old, snapshot_->get(index_->relation(), write_->first));
        const int64_t copies = (old ? load<int64_t>(old->data()) : 0) + entry.count;
        if (copies <= 0) continue;
        char* bytes = static_cast<char*>(arena_.allocate(sizeof(int64_t)));
        store<int64_t>(bytes, copies);
        row = {bytes, sizeof(int64_t)};
      }
      if (row.data() == nullptr) continue;
      const std::string_view packed = index_->packed(write_->first, row);
      std::string_view key;
      index_->column_keys({&packed, 1}, arena_, &key);
      if (key < bounds_.lower || (bounds_.upper && key >= *bounds_.upper)) continue;
      entries_[count++] = {write_->first, row};
    }
    return count;
  }

  const std::string name_;
  const SecondaryIndex* index_;
  std::vector<uint32_t> fields_;
  const storage::Snapshot* snapshot_;
  storage::Cursor cursor_;
  const TxnBuffer::Table* writes_;
  KeyBounds bounds_;
  bool done_ = false;
  TxnBuffer::Table::const_iterator write_;
  std::array<storage::RowView, kScanRows> found_, entries_;
  Arena arena_;
};

}  // namespace

KeyBounds key_bounds(const KeyCodec& keys, const views::ScanBounds& bounds) {
  std::vector<Datum> values(bounds.equal.begin(), bounds.equal.end());
  KeyBounds range;
  std::string prefix;
  keys.append(values, prefix);
  range.lower = prefix;
  range.upper = storage::prefix_end(prefix);
  const auto with = [&](const Datum& bound) {
    std::vector<Datum> all = values;
    all.push_back(bound);
    std::string key;
    keys.append(all, key);
    return key;
  };
  // NULLs sort last here and match no range: an open upper end stops before them.
  if (bounds.lower != nullptr) {
    const std::string key = with(*bounds.lower);
    range.lower = bounds.lower_inclusive ? key : storage::prefix_end(key).value_or(key);
  }
  if (bounds.upper != nullptr) {
    const std::string key = with(*bounds.upper);
    range.upper = bounds.upper_inclusive ? storage::prefix_end(key) : std::optional(key);
  } else if (bounds.lower != nullptr && values.size() < keys.fields().size()) {
    range.upper = with(Datum::null(keys.fields()[values.size()].type));
  }
  return range;
}

Result<std::unique_ptr<views::RowCursor>> SnapshotSources::scan(const sql::Scan& scan,
                                                                const views::ScanBounds* bounds) {
  const RelationLayout* layout = view_->layout(scan.relation);
  if (layout == nullptr) {
    return fail(internal_error(fmt::format("relation {} has no rows", scan.relation)));
  }
  KeyBounds range;
  if (bounds != nullptr && scan.bounds->index != scan.relation) {
    const auto index = view_->indexes.find(scan.bounds->index);
    if (index == view_->indexes.end()) {
      return fail(internal_error(fmt::format("index {} is not there", scan.bounds->index)));
    }
    range = key_bounds(index->second->keys(), *bounds);
    storage::KeyRange entries{range.lower, std::nullopt};
    if (range.upper) entries.upper = *range.upper;
    QW_ASSIGN_OR_RETURN(storage::Cursor cursor,
                        named(snapshot_->scan(index->first, entries), scan.name));
    const TxnBuffer::Table* writes = buffer_ == nullptr ? nullptr : buffer_->find(scan.relation);
    return std::make_unique<IndexCursor>(scan.name, *index->second, scan.columns, *snapshot_,
                                         std::move(cursor), writes, std::move(range));
  }
  if (bounds != nullptr) range = key_bounds(layout->keys(), *bounds);
  storage::KeyRange key_range{range.lower, std::nullopt};
  if (range.upper) key_range.upper = *range.upper;
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor,
                      named(snapshot_->scan(scan.relation, key_range), scan.name));
  const TxnBuffer::Table* writes = buffer_ == nullptr ? nullptr : buffer_->find(scan.relation);
  if (writes == nullptr) {
    return std::make_unique<StoredCursor>(scan.name, *layout, scan.columns, std::move(cursor));
  }
  return std::make_unique<MergingCursor>(scan.name, *layout, scan.columns, std::move(cursor),
                                         *writes, range);
}

Result<std::unique_ptr<views::RowCursor>> SnapshotSources::system_scan(
    const sql::SystemScan& scan) {
  return system_rows_(scan);
}

}  // namespace qw::engine
