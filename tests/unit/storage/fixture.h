// Fixture: a temporary directory, and short forms for epochs, that the storage tests share.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <list>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "src/base/result.h"
#include "storage/store.h"

namespace qw::storage::test {

class TempDir {
 public:
  TempDir() {
    std::string name = (std::filesystem::temp_directory_path() / "qw-storage-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// The value of a result that must be one.
template <typename T>
T value_of(Result<T> result) {
  if (!result) FAIL(result.error().to_string());
  return std::move(*result);
}
inline void done(const Result<void>& result) {
  if (!result) FAIL(result.error().to_string());
}

using Rows = std::map<std::string, std::string>;
using Changes = std::map<std::string, std::optional<std::string>>;

// An epoch under construction that owns the bytes it points to.
class EpochBuilder {
 public:
  explicit EpochBuilder(Epoch epoch) { write.epoch = epoch; }

  // Applies the changes to `model` as well, and counts added rows from it.
  void change(ObjectId relation, const Changes& changes, Rows& model) {
    RelationDelta delta;
    delta.relation = relation;
    for (const auto& [key, row] : owned.emplace_back(changes)) {
      const bool existed = model.contains(key);
      if (row) {
        delta.changes.push_back(RowChange::put(key, *row));
        delta.rows_added += existed ? 0 : 1;
        model[key] = *row;
      } else {
        delta.changes.push_back(RowChange::erase(key));
        delta.rows_added -= existed ? 1 : 0;
        model.erase(key);
      }
    }
    write.relations.push_back(std::move(delta));
  }

  EpochWrite write;
  std::list<Changes> owned;
};

inline std::vector<std::pair<std::string, std::string>> read_all(
    const Snapshot& snapshot, ObjectId relation, const KeyRange& range = {},
    Direction direction = Direction::forward, size_t batch = 7) {
  std::vector<std::pair<std::string, std::string>> out;
  Cursor cursor = value_of(snapshot.scan(relation, range, direction));
  std::vector<RowView> rows(batch);
  for (size_t count = batch; count == batch;) {
    count = value_of(cursor.next(rows));
    for (size_t i = 0; i < count; ++i) out.emplace_back(rows[i].key, rows[i].row);
  }
  return out;
}

}  // namespace qw::storage::test
