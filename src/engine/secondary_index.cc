// SecondaryIndex: see secondary_index.h.
#include "src/engine/secondary_index.h"

#include <algorithm>
#include <array>
#include <utility>

#include <fmt/format.h>

#include "src/base/bytes.h"
#include "src/types/text.h"

namespace qw::engine {
namespace {

std::vector<KeyCodec::Field> key_fields(const sql::IndexInfo& info, const RelationLayout& layout) {
  std::vector<KeyCodec::Field> fields;
  for (const uint32_t column : info.columns) {
    fields.push_back({layout.types()[column].without_typmod(), SortOrder()});
  }
  return fields;
}

}  // namespace

SecondaryIndex::SecondaryIndex(const sql::IndexInfo& info, const sql::Relation& relation,
                               std::shared_ptr<const RelationLayout> layout)
    : id_(info.id),
      name_(info.name),
      table_(relation.name),
      unique_(info.unique),
      columns_(info.columns),
      layout_(std::move(layout)),
      keys_(key_fields(info, *layout_)) {
  for (const uint32_t column : columns_) {
    column_names_ += (column_names_.empty() ? "" : ", ") + relation.columns[column].name;
  }
}

void SecondaryIndex::column_keys(const Batch& batch, Arena& arena, std::string_view* out) const {
  keys_.encode(batch, columns_, arena, out);
}

void SecondaryIndex::column_keys(std::span<const std::string_view> rows, Arena& arena,
                                 std::string_view* out) const {
  for (size_t at = 0; at < rows.size(); at += kBatchRowsMax) {
    const size_t count = std::min<size_t>(kBatchRowsMax, rows.size() - at);
    Batch batch;
    layout_->unpack(rows.subspan(at, count), arena, batch);
    column_keys(batch, arena, out + at);
  }
}

bool SecondaryIndex::has_null(std::string_view row, Arena& arena) const {
  Batch batch;
  layout_->unpack({&row, 1}, arena, batch);
  return std::any_of(columns_.begin(), columns_.end(),
                     [&](uint32_t column) { return batch.columns[column].is_null(0); });
}

std::string SecondaryIndex::key_text(std::string_view row) const {
  Arena arena;
  Batch batch;
  layout_->unpack({&row, 1}, arena, batch);
  std::string values;
  for (const uint32_t column : columns_) {
    if (!values.empty()) values += ", ";
    if (batch.columns[column].is_null(0))
      values += "null";
    else
      append_text(batch.columns[column], 0, TextStyle(), values);
  }
  return fmt::format("Key ({})=({})", column_names_, values);
}

Error SecondaryIndex::duplicate(std::string_view row) const {
  return unique_violation(
             fmt::format("duplicate key value violates unique constraint \"{}\"", name_))
      .with_detail(key_text(row) + " already exists.")
      .with_constraint(table_, name_);
}

Error SecondaryIndex::duplicate_at_creation(std::string_view row) const {
  return unique_violation(fmt::format("could not create unique index \"{}\"", name_))
      .with_detail(key_text(row) + " is duplicated.")
      .with_constraint(table_, name_);
}

Result<storage::RelationDelta> SecondaryIndex::delta(const storage::RelationDelta& change,
                                                     const storage::Snapshot& before,
                                                     Arena& arena) const {
  std::vector<std::string_view> keys;
  keys.reserve(change.changes.size());
  for (const storage::RowChange& one : change.changes) keys.push_back(one.key());
  std::vector<std::optional<std::string_view>> stored(keys.size());
  if (layout_->mode() != KeyMode::sequence) {
    QW_TRY(before.get_many(layout_->id(), keys, stored));
  }
  std::vector<Entry> entries;
  for (size_t i = 0; i < keys.size(); ++i) {
    const storage::RowChange& one = change.changes[i];
    // Another count of the same row changes nothing here.
    if (layout_->mode() == KeyMode::multiset && stored[i] && !one.erases()) continue;
    if (stored[i]) entries.push_back({keys[i], packed(keys[i], *stored[i]), true});
    if (!one.erases()) entries.push_back({keys[i], packed(keys[i], one.row()), false});
  }
  return changes_of(entries, arena);
}

Result<storage::RelationDelta> SecondaryIndex::entries_of(const storage::RelationDelta& rows,
                                                          Arena& arena) const {
  std::vector<Entry> entries;
  entries.reserve(rows.changes.size());
  for (const storage::RowChange& one : rows.changes) {
    entries.push_back({one.key(), packed(one.key(), one.row()), false});
  }
  return changes_of(entries, arena);
}

Result<bool> SecondaryIndex::agrees(const storage::Snapshot& snapshot) const {
  constexpr size_t kAtOnce = 65'536;
  const auto hash = [](std::string_view key, std::string_view row) {
    return hash_bytes(key, hash_bytes(row));
  };
  std::vector<storage::RowView> read(kBatchRowsMax);
  uint64_t difference = 0;
  QW_ASSIGN_OR_RETURN(storage::Cursor entries, snapshot.scan(id_));
  for (bool more = true; more;) {
    QW_ASSIGN_OR_RETURN(const size_t count, entries.next(read));
    more = count == read.size();
    for (size_t i = 0; i < count; ++i) difference += hash(read[i].key, read[i].row);
  }
  QW_ASSIGN_OR_RETURN(storage::Cursor rows, snapshot.scan(relation()));
  Arena arena;
  for (bool more = true; more;) {
    storage::RelationDelta some;
    some.relation = relation();
    while (more && some.changes.size() < kAtOnce) {
      QW_ASSIGN_OR_RETURN(const size_t count, rows.next(read));
      more = count == read.size();
      for (size_t i = 0; i < count; ++i) {
        some.changes.push_back(storage::RowChange::put(read[i].key, read[i].row));
      }
    }
    arena.reset();
    QW_ASSIGN_OR_RETURN(const storage::RelationDelta wanted, entries_of(some, arena));
    for (const storage::RowChange& entry : wanted.changes) {
      difference -= hash(entry.key(), entry.row());
    }
  }
  return difference == 0;
}

storage::RelationDelta SecondaryIndex::changes_of(const std::vector<Entry>& entries,
                                                  Arena& arena) const {
  std::vector<std::string_view> rows, keys(entries.size());
  rows.reserve(entries.size());
  for (const Entry& entry : entries) rows.push_back(entry.row);
  column_keys(rows, arena, keys.data());
  struct Change {
    std::string_view key, base;
    bool goes;
  };
  std::vector<Change> changes;
  changes.reserve(entries.size());
  for (size_t i = 0; i < entries.size(); ++i) {
    // The old and the new entry of a row stand side by side: the same key twice is no change.
    if (entries[i].goes && i + 1 < entries.size() && entries[i + 1].base == entries[i].base &&
        keys[i] == keys[i + 1]) {
      ++i;
      continue;
    }
    const size_t column_bytes = keys[i].size(), size = column_bytes + entries[i].base.size();
    char* key = static_cast<char*>(arena.allocate(size, 1));
    std::copy(keys[i].begin(), keys[i].end(), key);
    std::copy(entries[i].base.begin(), entries[i].base.end(), key + column_bytes);
    changes.push_back({{key, size}, {key + column_bytes, size - column_bytes}, entries[i].goes});
  }
  std::sort(changes.begin(), changes.end(),
            [](const Change& a, const Change& b) { return a.key < b.key; });
  storage::RelationDelta out;
  out.relation = id_;
  out.changes.reserve(changes.size());
  for (const Change& one : changes) {
    out.rows_added += one.goes ? -1 : 1;
    out.changes.push_back(one.goes ? storage::RowChange::erase(one.key)
                                   : storage::RowChange::put(one.key, one.base));
  }
  return out;
}

Result<std::string> UniqueClaims::holder(const SecondaryIndex& index, std::string_view key,
                                         const Held& claimed,
                                         const storage::Snapshot& snapshot) const {
  if (const auto found = claimed.find(key); found != claimed.end()) return found->second;
  if (const auto found = held_.find(key); found != held_.end()) return found->second;
  const auto end = storage::prefix_end(key);
  storage::KeyRange range{key, std::nullopt};
  if (end) range.upper = *end;
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(index.id(), range));
  std::array<storage::RowView, 1> entry;
  QW_ASSIGN_OR_RETURN(const size_t count, cursor.next(entry));
  return count == 0 ? std::string() : std::string(entry[0].row);
}

Result<std::optional<std::string>> UniqueClaims::check(const SecondaryIndex& index,
                                                       std::span<const RowWrite> writes,
                                                       const storage::Snapshot& snapshot,
                                                       Held& claimed) const {
  constexpr std::string_view kNone{};
  const bool multiset = index.layout().mode() == KeyMode::multiset;
  Arena arena;
  const auto key_of = [&](std::string_view row) -> std::optional<std::string_view> {
    if (row.data() == nullptr) return std::nullopt;
    arena.reset();
    if (index.has_null(row, arena)) return std::nullopt;
    std::string_view key;
    index.column_keys({&row, 1}, arena, &key);
    return key;
  };
  for (const RowWrite& write : writes) {
    const std::string_view old = !multiset ? write.expected : write.count < 0 ? write.key : kNone;
    if (const auto key = key_of(old)) claimed[*key] = "";
  }
  for (const RowWrite& write : writes) {
    const std::string_view row = !multiset ? write.row : write.count > 0 ? write.key : kNone;
    const auto key = key_of(row);
    if (!key) continue;
    QW_ASSIGN_OR_RETURN(const std::string held_by, holder(index, *key, claimed, snapshot));
    const bool taken = !held_by.empty() && (multiset || held_by != write.key);
    if (taken || write.count > 1) return std::optional<std::string>(row);
    claimed[*key] = std::string(write.key);
  }
  return std::optional<std::string>();
}

void UniqueClaims::accept(Held claimed) {
  for (auto& [key, base] : claimed) held_[key] = std::move(base);
}

}  // namespace qw::engine
