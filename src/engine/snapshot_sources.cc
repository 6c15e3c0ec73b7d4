// SnapshotSources: see snapshot_sources.h.
#include "src/engine/snapshot_sources.h"

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

// Rows of one relation in key order.
class StoredCursor final : public views::RowCursor {
 public:
  StoredCursor(const RelationLayout& layout, std::vector<uint32_t> fields, storage::Cursor cursor)
      : fields_(std::move(fields)), rows_(layout, std::move(cursor)) {}
  Result<bool> next(Batch& batch) override {
    arena_.reset();
    return rows_.next(fields_, arena_, batch);
  }

 private:
  std::vector<uint32_t> fields_;
  StoredRows rows_;
  Arena arena_;
};

// As StoredCursor, with the transaction's writes merged in.
class MergingCursor final : public views::RowCursor {
 public:
  MergingCursor(const RelationLayout& layout, std::vector<uint32_t> fields, storage::Cursor cursor,
                const TxnBuffer::Table& writes, const KeyBounds& bounds)
      : layout_(&layout), fields_(std::move(fields)), cursor_(std::move(cursor)) {
    QW_ASSERT(layout.mode() != KeyMode::sequence);
    write_ = writes.lower_bound(bounds.lower);
    write_end_ = bounds.upper ? writes.lower_bound(*bounds.upper) : writes.end();
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
        QW_ASSIGN_OR_RETURN(stored_count_, cursor_.next(stored_));
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
  if (bounds != nullptr) range = key_bounds(layout->keys(), *bounds);
  storage::KeyRange key_range{range.lower, std::nullopt};
  if (range.upper) key_range.upper = *range.upper;
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot_->scan(scan.relation, key_range));
  const TxnBuffer::Table* writes = buffer_ == nullptr ? nullptr : buffer_->find(scan.relation);
  if (writes == nullptr) {
    return std::make_unique<StoredCursor>(*layout, scan.columns, std::move(cursor));
  }
  return std::make_unique<MergingCursor>(*layout, scan.columns, std::move(cursor), *writes, range);
}

Result<std::unique_ptr<views::RowCursor>> SnapshotSources::system_scan(
    const sql::SystemScan& scan) {
  return system_rows_(scan);
}

}  // namespace qw::engine
