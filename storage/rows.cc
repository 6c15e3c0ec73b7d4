// Rows: see rows.h.
#include "storage/rows.h"

#include <algorithm>
#include <array>
#include <utility>

#include "src/base/assert.h"
#include "storage/format/format.h"
#include "storage/rows/base_cursor.h"
#include "storage/rows/overlay.h"
#include "storage/rows/run.h"

namespace qw::storage {
namespace {

constexpr size_t kCopyRows = 1024;
// Point reads that are looked for in the overlay together; fewer are not worth the set-up.
constexpr size_t kTogetherMin = 8, kTogetherMax = 1024;
constexpr size_t kAhead = 16;  // keys asked for before they are hashed
// Rows of the base that are read before they are verified: no more than stay in the cache.
constexpr size_t kBaseTogether = 128;

// Whether a damaged entry that is filed under another relation has nothing to do with a search of
// `relation`. Not so when it is its id that is damaged: it may be the key looked for, or have led
// the search past it. An intact id decides the order against all our keys, whatever comes after it.
bool concerns_others(const KvEntry& entry, ObjectId relation, const Overlay& overlay) {
  if (entry.key.size() < kObjectBytes) return false;
  const ObjectId filed = row_relation(entry.key);
  if (filed == relation || overlay.find(filed) == nullptr) return false;
  std::string key(entry.key);
  return std::none_of(overlay.relations.begin(), overlay.relations.end(), [&](const auto& known) {
    store_be<uint32_t>(key.data(), known->relation.value);
    return unseal(Table::rows, key, entry.value).has_value();
  });
}

// A missing key may be a damaged one: then a neighbour fails its checksum.
Result<void> verify_neighbours(const KvPosition& position, ObjectId relation,
                               const Overlay& overlay) {
  for (const KvEntry& entry : {position.at, position.before}) {
    if (entry.key.empty()) continue;
    auto verified = read_row(entry);
    if (verified || concerns_others(entry, relation, overlay)) continue;
    return fail(std::move(verified).error());
  }
  return {};
}

Result<std::optional<std::string_view>> get_base(KvRead& read, const Overlay& overlay,
                                                 ObjectId relation, std::string_view key) {
  const RowKey physical(relation, key);
  const auto position = read.find(Table::rows, physical.view());
  if (!position) return fail(of_relation(position.error(), relation));
  if (!position->exact) {
    QW_TRY(verify_neighbours(*position, relation, overlay));
    return std::nullopt;
  }
  QW_ASSIGN_OR_RETURN(const RowParts row, read_row(position->at));
  if (physical.is_long() && row.key != key) return std::nullopt;
  return row.row;
}

// A damaged key may have left a range at the end where a scan of it begins; the scan sees the rest.
Result<void> verify_edge(KvRead& read, const Overlay& overlay, ObjectId relation,
                         const KeyRange& range, Direction direction) {
  const bool forward = direction == Direction::forward;
  if (forward ? range.lower.empty() : !range.upper) return {};
  const RowKey physical(relation, forward ? range.lower : *range.upper);
  const auto position = read.find(Table::rows, physical.view());
  if (!position) return fail(of_relation(position.error(), relation));
  return position->exact ? Result<void>() : verify_neighbours(*position, relation, overlay);
}

// The base's rows of the keys that `wanted` counts; they are ascending, mostly.
Result<void> get_base_many(KvRead& read, const Overlay& overlay, ObjectId relation,
                           std::span<const std::string_view> keys, std::span<const uint32_t> wanted,
                           std::span<std::optional<std::string_view>> out) {
  std::array<std::string_view, kBaseTogether> physical;
  std::array<KvEntry, kBaseTogether> entries;
  std::string bytes;
  for (size_t begin = 0; begin < wanted.size(); begin += kBaseTogether) {
    const auto part = wanted.subspan(begin, std::min(kBaseTogether, wanted.size() - begin));
    size_t size = 0;
    for (const uint32_t i : part) size += kObjectBytes + std::min(keys[i].size(), kRowKeyBytesMax);
    bytes.resize(size);
    char* to = bytes.data();
    for (size_t p = 0; p < part.size(); ++p) {
      // Of a long key what precedes its hash: found nowhere, so that get_base looks.
      const std::string_view key = keys[part[p]].substr(0, kRowKeyBytesMax);
      store_be<uint32_t>(to, relation.value);
      if (!key.empty()) std::memcpy(to + kObjectBytes, key.data(), key.size());
      physical[p] = {to, kObjectBytes + key.size()};
      to += physical[p].size();
    }
    read.find_many(Table::rows, {physical.data(), part.size()}, {entries.data(), part.size()});
    for (size_t p = 0; p < part.size(); ++p) {
      const uint32_t i = part[p];
      if (entries[p].key.empty() || keys[i].size() > kRowKeyBytesMax) {
        QW_ASSIGN_OR_RETURN(out[i], get_base(read, overlay, relation, keys[i]));
        continue;
      }
      QW_ASSIGN_OR_RETURN(const RowParts row, read_row(entries[p]));
      out[i] = row.row;
    }
  }
  return {};
}

// What the overlay says of a key: the row, or none.
std::optional<std::string_view> row_of(const Run::Entry& change) {
  return change.erased() ? std::nullopt : std::optional(change.row());
}

}  // namespace

std::optional<std::string> prefix_end(std::string_view prefix) {
  std::string end(prefix);
  while (!end.empty()) {
    const auto last = static_cast<unsigned char>(end.back());
    if (last != 0xFF) {
      end.back() = static_cast<char>(last + 1);
      return end;
    }
    end.pop_back();
  }
  return std::nullopt;
}

// -- Cursor

struct Cursor::Impl {
  std::shared_ptr<Snapshot::Impl> snapshot;
  Direction direction;
  std::optional<BaseCursor> base;
  RunCursor runs;

  size_t take_base(std::span<RowView> out) {
    const std::span<const RowView> ready = base->ready();
    const size_t count = std::min(ready.size(), out.size());
    std::copy_n(ready.begin(), count, out.begin());
    base->take(count);
    return count;
  }
  // Base rows that stand before the next change of the overlay.
  size_t take_base_before(std::string_view key, std::span<RowView> out) {
    const std::span<const RowView> ready = base->ready();
    size_t count = 0;
    while (count < ready.size() && count < out.size() &&
           (direction == Direction::forward ? ready[count].key < key : ready[count].key > key)) {
      out[count] = ready[count];
      ++count;
    }
    base->take(count);
    return count;
  }
};

Cursor::Cursor(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cursor::Cursor(Cursor&&) noexcept = default;
Cursor& Cursor::operator=(Cursor&&) noexcept = default;
Cursor::~Cursor() = default;

Result<size_t> Cursor::next(std::span<RowView> out) {
  Impl& self = *impl_;
  size_t count = 0;
  while (count < out.size()) {
    if (self.base) QW_TRY(self.base->fill());
    const bool base_ready = self.base && !self.base->ready().empty();
    const Run::Entry* change = self.runs.head();
    if (change == nullptr) {
      if (!base_ready) break;
      count += self.take_base(out.subspan(count));
      continue;
    }
    if (base_ready) {
      const size_t before = self.take_base_before(change->key(), out.subspan(count));
      count += before;
      if (before > 0) continue;  // refill or end before the change is looked at
      if (self.base->ready().front().key == change->key()) self.base->take(1);
    }
    if (!change->erased()) out[count++] = {change->key(), change->row()};
    self.runs.advance();
  }
  return count;
}

// -- Snapshot

Snapshot::Snapshot() = default;
Snapshot::Snapshot(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
Snapshot::Snapshot(Snapshot&&) noexcept = default;
Snapshot& Snapshot::operator=(Snapshot&&) noexcept = default;
Snapshot::~Snapshot() = default;

Epoch Snapshot::epoch() const { return impl_->epoch; }

Result<std::optional<std::string_view>> Snapshot::get(ObjectId relation,
                                                      std::string_view key) const {
  std::optional<std::string_view> row;
  QW_TRY(get_many(relation, {&key, 1}, {&row, 1}));
  return row;
}

Result<void> Snapshot::get_many(ObjectId relation, std::span<const std::string_view> keys,
                                std::span<std::optional<std::string_view>> out) const {
  QW_ASSERT(keys.size() == out.size());
  const RelationState* state = impl_->overlay->find(relation);
  if (state != nullptr && state->damaged) return fail(*state->damaged);
  // Few relations have more than a handful of runs; the list is built once per call.
  std::array<const Run*, 8> few;
  std::vector<RunPtr> held;
  std::vector<const Run*> many;
  size_t run_count = 0;
  const auto add = [&](const RunPtr& run) {
    if (run_count < few.size()) few[run_count] = run.get();
    ++run_count;
  };
  for (const auto& epoch : impl_->staged) {
    if (const auto* change = epoch->find(relation)) add(change->run);
  }
  if (state != nullptr) {
    for (const RunPtr& run : state->runs) add(run);
  }
  const bool has_base = state != nullptr && state->base_rows > 0;
  std::span<const Run* const> runs(few.data(), std::min(run_count, few.size()));
  if (run_count > few.size()) {
    held = impl_->runs_of(relation);
    for (const RunPtr& run : held) many.push_back(run.get());
    runs = many;
  }
  if (keys.size() < kTogetherMin) {
    for (size_t i = 0; i < keys.size(); ++i) {
      const Run::Entry* change = nullptr;
      for (size_t r = 0; r < runs.size() && change == nullptr; ++r) change = runs[r]->find(keys[i]);
      out[i] = change != nullptr ? row_of(*change) : std::nullopt;
      if (change != nullptr || !has_base) continue;
      QW_ASSIGN_OR_RETURN(out[i], get_base(*impl_->read, *impl_->overlay, relation, keys[i]));
    }
    return {};
  }
  std::array<uint64_t, kTogetherMax> hashes;
  std::array<const Run::Entry*, kTogetherMax> changes;
  std::vector<uint32_t> wanted;
  for (size_t begin = 0; begin < keys.size(); begin += kTogetherMax) {
    const auto part = keys.subspan(begin, std::min(kTogetherMax, keys.size() - begin));
    changes.fill(nullptr);
    wanted.resize(part.size());
    for (uint32_t i = 0; i < part.size(); ++i) {
      if (i + kAhead < part.size()) __builtin_prefetch(part[i + kAhead].data());
      wanted[i] = i;
      if (!runs.empty()) hashes[i] = Run::key_hash(part[i]);
    }
    for (size_t r = 0; r < runs.size() && !wanted.empty(); ++r) {
      runs[r]->find_many(part, hashes, wanted, changes);
    }
    const auto found = out.subspan(begin, part.size());
    for (size_t i = 0; i < part.size(); ++i) {
      found[i] = changes[i] != nullptr ? row_of(*changes[i]) : std::nullopt;
    }
    if (!has_base) continue;
    QW_TRY(get_base_many(*impl_->read, *impl_->overlay, relation, part, wanted, found));
  }
  return {};
}

Result<Cursor> Snapshot::scan(ObjectId relation, const KeyRange& range, Direction direction) const {
  std::optional<BaseCursor> base;
  const RelationState* state = impl_->overlay->find(relation);
  if (state != nullptr && state->damaged) return fail(*state->damaged);
  if (state != nullptr && state->base_rows > 0) {
    QW_TRY(verify_edge(*impl_->read, *impl_->overlay, relation, range, direction));
    QW_ASSIGN_OR_RETURN(
        base, BaseCursor::open(*impl_->read, relation, range, direction, state->base_rows));
  }
  return Cursor(std::make_unique<Cursor::Impl>(Cursor::Impl{
      impl_, direction, std::move(base), RunCursor(impl_->runs_of(relation), range, direction)}));
}

Result<MaterialisedRows> Snapshot::materialise(ObjectId relation, const KeyRange& range,
                                               size_t bytes_max) const {
  MaterialisedRows out;
  QW_ASSIGN_OR_RETURN(Cursor cursor, scan(relation, range));
  std::vector<RowView> batch(kCopyRows);
  size_t bytes = 0;
  for (size_t count = kCopyRows; count == kCopyRows;) {
    QW_ASSIGN_OR_RETURN(count, cursor.next(batch));
    for (size_t i = 0; i < count; ++i) {
      bytes += batch[i].key.size() + batch[i].row.size() + sizeof(RowView);
      if (bytes > bytes_max) {
        return fail(program_limit_exceeded(
            fmt::format("result too large to keep: more than {} bytes", bytes_max)));
      }
      out.rows.push_back({{out.bytes.copy(batch[i].key), batch[i].key.size()},
                          {out.bytes.copy(batch[i].row), batch[i].row.size()}});
    }
  }
  return out;
}

int64_t Snapshot::row_count(ObjectId relation) const {
  const RelationState* state = impl_->overlay->find(relation);
  int64_t rows = state == nullptr ? 0 : state->rows;
  for (const auto& epoch : impl_->staged) {
    if (const auto* change = epoch->find(relation)) rows += change->rows_added;
  }
  return rows;
}

int64_t Snapshot::copy_count(ObjectId relation) const {
  const RelationState* state = impl_->overlay->find(relation);
  int64_t copies = state == nullptr ? 0 : state->copies;
  for (const auto& epoch : impl_->staged) {
    if (const auto* change = epoch->find(relation)) copies += change->copies_added;
  }
  return copies;
}

uint64_t Snapshot::approximate_bytes(ObjectId relation) const {
  const RelationState* state = impl_->overlay->find(relation);
  return state == nullptr ? 0 : state->base_bytes + state->run_bytes();
}

Result<std::optional<std::string>> Snapshot::meta(std::string_view key) const {
  if (const auto& journaled = impl_->overlay->meta) {
    if (const auto it = journaled->find(std::string(key)); it != journaled->end()) {
      return it->second.empty() ? std::nullopt : std::optional(it->second);
    }
  }
  const std::string physical = meta_user_key(key);
  QW_ASSIGN_OR_RETURN(const auto value, impl_->read->get(Table::meta, physical));
  if (!value) return std::nullopt;
  QW_ASSIGN_OR_RETURN(const std::string_view bytes, read_meta(physical, *value));
  return std::string(bytes);
}

Result<std::vector<std::pair<std::string, std::string>>> Snapshot::meta_list(
    std::string_view prefix) const {
  const std::string from = meta_user_key(prefix);
  std::map<std::string, std::string> found;
  QW_ASSIGN_OR_RETURN(const auto cursor, impl_->read->cursor(Table::meta));
  QW_TRY(cursor->seek(from, Direction::forward));
  for (KvEntry entry;;) {
    QW_ASSIGN_OR_RETURN(const size_t count, cursor->next({&entry, 1}));
    if (count == 0 || !entry.key.starts_with(from)) break;
    QW_ASSIGN_OR_RETURN(const std::string_view bytes, read_meta(entry.key, entry.value));
    found.emplace(entry.key.substr(1), bytes);
  }
  if (const auto& journaled = impl_->overlay->meta) {
    for (const auto& [key, value] : *journaled) {
      if (key.starts_with(prefix)) found[key] = value;
    }
  }
  std::erase_if(found, [](const auto& entry) { return entry.second.empty(); });
  return std::vector<std::pair<std::string, std::string>>(found.begin(), found.end());
}

}  // namespace qw::storage
