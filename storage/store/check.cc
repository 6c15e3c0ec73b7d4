// Check: reads everything that is stored and says what does not hold.
// Any thread. Tests: tests/unit/storage/corruption_test.cc.
#include <algorithm>

#include "storage/log/piece.h"
#include "storage/rows/base_cursor.h"
#include "storage/store/store_impl.h"

namespace qw::storage {
namespace {

constexpr size_t kEntries = 512;
constexpr size_t kFindingsMax = 1000;

class Checker {
 public:
  Checker(KvRead& read, std::vector<std::string>& findings) : read_(read), findings_(findings) {}

  void found(std::string text) {
    if (findings_.size() < kFindingsMax) findings_.push_back(std::move(text));
  }
  void found(const Error& error) { found(error.message()); }

  // Every entry of a table; `visit` returns an error for a bad one. Of a table whose pages are
  // damaged none: they may lead anywhere.
  template <typename Visit>
  void each(Table table, const Visit& visit) {
    if (auto verified = read_.verify(table); !verified) return found(verified.error());
    auto cursor = read_.cursor(table);
    if (!cursor) return found(cursor.error());
    if (auto sought = (*cursor)->seek({}, Direction::forward); !sought)
      return found(sought.error());
    std::vector<KvEntry> entries(kEntries);
    for (size_t count = kEntries; count == kEntries;) {
      auto more = (*cursor)->next(entries);
      if (!more) return found(more.error());
      count = *more;
      for (size_t i = 0; i < count; ++i) visit(entries[i]);
    }
  }

  void sealed(Table table, std::string_view name) {
    std::string last;
    each(table, [&](const KvEntry& entry) {
      if (!unseal(table, entry.key, entry.value)) found(fmt::format("{} entry is damaged", name));
      if (!last.empty() && entry.key <= last) found(fmt::format("{} is out of order", name));
      last = entry.key;
    });
  }

 private:
  KvRead& read_;
  std::vector<std::string>& findings_;
};

}  // namespace

Result<std::vector<std::string>> Store::check() const {
  std::vector<std::string> findings;
  std::unique_ptr<KvRead> read;
  std::vector<ObjectId> known;
  std::vector<std::pair<StateId, StateImages>> images;
  std::optional<Snapshot> snapshot;
  {
    const std::lock_guard lock(impl_->commit_mutex);
    QW_ASSIGN_OR_RETURN(read, impl_->kv->begin_read());
    QW_ASSIGN_OR_RETURN(snapshot, impl_->source->snapshot());
    images.assign(impl_->images.begin(), impl_->images.end());
    known.assign(impl_->dropping_relations.begin(), impl_->dropping_relations.end());
  }
  Checker checker(*read, findings);
  checker.sealed(Table::log, "log");
  checker.sealed(Table::image, "image");
  checker.sealed(Table::meta, "meta");
  for (const RelationPtr& relation : impl_->source->current()->relations) {
    known.push_back(relation->relation);
  }
  std::sort(known.begin(), known.end());
  ObjectId unknown;
  checker.each(Table::rows, [&](const KvEntry& entry) {
    if (auto row = read_row(entry); !row) return checker.found(row.error());
    const ObjectId relation = row_relation(entry.key);
    if (relation != unknown && !std::binary_search(known.begin(), known.end(), relation)) {
      unknown = relation;
      checker.found(fmt::format("rows of an unknown relation: {}", relation));
    }
  });
  // Counts: a full scan verifies the base's own, the merged view must have what the writer said.
  std::vector<RowView> rows(kEntries);
  for (const RelationStats& relation : relations()) {
    auto cursor = snapshot->scan(relation.relation);
    Result<size_t> count = cursor ? Result<size_t>(0) : fail(cursor.error());
    int64_t sum = 0;
    do {
      if (cursor) count = cursor->next(rows);
      if (count) sum += static_cast<int64_t>(*count);
    } while (count && *count == rows.size());
    if (!count) {
      checker.found(count.error());
    } else if (sum != snapshot->row_count(relation.relation)) {
      checker.found(fmt::format("relation {} has {} rows, its count says {}", relation.relation,
                                sum, snapshot->row_count(relation.relation)));
    }
  }
  for (const auto& [state, its_images] : images) {
    for (const auto& [partition, image] : its_images.partitions) {
      for (uint32_t chunk = 0; chunk < image.chunks; ++chunk) {
        const auto value = read->get(Table::image, ImageKey(state, partition, chunk).view());
        if (!value || !*value) {
          checker.found(
              fmt::format("image of state {} partition {} lacks a part", state, partition));
        }
      }
    }
  }
  return findings;
}

}  // namespace qw::storage
