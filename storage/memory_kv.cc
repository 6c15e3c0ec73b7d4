// MemoryKv: see memory_kv.h.
#include "storage/memory_kv.h"

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "src/base/assert.h"
#include "src/base/limits.h"

namespace qw::storage {
namespace {

using Value = std::shared_ptr<std::string>;  // null = erased
struct Version {
  uint64_t version;
  Value value;
};
using Map = std::map<std::string, std::vector<Version>, std::less<>>;
using Changes = std::map<std::string, Value, std::less<>>;

const Value* visible(const std::vector<Version>& versions, uint64_t at) {
  for (auto version = versions.rbegin(); version != versions.rend(); ++version) {
    if (version->version <= at) return version->value ? &version->value : nullptr;
  }
  return nullptr;
}

}  // namespace

struct MemoryKv::Impl {
  mutable std::mutex mutex;
  std::array<Map, kTableCount> tables;  // guarded by mutex, as all below
  uint64_t version = 0;
  std::multiset<uint64_t> readers;
  bool writing = false;
  std::function<CommitFault(uint64_t)> fault;

  // The first visible entry >= key, or the last one < key.
  std::optional<KvEntry> at_or_after(Table table, std::string_view key, uint64_t at) const {
    const Map& map = tables[index_of(table)];
    for (auto it = map.lower_bound(key); it != map.end(); ++it) {
      if (const Value* value = visible(it->second, at)) return KvEntry{it->first, **value};
    }
    return std::nullopt;
  }
  std::optional<KvEntry> after(Table table, std::string_view key, uint64_t at) const {
    const Map& map = tables[index_of(table)];
    for (auto it = map.upper_bound(key); it != map.end(); ++it) {
      if (const Value* value = visible(it->second, at)) return KvEntry{it->first, **value};
    }
    return std::nullopt;
  }
  // An empty bound means the end of the table.
  std::optional<KvEntry> below(Table table, std::string_view key, uint64_t at) const {
    const Map& map = tables[index_of(table)];
    auto it = key.empty() ? map.end() : map.lower_bound(key);
    while (it != map.begin()) {
      --it;
      if (const Value* value = visible(it->second, at)) return KvEntry{it->first, **value};
    }
    return std::nullopt;
  }

  // Only keys that a commit touches are cleaned: enough to bound what piles up.
  void forget_old(std::vector<Version>& versions) const {
    const uint64_t oldest = readers.empty() ? version : *readers.begin();
    size_t keep = versions.size() - 1;
    while (keep > 0 && versions[keep].version > oldest) --keep;
    versions.erase(versions.begin(), versions.begin() + static_cast<std::ptrdiff_t>(keep));
  }

  void apply(std::array<Changes, kTableCount>& changes) {
    ++version;
    for (size_t i = 0; i < kTableCount; ++i) {
      for (auto& [key, value] : changes[i]) {
        auto it = tables[i].try_emplace(key).first;
        it->second.push_back({version, std::move(value)});
        forget_old(it->second);
        if (it->second.size() == 1 && !it->second[0].value) tables[i].erase(it);
      }
    }
  }
};

namespace {

using Impl = MemoryKv::Impl;

class MemoryCursor final : public KvCursor {
 public:
  MemoryCursor(std::shared_ptr<Impl> impl, Table table, uint64_t version)
      : impl_(std::move(impl)), table_(table), version_(version) {}

  Result<void> seek(std::string_view key, Direction direction) override {
    const std::lock_guard lock(impl_->mutex);
    direction_ = direction;
    head_ = direction == Direction::forward ? impl_->at_or_after(table_, key, version_)
                                            : impl_->below(table_, key, version_);
    return {};
  }

  Result<size_t> next(std::span<KvEntry> out) override {
    const std::lock_guard lock(impl_->mutex);
    size_t count = 0;
    while (count < out.size() && head_) {
      out[count++] = *head_;
      head_ = direction_ == Direction::forward ? impl_->after(table_, head_->key, version_)
                                               : impl_->below(table_, head_->key, version_);
    }
    return count;
  }

 private:
  std::shared_ptr<Impl> impl_;
  Table table_;
  uint64_t version_;
  Direction direction_ = Direction::forward;
  std::optional<KvEntry> head_;
};

class MemoryRead final : public KvRead {
 public:
  explicit MemoryRead(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) { take(); }
  ~MemoryRead() override { let_go(); }

  uint64_t version() const override { return version_; }

  Result<std::optional<std::string_view>> get(Table table, std::string_view key) override {
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->at_or_after(table, key, version_);
    if (!found || found->key != key) return std::nullopt;
    return found->value;
  }

  Result<KvPosition> find(Table table, std::string_view key) override {
    const std::lock_guard lock(impl_->mutex);
    KvPosition found;
    if (const auto at = impl_->at_or_after(table, key, version_)) {
      found.at = *at;
      found.exact = at->key == key;
      if (found.exact) return found;
    }
    if (const auto before = impl_->below(table, key, version_)) found.before = *before;
    return found;
  }

  Result<std::unique_ptr<KvCursor>> cursor(Table table) override {
    return std::make_unique<MemoryCursor>(impl_, table, version_);
  }

  void reset() override { let_go(); }
  Result<void> renew() override {
    take();
    return {};
  }

 private:
  void take() {
    const std::lock_guard lock(impl_->mutex);
    if (held_) return;
    version_ = impl_->version;
    impl_->readers.insert(version_);
    held_ = true;
  }
  void let_go() {
    const std::lock_guard lock(impl_->mutex);
    if (!held_) return;
    impl_->readers.erase(impl_->readers.find(version_));
    held_ = false;
  }

  std::shared_ptr<Impl> impl_;
  uint64_t version_ = 0;
  bool held_ = false;
};

class MemoryWrite final : public KvWrite {
 public:
  explicit MemoryWrite(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
  ~MemoryWrite() override {
    const std::lock_guard lock(impl_->mutex);
    if (!committed_) impl_->writing = false;
  }

  uint64_t version() const override {
    const std::lock_guard lock(impl_->mutex);
    return impl_->version + 1;
  }

  Result<std::optional<std::string_view>> get(Table table, std::string_view key) override {
    const Changes& changes = changes_[index_of(table)];
    if (const auto it = changes.find(key); it != changes.end()) {
      if (!it->second) return std::nullopt;
      return std::string_view(*it->second);
    }
    const std::lock_guard lock(impl_->mutex);
    const auto found = impl_->at_or_after(table, key, impl_->version);
    if (!found || found->key != key) return std::nullopt;
    return found->value;
  }

  Result<KvSlot> put(Table table, std::string_view key, size_t size, PutMode mode) override {
    QW_ASSERT(!key.empty() && key.size() <= limits::kStoreKeyBytesMax);
    KvSlot slot;
    if (mode == PutMode::append) {
      QW_ASSIGN_OR_RETURN(const auto last, last_below(table, {}));
      if (last && last->key >= key) return fail(internal_error("append before the last key"));
    } else {
      QW_ASSIGN_OR_RETURN(const auto old, get(table, key));
      if (old) slot.replaced = old->size();
    }
    Value value = std::make_shared<std::string>(size, '\0');
    slot.bytes = value->data();
    changes_[index_of(table)][std::string(key)] = std::move(value);
    return slot;
  }

  Result<std::optional<size_t>> erase(Table table, std::string_view key) override {
    QW_ASSIGN_OR_RETURN(const auto old, get(table, key));
    if (!old) return std::nullopt;
    const size_t size = old->size();
    changes_[index_of(table)][std::string(key)] = nullptr;
    return size;
  }

  Result<size_t> erase_while(Table table, std::string_view from, size_t count_max,
                             const std::function<bool(std::string_view)>& matches) override {
    size_t count = 0;
    std::string at(from);
    while (count < count_max) {
      const auto key = next_key(table, at);
      if (!key || !matches(*key)) break;
      changes_[index_of(table)][*key] = nullptr;
      at = *key;
      ++count;
    }
    return count;
  }

  Result<std::optional<KvEntry>> last_below(Table table, std::string_view bound) override {
    const Changes& changes = changes_[index_of(table)];
    auto changed = bound.empty() ? changes.end() : changes.lower_bound(bound);
    const std::lock_guard lock(impl_->mutex);
    auto stored = impl_->below(table, bound, impl_->version);
    while (changed != changes.begin()) {
      --changed;
      while (stored && stored->key > changed->first) {
        if (!changes.contains(stored->key)) return stored;
        stored = impl_->below(table, stored->key, impl_->version);
      }
      if (changed->second) return KvEntry{changed->first, *changed->second};
    }
    while (stored && changes.contains(stored->key)) {
      stored = impl_->below(table, stored->key, impl_->version);
    }
    return stored;
  }

  Result<void> commit() override {
    const std::lock_guard lock(impl_->mutex);
    QW_ASSERT(!committed_);
    committed_ = true;
    impl_->writing = false;
    const CommitFault fault = impl_->fault ? impl_->fault(impl_->version + 1) : CommitFault::none;
    if (fault == CommitFault::full) return fail(disk_full("injected full disk"));
    if (fault != CommitFault::lost) impl_->apply(changes_);
    if (fault != CommitFault::none) return fail(io_error("injected commit fault"));
    return {};
  }

 private:
  // The first key >= `from` as this transaction sees the table.
  std::optional<std::string> next_key(Table table, std::string_view from) const {
    const Changes& changes = changes_[index_of(table)];
    auto changed = changes.lower_bound(from);
    while (changed != changes.end() && !changed->second) ++changed;
    const std::lock_guard lock(impl_->mutex);
    auto stored = impl_->at_or_after(table, from, impl_->version);
    while (stored && changes.contains(stored->key)) {
      stored = impl_->after(table, stored->key, impl_->version);
    }
    if (changed == changes.end()) {
      return stored ? std::optional(std::string(stored->key)) : std::nullopt;
    }
    if (!stored || changed->first < stored->key) return changed->first;
    return std::string(stored->key);
  }

  std::shared_ptr<Impl> impl_;
  std::array<Changes, kTableCount> changes_;
  bool committed_ = false;
};

}  // namespace

MemoryKv::MemoryKv() : impl_(std::make_shared<Impl>()) {}
MemoryKv::~MemoryKv() = default;

void MemoryKv::set_fault(std::function<CommitFault(uint64_t)> fault) {
  const std::lock_guard lock(impl_->mutex);
  impl_->fault = std::move(fault);
}

bool MemoryKv::flip_bit(Table table, std::string_view key, size_t bit) {
  const std::lock_guard lock(impl_->mutex);
  Map& map = impl_->tables[index_of(table)];
  const auto it = map.find(key);
  if (it == map.end() || !it->second.back().value || it->second.back().value->empty()) return false;
  std::string& value = *it->second.back().value;
  char& byte = value[(bit / 8) % value.size()];
  byte = static_cast<char>(static_cast<unsigned char>(byte) ^ (1U << (bit % 8)));
  return true;
}

Result<std::unique_ptr<KvRead>> MemoryKv::begin_read() {
  return std::make_unique<MemoryRead>(impl_);
}

Result<std::unique_ptr<KvWrite>> MemoryKv::begin_write() {
  const std::lock_guard lock(impl_->mutex);
  QW_ASSERT(!impl_->writing);
  impl_->writing = true;
  return std::make_unique<MemoryWrite>(impl_);
}

Result<KvStats> MemoryKv::stats() {
  const std::lock_guard lock(impl_->mutex);
  KvStats out;
  for (size_t i = 0; i < kTableCount; ++i) {
    for (const auto& [key, versions] : impl_->tables[i]) {
      if (const Value* value = visible(versions, impl_->version)) {
        ++out.entries[i];
        out.bytes[i] += key.size() + (*value)->size();
      }
    }
    out.file_bytes += out.bytes[i];
  }
  out.readers = static_cast<uint32_t>(impl_->readers.size());
  return out;
}

Result<void> MemoryJournal::replay(Epoch last, const Visit& visit) {
  for (auto it = records_.upper_bound(last); it != records_.end(); ++it) {
    ++last.value;
    QW_ASSERT(it->first == last);
    QW_TRY(visit(it->first, it->second));
  }
  return {};
}

Result<bool> MemoryJournal::append(Epoch epoch, std::string_view record) {
  const CommitFault fault = fault_ ? fault_() : CommitFault::none;
  if (fault == CommitFault::full || records_.size() == kRecordsMax) return false;
  if (fault != CommitFault::lost) records_[epoch] = std::string(record);
  if (fault != CommitFault::none) return fail(io_error("injected commit fault"));
  return true;
}

Result<void> MemoryKv::copy_to(const std::string& dir) {
  return fail(feature_not_supported("copy of a store in memory to " + dir));
}

}  // namespace qw::storage
