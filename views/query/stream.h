// Stream: one operator of a run-once query, pulled: next() gives the next batch or false.
//
// Streams drive the operators of views/operators (OperatorStream); what only reads need (hash join
// with one side stored, sort, limit, apply, recursion) are streams of their own. restart() goes
// back to the beginning with nothing remembered, for the inner side of Apply and for recursion.
// Rows never have weights: whoever makes rows that occur several times repeats them.
// One thread. Tests: tests/unit/views/query_test.cc.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "src/base/memory_budget.h"
#include "views/operators/operator.h"
#include "views/program_maker.h"
#include "views/query.h"

namespace qw::views {

// The query as the host of its operators: the first error ends it.
class QueryHost final : public Host {
 public:
  sql::EvalContext& context() override { return *context_; }
  void row_error(const Error& error, int64_t) override { fail(error); }
  void fail(Error error) override {
    if (!failure_) failure_ = std::move(error);
  }
  bool failed() const override { return failure_.has_value(); }

  void start(sql::EvalContext& context, QuerySources& sources, const QueryLimits& limits) {
    context_ = &context;
    sources_ = &sources;
    limits_ = limits;
    failure_.reset();
  }
  // 57014, 53200, or the first row's error.
  Result<void> check() const;
  QuerySources& sources() { return *sources_; }
  const QueryLimits& limits() const { return limits_; }

 private:
  sql::EvalContext* context_ = nullptr;
  QuerySources* sources_ = nullptr;
  QueryLimits limits_;
  std::optional<Error> failure_;
};

class Stream {
 public:
  explicit Stream(QueryHost& host) : host_(host) {}
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream();
  // The batch is valid until the next call on this stream; it is never empty.
  virtual Result<bool> next(Batch& out) = 0;
  virtual void restart() = 0;

 protected:
  QueryHost& host() const { return host_; }
  // What the stream holds now beside its arenas, which count themselves. May throw.
  void holds(size_t bytes) { charge_.hold(bytes); }
  // Before state that must not be left half changed takes the batch in: throws when a few times of
  // what it weighs is not there.
  static void expect_room(const Batch& batch);

 private:
  QueryHost& host_;
  MemoryCharge charge_;
};
using StreamPtr = std::unique_ptr<Stream>;

// Repeats rows by their weight; batches without weights pass through.
class Repeater {
 public:
  // `batch` stays the caller's until next() has returned false.
  void set(const Batch& batch);
  bool next(Batch& out);

 private:
  Batch batch_;
  Arena arena_;
  bool plain_ = false, done_ = true;
  uint32_t at_ = 0;
  int64_t copies_ = 0;  // already given of the row at at_
};

class OperatorStream final : public Stream {
 public:
  // Inputs are drained one after the other into ports 0, 1, ...
  OperatorStream(QueryHost& host, std::unique_ptr<Operator> op, std::vector<StreamPtr> inputs)
      : Stream(host), op_(std::move(op)), inputs_(std::move(inputs)) {}
  Result<bool> next(Batch& out) override;
  void restart() override;

 private:
  void accept();
  void hold_states(std::span<State* const> states);

  std::unique_ptr<Operator> op_;
  std::vector<StreamPtr> inputs_;
  size_t input_ = 0;
  bool finished_ = false, producing_ = false;
  Batch in_, made_;
  Repeater repeater_;
};

class UnionStream final : public Stream {
 public:
  UnionStream(QueryHost& host, std::vector<StreamPtr> inputs)
      : Stream(host), inputs_(std::move(inputs)) {}
  Result<bool> next(Batch& out) override;
  void restart() override;

 private:
  std::vector<StreamPtr> inputs_;
  size_t input_ = 0;
};

// Rows packed in memory, in order: what sorts, recursion and caches keep.
class RowBuffer {
 public:
  // `first_block_bytes`: less for many small ones.
  explicit RowBuffer(std::vector<Type> types, size_t first_block_bytes = 64 << 10);
  void add(const Batch& batch);
  // Up to kBatchRowsMax rows from position `from`; the batch borrows from `arena` and the buffer.
  Batch batch(size_t from, Arena& arena) const;
  size_t size() const { return rows_.size(); }
  // With and without the arena, which counts itself.
  size_t bytes() const { return arena_.reserved_bytes() + list_bytes(); }
  size_t list_bytes() const { return rows_.capacity() * sizeof(std::string_view); }
  void clear();
  std::string_view row(size_t index) const { return rows_[index]; }
  const RowCodec& codec() const { return codec_; }

 private:
  RowCodec codec_;
  std::vector<uint32_t> columns_;
  Arena arena_;
  std::vector<std::string_view> rows_;
};

}  // namespace qw::views
