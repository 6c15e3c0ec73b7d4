// SnapshotSources: where the rows of a query come from: one storage snapshot, seen through the
// transaction's own writes, and the computed rows of system tables.
//
// Scans decode columns batch by batch; bounds become key ranges. One session's thread; the
// snapshot, the catalogue view and the buffer must outlive the cursors. Tests:
// tests/unit/engine/snapshot_sources_test.cc.
#pragma once

#include <functional>
#include <memory>

#include "src/engine/catalog_view.h"
#include "src/engine/txn_buffer.h"
#include "storage/rows.h"
#include "views/query.h"

namespace qw::engine {

// Makes the rows of a system table.
using SystemRows =
    std::function<Result<std::unique_ptr<views::RowCursor>>(const sql::SystemScan& scan)>;

class SnapshotSources final : public views::QuerySources {
 public:
  SnapshotSources(const CatalogView& view, const storage::Snapshot& snapshot,
                  const TxnBuffer* buffer, SystemRows system_rows)
      : view_(&view), snapshot_(&snapshot), buffer_(buffer), system_rows_(std::move(system_rows)) {}

  Result<std::unique_ptr<views::RowCursor>> scan(const sql::Scan& scan,
                                                 const views::ScanBounds* bounds) override;
  Result<std::unique_ptr<views::RowCursor>> system_scan(const sql::SystemScan& scan) override;

 private:
  const CatalogView* view_;
  const storage::Snapshot* snapshot_;
  const TxnBuffer* buffer_;
  SystemRows system_rows_;
};

// The key range of equal leading columns and a range on the next; `fields` are the key's codec
// fields.
struct KeyBounds {
  std::string lower;
  std::optional<std::string> upper;
};
KeyBounds key_bounds(const KeyCodec& keys, const views::ScanBounds& bounds);

}  // namespace qw::engine
