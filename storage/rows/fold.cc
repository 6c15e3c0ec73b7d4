// Fold: see fold.h.
#include "storage/rows/fold.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "src/base/assert.h"
#include "storage/format/format.h"
#include "storage/rows.h"

namespace qw::storage {
namespace {

constexpr double kLeafBytes = 2700;       // what a leaf holds on average: splits leave it 2/3 full
constexpr double kInlineBytesMax = 2000;  // beyond this LMDB gives a value pages of its own
// Written bytes per changed byte that a fold may cost. Blobs cost about 1; a fold also saves the
// log record of this epoch, the memory of the run and the merges that would follow.
constexpr double kFoldFactor = 8;
constexpr uint64_t kFoldPagesAlways = 2;
constexpr size_t kSamples = 16;
constexpr size_t kAskedTogether = 32;  // changes whose leaves are asked for at once

// The share of neighbouring changes that land on one leaf, from samples of the largest run: the
// more stored rows lie between two, the less likely it is.
Result<double> same_page_share(KvRead& read, const RelationState& relation,
                               std::span<const RunPtr> runs) {
  const RunPtr& largest =
      *std::max_element(runs.begin(), runs.end(),
                        [](const RunPtr& a, const RunPtr& b) { return a->count() < b->count(); });
  const std::span<const Run::Entry> entries = largest->entries();
  if (entries.size() < 2) return 0.0;
  const double row_bytes =
      static_cast<double>(relation.base_bytes) / static_cast<double>(relation.base_rows);
  std::vector<KvEntry> page(static_cast<size_t>(std::clamp(kLeafBytes / row_bytes, 2.0, 64.0)));
  const size_t samples = std::min(kSamples, entries.size() - 1);
  double same = 0;
  QW_ASSIGN_OR_RETURN(const auto cursor, read.cursor(Table::rows));
  for (size_t i = 0; i < samples; ++i) {
    const size_t at = i * (entries.size() - 1) / samples;
    const RowKey here(relation.relation, entries[at].key());
    const RowKey next(relation.relation, entries[at + 1].key());
    QW_TRY(cursor->seek(here.view(), Direction::forward));
    QW_ASSIGN_OR_RETURN(const size_t count, cursor->next(page));
    const auto rows = std::span(page).first(count);
    const auto beyond = std::find_if(rows.begin(), rows.end(),
                                     [&](const KvEntry& row) { return row.key >= next.view(); });
    same += 1 - static_cast<double>(beyond - rows.begin()) / static_cast<double>(page.size());
  }
  return same / static_cast<double>(samples);
}

// Changes of keys beyond the relation's last one. Long keys that begin alike lie by their hashes,
// in any order: beside a last one that begins like them they do not count.
Result<uint64_t> rows_beyond_last(KvWrite& txn, const RelationState& relation,
                                  std::span<const RunPtr> runs) {
  const RowKey start(relation.relation), end(ObjectId{relation.relation.value + 1});
  QW_ASSIGN_OR_RETURN(const auto last, txn.last_below(Table::rows, end.view()));
  std::optional<std::string> from = std::string();
  if (relation.base_rows > 0 && last && last->key > start.view()) {
    const std::string_view key = last->key.substr(start.view().size());
    from = key.size() < kRowKeyPrefixBytes ? std::string(key)
                                           : prefix_end(key.substr(0, kRowKeyPrefixBytes));
  }
  uint64_t rows = 0;
  for (const RunPtr& run : runs) rows += from ? run->count() - run->lower_bound(*from) : 0;
  return rows;
}

// The changes to fold, some at a time, whose leaves it has brought into the cache: LMDB waits for
// each entry that it looks at, and then for the page that it copies.
class ChangesAhead {
 public:
  ChangesAhead(KvRead& base, ObjectId relation, const std::vector<RunPtr>& runs,
               std::string_view from)
      : base_(base), relation_(relation), cursor_(runs, {from, std::nullopt}, Direction::forward) {
    find_last();
    fill();
  }
  // The change it stands on; nullptr at the end.
  const Run::Entry* head() const { return at_ < count_ ? changes_[at_] : nullptr; }
  // Why there are no more although there are: the way to their leaves is damaged.
  const std::optional<Error>& damaged() const { return damaged_; }
  void advance() {
    if (++at_ == count_) fill();
  }

 private:
  void find_last() {
    const auto cursor = base_.cursor(Table::rows);
    const RowKey end(ObjectId{relation_.value + 1});
    if (!cursor || !(*cursor)->seek(end.view(), Direction::backward)) return;
    std::array<KvEntry, 1> entry;
    const auto count = (*cursor)->next(entry);
    if (count) last_ = std::string(*count == 0 ? std::string_view() : entry[0].key);
  }

  // All keys of the gap behind the relation's last row have one way: it is asked for once.
  void fill() {
    for (at_ = count_ = 0; count_ < kAskedTogether && cursor_.head() != nullptr; ++count_) {
      changes_[count_] = cursor_.head();
      keys_[count_].assign(relation_, changes_[count_]->key());
      views_[count_] = keys_[count_].view();
      cursor_.advance();
    }
    const std::span<const std::string_view> keys(views_.data(), count_);
    const auto in_gap = [&](std::string_view key) { return last_ && key > *last_; };
    if (keys.empty() || (gap_asked_ && std::all_of(keys.begin(), keys.end(), in_gap))) return;
    const auto asked = base_.ask_for(Table::rows, keys);
    gap_asked_ = std::any_of(keys.begin(), keys.end(), in_gap);
    if (asked) return;
    damaged_ = asked.error();
    count_ = 0;
  }

  KvRead& base_;
  const ObjectId relation_;
  RunCursor cursor_;
  size_t at_ = 0, count_ = 0;
  std::optional<std::string> last_;  // of the base's entries before the relation's end; none known
  bool gap_asked_ = false;
  std::optional<Error> damaged_;
  std::array<const Run::Entry*, kAskedTogether> changes_;
  std::vector<RowKey> keys_{kAskedTogether, RowKey(relation_)};
  std::array<std::string_view, kAskedTogether> views_;
};

}  // namespace

bool FoldCost::pays() const {
  return pages <= kFoldPagesAlways ||
         static_cast<double>(pages * kPageBytes) <= kFoldFactor * static_cast<double>(change_bytes);
}

Result<FoldCost> estimate_fold(KvWrite& txn, KvRead& read, const RelationState& relation,
                               std::span<const RunPtr> runs) {
  FoldCost cost;
  for (const RunPtr& run : runs) {
    cost.rows += run->count();
    cost.change_bytes += run->record_bytes();
  }
  if (cost.rows == 0) return cost;
  const auto rows = static_cast<double>(cost.rows);
  const double row_bytes = static_cast<double>(cost.change_bytes) / rows + 24;
  QW_ASSIGN_OR_RETURN(cost.appended_rows, rows_beyond_last(txn, relation, runs));
  const auto new_pages = [&](double count) {
    return row_bytes > kInlineBytesMax ? count * (row_bytes / static_cast<double>(kPageBytes) + 1)
                                       : count * row_bytes / kLeafBytes;
  };
  const auto appended = static_cast<double>(cost.appended_rows), scattered = rows - appended;
  cost.appended_pages = static_cast<uint64_t>(new_pages(appended)) + 1;
  cost.pages = cost.appended_pages;
  if (cost.appended_rows == cost.rows) return cost;
  const double leaves = static_cast<double>(relation.base_bytes) / kLeafBytes + 1;
  const double dirty = leaves * -std::expm1(-scattered / leaves);
  cost.pages += static_cast<uint64_t>(dirty + std::min(new_pages(scattered), scattered));
  if (!cost.pays() && cost.rows >= kSamples) {
    QW_ASSIGN_OR_RETURN(const double same, same_page_share(read, relation, runs));
    const double clustered = rows * (1 - same) + new_pages(rows);
    cost.pages = std::min(cost.pages, static_cast<uint64_t>(clustered) + 1);
  }
  return cost;
}

Result<FoldSlice> fold_slice(KvWrite& txn, KvRead& base, RelationState& relation,
                             const std::vector<RunPtr>& runs, std::string_view from,
                             size_t rows_max) {
  FoldSlice slice;
  ChangesAhead cursor(base, relation.relation, runs, from);
  const auto table_last = txn.last_below(Table::rows, {});
  if (!table_last && table_last.error().code() != kDamaged) return fail(table_last.error());
  const bool appends = table_last.has_value();  // else the end is damaged, and nobody's matter here
  std::string last(appends && *table_last ? (*table_last)->key : std::string_view());
  for (; cursor.head() != nullptr; cursor.advance()) {
    const Run::Entry& change = *cursor.head();
    if (slice.rows == rows_max) {
      slice.rest = std::string(change.key());
      return slice;
    }
    ++slice.rows;
    const RowKey physical(relation.relation, change.key());
    if (physical.is_long()) {
      QW_ASSIGN_OR_RETURN(const auto old, txn.get(Table::rows, physical.view()));
      if (old) {
        QW_ASSIGN_OR_RETURN(const RowParts row, read_row({physical.view(), *old}));
        if (row.key != change.key()) {
          return fail(program_limit_exceeded(
              fmt::format("two long keys have the same hash: relation {}", relation.relation)));
        }
      }
    }
    std::optional<size_t> replaced;
    if (change.erased()) {
      QW_ASSIGN_OR_RETURN(replaced, txn.erase(Table::rows, physical.view()));
    } else {
      const size_t size = row_value_size(change.key(), change.row());
      const bool append = appends && physical.view() > last;
      QW_ASSIGN_OR_RETURN(const KvSlot slot, txn.put(Table::rows, physical.view(), size,
                                                     append ? PutMode::append : PutMode::upsert));
      write_row_value(physical, change.key(), change.row(), slot.bytes);
      if (append) last = physical.view();
      replaced = slot.replaced;
      ++relation.base_rows;
      relation.base_bytes += physical.view().size() + size;
      slice.bytes += size;
    }
    if (replaced) {
      QW_ASSERT(relation.base_rows > 0);
      --relation.base_rows;
      relation.base_bytes -= std::min(relation.base_bytes, physical.view().size() + *replaced);
    }
  }
  slice.damaged = cursor.damaged();
  return slice;
}

}  // namespace qw::storage
