// Sort and Limit of a query. A sort that feeds a limit keeps little more than the rows that can
// still be in the answer. Ties keep the order of the input. One thread. Tests:
// tests/unit/views/query_test.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "src/types/key_codec.h"
#include "views/query/stream.h"

namespace qw::views {

class SortStream final : public Stream {
 public:
  SortStream(QueryHost& host, const std::vector<sql::SortKey>& keys, std::vector<Type> types,
             StreamPtr input);
  Result<bool> next(Batch& out) override;
  void restart() override;
  // At most so many rows will be asked for.
  void keep_first(uint64_t rows) { wanted_ = rows; }
  void keep_all() { wanted_ = UINT64_MAX; }

 private:
  struct Row {
    uint64_t prefix;  // first bytes of the key, as a number
    std::string_view key, row;
    uint64_t order;
  };
  static bool less(const Row& a, const Row& b);
  Result<void> fill();
  void prune();

  std::vector<Type> types_;
  std::vector<uint32_t> key_columns_, all_columns_;
  KeyCodec keys_;
  RowCodec codec_;
  StreamPtr input_;
  std::vector<Row> rows_;
  Arena kept_, spare_, out_arena_, scratch_;
  uint64_t wanted_ = UINT64_MAX, order_ = 0;
  bool filled_ = false;
  size_t at_ = 0;
};

class LimitStream final : public Stream {
 public:
  // `sort`: when the input is one, it is told how many rows are wanted. `ties`: order columns for
  // WITH TIES, empty otherwise.
  LimitStream(QueryHost& host, std::optional<sql::Program> limit,
              std::optional<sql::Program> offset, StreamPtr input, SortStream* sort,
              std::vector<sql::SortKey> ties, std::span<const Type> types);
  Result<bool> next(Batch& out) override;
  void restart() override;

 private:
  Result<void> open();
  Result<std::optional<int64_t>> evaluate(const std::optional<sql::Program>& program,
                                          bool is_limit);

  std::optional<sql::Program> limit_program_, offset_program_;
  StreamPtr input_;
  SortStream* sort_;
  std::vector<uint32_t> tie_columns_;
  KeyCodec tie_codec_;
  bool open_ = false, done_ = false;
  uint64_t limit_ = UINT64_MAX, offset_ = 0;
  std::string last_key_;
  Arena arena_;
};

}  // namespace qw::views
