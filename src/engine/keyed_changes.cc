// KeyedChanges: see keyed_changes.h.
#include "src/engine/keyed_changes.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <utility>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/prefetch.h"

namespace qw::engine {
namespace {

constexpr size_t kAhead = 16;  // entries of the log asked for before they are looked at

// Eight bytes of a key as a number that orders like them; missing bytes count as zero.
uint64_t key_bytes(std::string_view key, size_t from) {
  if (from + 8 <= key.size()) return load_be<uint64_t>(key.data() + from);
  uint64_t bytes = 0;
  for (size_t i = from; i < from + 8; i++) {
    bytes = bytes << 8U | (i < key.size() ? static_cast<unsigned char>(key[i]) : 0U);
  }
  return bytes;
}

size_t common_prefix(std::string_view a, std::string_view b, size_t at_most) {
  const size_t end = std::min({a.size(), b.size(), at_most});
  return static_cast<size_t>(
      std::mismatch(a.begin(), a.begin() + static_cast<ptrdiff_t>(end), b.begin()).first -
      a.begin());
}

// Stable, byte by byte from the lowest; bytes that are the same everywhere cost nothing but a look.
template <typename Ranked>
void radix_sort(std::vector<Ranked>& items) {
  uint64_t differ = 0;
  for (const Ranked& item : items) differ |= item.rank ^ items[0].rank;
  std::vector<Ranked> other(items.size());
  for (uint32_t shift = 0; shift < 64; shift += 8) {
    if ((differ >> shift & 0xffU) == 0) continue;
    std::array<uint32_t, 256> starts{};
    for (const Ranked& item : items) starts[item.rank >> shift & 0xffU]++;
    uint32_t at = 0;
    for (uint32_t& start : starts) at += std::exchange(start, at);
    for (const Ranked& item : items) other[starts[item.rank >> shift & 0xffU]++] = item;
    items.swap(other);
  }
}

}  // namespace

void KeyedChanges::begin(const storage::Snapshot& latest) {
  latest_ = &latest;
  indexed_ = false;
  ascending_ = true;
  last_key_.reset();
  log_.clear();
  seen_ = false;
  map_.clear();
  net_.clear();
}

void KeyedChanges::append_seen(std::string_view key, std::string_view before,
                               std::string_view after) {
  QW_ASSERT(!indexed_ && log_.empty());
  seen_ = true;
  last_key_ = key;
  if (!same_row(before, after)) net_.push_back({key, before, after});
}

void KeyedChanges::append(Op op, std::string_view key, std::string_view row) {
  QW_ASSERT(!indexed_ && !seen_);
  ascending_ = follows(key);
  last_key_ = key;
  log_.push_back({key, op == Op::remove ? kNoRow : row, op});
}

Result<void> KeyedChanges::index() {
  indexed_ = true;
  std::vector<std::string_view> unknown;
  for (const Net& change : net_) map_.emplace(change.key, Pending{change.before, change.after});
  net_.clear();
  for (const Entry& entry : log_) {
    const auto [where, fresh] = map_.try_emplace(entry.key, Pending{kNoRow, kNoRow});
    where->second.after = entry.row;
    if (fresh && entry.op != Op::insert) unknown.push_back(entry.key);
  }
  log_.clear();
  std::sort(unknown.begin(), unknown.end());
  std::vector<std::optional<std::string_view>> rows(unknown.size());
  QW_TRY(latest_->get_many(relation_, unknown, rows));
  for (size_t i = 0; i < unknown.size(); ++i) {
    if (rows[i]) at(unknown[i]).before = *rows[i];
  }
  return {};
}

Result<void> KeyedChanges::load(std::span<const std::string_view> keys, Arena& bytes) {
  if (!indexed_) QW_TRY(index());
  std::vector<std::string_view> missing;
  for (const std::string_view key : keys) {
    if (!map_.contains(key)) missing.push_back(key);
  }
  if (missing.empty()) return {};
  std::sort(missing.begin(), missing.end());
  missing.erase(std::unique(missing.begin(), missing.end()), missing.end());
  std::vector<std::optional<std::string_view>> rows(missing.size());
  QW_TRY(latest_->get_many(relation_, missing, rows));
  for (size_t i = 0; i < missing.size(); ++i) {
    const std::string_view row = rows[i] ? *rows[i] : kNoRow;
    map_.emplace(std::string_view(bytes.copy(missing[i]), missing[i].size()), Pending{row, row});
  }
  return {};
}

KeyedChanges::Pending& KeyedChanges::at(std::string_view key) {
  const auto found = map_.find(key);
  QW_ASSERT(found != map_.end());
  return found->second;
}

KeyedChanges::Pending& KeyedChanges::at_new(std::string_view key) {
  QW_ASSERT(indexed_);
  return map_.try_emplace(key, Pending{kNoRow, kNoRow}).first->second;
}

void KeyedChanges::erase_all() {
  QW_ASSERT(indexed_);
  for (auto& [key, change] : map_) change.after = kNoRow;
}

void KeyedChanges::erase_stored(std::string_view key, std::string_view row) {
  QW_ASSERT(indexed_);
  map_.emplace(key, Pending{row, kNoRow});
}

Result<std::span<const KeyedChanges::Net>> KeyedChanges::finish() {
  if (seen_ && !indexed_) return std::span<const Net>(net_);
  net_.clear();
  if (indexed_) {
    net_map();
  } else {
    QW_TRY(net_log());
  }
  return std::span<const Net>(net_);
}

void KeyedChanges::net_map() {
  for (const auto& [key, change] : map_) {
    if (!same_row(change.before, change.after)) net_.push_back({key, change.before, change.after});
  }
  std::sort(net_.begin(), net_.end(), [](const Net& a, const Net& b) { return a.key < b.key; });
}

// The log by key; entries of one key in their order.
std::vector<KeyedChanges::Ranked> KeyedChanges::sorted_log() const {
  QW_ASSERT(log_.size() <= UINT32_MAX);
  std::vector<Ranked> ranked(log_.size());
  if (ascending_) {
    for (uint32_t i = 0; i < ranked.size(); i++) ranked[i] = {i, i};
    return ranked;
  }
  const std::string_view first = log_[0].key;
  size_t prefix = first.size();
  bool one_size = true;
  for (const Entry& entry : log_) {
    prefix = common_prefix(first, entry.key, prefix);
    one_size = one_size && entry.key.size() == first.size();
  }
  for (uint32_t i = 0; i < ranked.size(); i++) ranked[i] = {key_bytes(log_[i].key, prefix), i};
  radix_sort(ranked);
  if (one_size && first.size() <= prefix + 8) return ranked;  // equal ranks are equal keys
  // What eight bytes do not tell apart: sorted by the whole key, and ranked anew.
  const auto rest = [&](size_t from, size_t end) {
    std::stable_sort(
        ranked.begin() + static_cast<ptrdiff_t>(from), ranked.begin() + static_cast<ptrdiff_t>(end),
        [&](const Ranked& a, const Ranked& b) { return log_[a.index].key < log_[b.index].key; });
  };
  uint64_t rank = 0;
  for (size_t from = 0; from < ranked.size();) {
    size_t end = from + 1;
    while (end < ranked.size() && ranked[end].rank == ranked[from].rank) end++;
    if (end - from > 1) rest(from, end);
    for (size_t i = from; i < end; i++) {
      const bool same = i > from && log_[ranked[i].index].key == log_[ranked[i - 1].index].key;
      if (!same) rank++;
      ranked[i].rank = rank;
    }
    from = end;
  }
  return ranked;
}

Result<void> KeyedChanges::net_log() {
  if (log_.empty()) return {};
  const std::vector<Ranked> order = sorted_log();
  net_.reserve(log_.size());
  std::vector<std::string_view> keys;
  std::vector<uint32_t> unknown;  // of net_: whose old row is to be read
  for (size_t from = 0; from < order.size();) {
    size_t end = from + 1;
    while (end < order.size() && order[end].rank == order[from].rank) end++;
    if (end + kAhead < order.size()) __builtin_prefetch(&log_[order[end + kAhead].index]);
    const Entry& first = log_[order[from].index];
    if (first.op != Op::insert) {
      unknown.push_back(static_cast<uint32_t>(net_.size()));
      keys.push_back(first.key);
    }
    net_.push_back({first.key, kNoRow, log_[order[end - 1].index].row});
    from = end;
  }
  std::vector<std::optional<std::string_view>> rows(keys.size());
  QW_TRY(latest_->get_many(relation_, keys, rows));
  for (size_t i = 0; i < keys.size(); i++) {
    if (rows[i]) net_[unknown[i]].before = *rows[i];
  }
  size_t kept = 0;
  for (size_t i = 0; i < net_.size(); i++) {
    if (i + kAhead < net_.size()) {
      prefetch_row(net_[i + kAhead].before);
      prefetch_row(net_[i + kAhead].after);
    }
    if (!same_row(net_[i].before, net_[i].after)) net_[kept++] = net_[i];
  }
  net_.resize(kept);
  return {};
}

}  // namespace qw::engine
