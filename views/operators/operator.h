// Operator: takes batches in on numbered ports and gives batches out, a virtual call per batch.
//
//   accept(port, batch)        then produce(out) until it returns false
//   finish()                   then produce(out) until it returns false
//
// In a live view finish() ends an epoch, in a run-once query the input. Output comes in batches of
// at most kBatchRowsMax rows, made one at a time, so that a change that touches millions of rows
// never lies in memory. The accepted batch must stay valid until produce() has returned false; the
// batch produced is valid until the next call on the operator. Epoch thread, or the thread of the
// query. Tests: tests/unit/views/operators_test.cc.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "sql/function.h"
#include "src/base/arena.h"
#include "src/base/error.h"
#include "src/base/memory_budget.h"
#include "src/types/batch.h"
#include "views/state/residency.h"
#include "views/state/state.h"

namespace qw::views {

// What surrounds an operator: the view it works for, or the query.
class Host {
 public:
  Host() = default;
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;
  virtual ~Host();
  virtual sql::EvalContext& context() = 0;
  // A row whose evaluation failed; it is dropped. Retracted by the same error with the weight
  // negated.
  virtual void row_error(const Error& error, int64_t weight) = 0;
  // The view cannot go on (see Dataflow::broken), the query ends.
  virtual void fail(Error error) = 0;
  virtual bool failed() const = 0;
  // What the memory of the work on its rows is asked of. Null: of nobody, or of the scope of the
  // query, where it throws.
  virtual std::shared_ptr<MemoryBudget> budget() const { return nullptr; }
  // A part of the limit can always be had: from now on again.
  void begin_epoch() { taken_.store(0, std::memory_order_relaxed); }

  // For what rows of a few bytes may make large: expressions, values made of a whole group. `work`
  // reads, and fills arenas and what it returns. False: there is not the memory for it, it was
  // given up, and the view has failed (53200).
  template <typename Work>
  bool within_memory(Work&& work) {
    std::shared_ptr<MemoryBudget> asked = budget();
    if (asked == nullptr) {
      work();
      return true;
    }
    return measured(std::move(asked), [&] { work(); });
  }

 private:
  bool measured(std::shared_ptr<MemoryBudget> budget, const std::function<void()>& work);
  std::atomic<uint64_t> taken_ = 0;  // recovery has two threads
};

class Operator {
 public:
  explicit Operator(Host& host) : host_(host) {}
  Operator(const Operator&) = delete;
  Operator& operator=(const Operator&) = delete;
  virtual ~Operator();

  virtual void accept(uint32_t port, const Batch& batch) = 0;
  virtual bool produce(Batch& out) = 0;
  virtual void finish() {}
  virtual bool needs_finish() const { return false; }
  // Queries: forgets everything, to run again.
  virtual void reset() {}
  // States in a fixed order.
  virtual std::vector<State*> states() { return {}; }
  // The state whose rows are the operator's output: column i of it is output column i.
  virtual RowState* output_state() { return nullptr; }
  // Lists that grow with the input of a query, beside states and arenas.
  virtual size_t list_bytes() const { return 0; }
  // After images and logs have been loaded: what was emitted before is what the states say.
  virtual void finish_recovery() {}

  // Of state that need not be in memory (see residency.h): its own; the index of another node that
  // a batch at this port looks into, by that node's key; and, between finish() and the end of
  // produce(), the partition of the indexes that the next call looks into, and the hashes of all
  // keys in it that this call and those after it will look for.
  virtual Spillable* spillable() { return nullptr; }
  virtual Spillable* probed(uint32_t) { return nullptr; }
  struct Wanted {
    std::array<Spillable*, 2> units;
    uint32_t partition;
  };
  virtual std::optional<Wanted> wanted() { return std::nullopt; }
  virtual std::vector<uint64_t> wanted_keys() { return {}; }

 protected:
  Host& host() const { return host_; }
  // Reports RowErrors and narrows the batch to the other rows.
  void drop_failed(Batch& batch, const Batch& input, sql::RowErrors& errors, Arena& arena);

 private:
  Host& host_;
};

// -1 when `product` does not fit: the host is told.
inline bool multiply_weights(int64_t a, int64_t b, int64_t& product) {
  return !__builtin_mul_overflow(a, b, &product);
}

}  // namespace qw::views
