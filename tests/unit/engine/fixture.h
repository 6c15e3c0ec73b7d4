// Fixture: what the engine's tests share: relations and batches in short, and a database with
// sessions that answer in text.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "src/base/result.h"
#include "src/engine/relation_layout.h"
#include "src/engine/row_blocks.h"
#include "src/engine/row_buffer.h"
#include "src/quickwater.h"
#include "src/types/datum.h"
#include "src/types/text.h"
#include "tests/unit/engine/answers.h"

namespace qw::engine::test {

template <typename T>
T value_of(Result<T> result) {
  if (!result) FAIL(result.error().to_string());
  return std::move(*result);
}
inline void done(const Result<void>& result) {
  if (!result) FAIL(result.error().to_string());
}

// A relation (id int8, note text), keyed by id when `keyed`.
inline sql::Relation relation_of(ObjectId id, bool keyed, bool append_only = false) {
  sql::Relation relation;
  relation.id = id;
  relation.columns = {{"id", Type(TypeId::int8), keyed, ""},
                      {"note", Type(TypeId::text), false, ""}};
  if (keyed) relation.primary_key = {0};
  relation.append_only = append_only;
  return relation;
}

inline Schema row_schema() {
  return {{{"id", Type(TypeId::int8), true}, {"note", Type(TypeId::text), true}}};
}

using Row = std::pair<int64_t, std::string>;

// Rows as a batch; the bytes live as long as this does.
class Rows {
 public:
  explicit Rows(const std::vector<Row>& rows) : buffer_(row_schema()) {
    for (const auto& [id, note] : rows) buffer_.add_row({Datum::int8(id), Datum::text(note)});
    buffer_.next(batch);
    batch.rows = static_cast<uint32_t>(rows.size());
  }
  Batch batch;

 private:
  RowBuffer buffer_;
};

// What a relation holds, in key order.
inline std::string stored_text(const RelationLayout& layout, const storage::Snapshot& snapshot) {
  StoredRows rows(layout, value_of(snapshot.scan(layout.id())));
  Arena arena;
  Batch batch;
  std::string out;
  while (value_of(rows.next(layout.all_columns(), arena, batch))) {
    if (!out.empty()) out += ", ";
    out += text_of(batch);
  }
  return out;
}

// One client: runs text as the simple protocol does, one answer per call.
class Client {
 public:
  explicit Client(Database& database) : session_(value_of(database.connect({}))) {}

  Result<std::string> try_ask(std::string_view sql) { return answer_to(*session_, sql); }
  // Rows "a b, c d"; nothing for a statement without rows.
  std::string ask(std::string_view sql) {
    auto answer = try_ask(sql);
    if (!answer) FAIL(std::string(sql) << ": " << answer.error().to_string());
    return *answer;
  }
  // The SQLSTATE of a statement that must fail.
  std::string refused(std::string_view sql) {
    const auto answer = try_ask(sql);
    return answer ? "succeeded" : std::string(answer.error().code().view());
  }
  Session& session() { return *session_; }

 private:
  std::unique_ptr<Session> session_;
};

inline std::unique_ptr<Database> open_database(const std::filesystem::path& dir,
                                               uint64_t backfill_slice_rows = 0) {
  DatabaseOptions options;
  options.backfill_slice_rows = backfill_slice_rows;
  options.data_dir = dir.string();
  return value_of(Database::open(options));
}

inline std::unique_ptr<Database> ephemeral_database(uint64_t backfill_slice_rows = 0) {
  DatabaseOptions options;
  options.backfill_slice_rows = backfill_slice_rows;
  options.ephemeral = true;
  options.data_dir = std::filesystem::temp_directory_path().string();
  return value_of(Database::open(options));
}

}  // namespace qw::engine::test
