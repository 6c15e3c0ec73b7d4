// BaseCursor: see base_cursor.h.
#include "storage/rows/base_cursor.h"

#include <algorithm>

#include "src/base/assert.h"

namespace qw::storage {
namespace {

constexpr size_t kFirstRawRows = 8;  // point-like ranges should not read far
constexpr size_t kRawRowsMax = 256;

std::string physical(ObjectId relation, std::string_view key) {
  std::string out;
  append_be<uint32_t>(out, relation.value);
  out += key;
  return out;
}

std::string_view payload(const KvEntry& entry) { return entry.key.substr(kObjectBytes); }

bool in_group(const KvEntry& entry) {
  return entry.key.size() >= kObjectBytes + kRowKeyPrefixBytes;
}

}  // namespace

Result<BaseCursor> BaseCursor::open(KvRead& read, ObjectId relation, const KeyRange& range,
                                    Direction direction, uint64_t count) {
  BaseCursor out;
  out.relation_ = relation;
  out.direction_ = direction;
  out.lower_ = range.lower;
  if (range.upper) out.upper_ = *range.upper;
  out.count_ = count;
  QW_ASSIGN_OR_RETURN(out.cursor_, read.cursor(Table::rows));
  // A bound inside a group of long keys starts at the group's edge; admit() leaves out the rest.
  std::string from;
  if (direction == Direction::forward) {
    from = physical(relation, range.lower.substr(0, kRowKeyPrefixBytes));
  } else if (range.upper && range.upper->size() <= kRowKeyPrefixBytes) {
    from = physical(relation, *range.upper);
  } else {
    const std::string edge =
        physical(relation, range.upper ? range.upper->substr(0, kRowKeyPrefixBytes) : "");
    from = prefix_end(edge).value_or("");
  }
  if (const auto sought = out.cursor_->seek(from, direction); !sought) {
    return fail(of_relation(sought.error(), relation));
  }
  out.raw_.resize(kFirstRawRows);
  return out;
}

Result<const KvEntry*> BaseCursor::peek() {
  if (raw_at_ == raw_count_) {
    if (raw_count_ != 0 && raw_count_ < raw_.size()) return nullptr;  // the table has ended
    if (raw_count_ != 0 && raw_.size() < kRawRowsMax) raw_.resize(raw_.size() * 4);
    raw_at_ = 0;
    const auto count = cursor_->next(raw_);
    if (!count) return fail(of_relation(count.error(), relation_));
    raw_count_ = *count;
    if (raw_count_ == 0) {
      raw_.resize(1);  // so that the next peek ends, too
      return nullptr;
    }
  }
  const KvEntry* entry = &raw_[raw_at_];
  if (entry->key.size() < kObjectBytes) return fail(damaged_row(relation_));
  return row_relation(entry->key) == relation_ ? entry : nullptr;
}

Result<void> BaseCursor::read_on() {
  rows_.clear();
  taken_ = 0;
  const size_t wanted = raw_.size();
  while (true) {
    QW_TRY(read_plain(wanted));
    if (rows_.size() >= wanted || ended_) return {};
    QW_ASSIGN_OR_RETURN(const KvEntry* entry, peek());
    if (entry == nullptr) return finish();
    if (in_group(*entry)) {
      const std::string_view prefix = payload(*entry).substr(0, kRowKeyPrefixBytes);
      QW_TRY(read_group(prefix));
      if (ended_) return {};
    }
  }
}

bool BaseCursor::in_order(std::string_view key) const {
  if (last_key_.data() == nullptr) return true;
  if (key.size() >= 8 && last_key_.size() >= 8) {
    const auto last = load_be<uint64_t>(last_key_.data()), next = load_be<uint64_t>(key.data());
    if (last != next) return (last < next) == (direction_ == Direction::forward);
  }
  return direction_ == Direction::forward ? last_key_ < key : last_key_ > key;
}

Result<void> BaseCursor::read_plain(size_t wanted) {
  const bool unbounded = lower_.empty() && !upper_;
  while (raw_at_ < raw_count_ && rows_.size() < wanted) {
    const KvEntry& entry = raw_[raw_at_];
    if (entry.key.size() < kObjectBytes || row_relation(entry.key) != relation_ ||
        in_group(entry)) {
      return {};
    }
    const auto row = unseal(Table::rows, entry.key, entry.value);
    const std::string_view key = payload(entry);
    if (!row || !in_order(key)) [[unlikely]]
      return fail(damaged_row(relation_));
    ++raw_at_;
    last_key_ = key;
    ++seen_;
    if (unbounded) {
      rows_.push_back({key, *row});
    } else if (!admit({key, *row})) {
      ended_ = true;
      return {};
    }
  }
  return {};
}

Result<void> BaseCursor::read_group(std::string_view prefix) {
  std::vector<RowParts> group;
  for (;;) {
    QW_ASSIGN_OR_RETURN(const KvEntry* entry, peek());
    if (entry == nullptr || !in_group(*entry) || !payload(*entry).starts_with(prefix)) break;
    QW_ASSIGN_OR_RETURN(const RowParts row, read_row(*entry));
    ++raw_at_;
    group.push_back(row);
  }
  std::sort(group.begin(), group.end(), [&](const RowParts& a, const RowParts& b) {
    return direction_ == Direction::forward ? a.key < b.key : a.key > b.key;
  });
  seen_ += group.size();
  last_key_ = group.back().key;
  for (const RowParts& row : group) {
    if (!admit(row)) {
      ended_ = true;
      return {};
    }
  }
  return {};
}

bool BaseCursor::admit(const RowParts& row) {
  const bool above = row.key >= lower_;
  const bool below = !upper_ || row.key < *upper_;
  if (above && below) rows_.push_back({row.key, row.row});
  return direction_ == Direction::forward ? below : above;
}

Result<void> BaseCursor::finish() {
  ended_ = true;
  if (lower_.empty() && !upper_ && seen_ != count_) {
    return fail(data_corrupted(
        fmt::format("stored rows are missing: relation {}: {} of {}", relation_, seen_, count_)));
  }
  return {};
}

}  // namespace qw::storage
