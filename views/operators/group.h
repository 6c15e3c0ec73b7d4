// GroupOperator: GROUP BY with aggregates, DISTINCT, EXCEPT and INTERSECT [ALL]: everything that
// counts rows per key and says at the end of an epoch what became of the keys it has touched.
//
//   slot: int64 rows of port 0, where there are two int64 rows of port 1, the state of each call
//
// The first touch of a slot in an epoch puts it on the dirty list with a copy of what it held; at
// the end each dirty slot yields its old row with -1 and its new row with +1, and nothing when they
// are equal. The copy takes the place of a "last emitted row" in every slot: memory goes to groups
// that change, not to all. Keys whose values have several spellings (1.0, 1.00) show the smallest
// one. Without group columns there is exactly one row, always. An aggregate that fails (sum out of
// range) makes its group an error of the view, retracted when the group changes.
// HOP groups whose calls can be put together (Accumulator::merges) are kept by pane, a slide of
// time: a row is counted once, and at the end of the epoch each changed pane is put together with
// its neighbours into the windows that it is in. Panes are taken one after the other: those before
// have their new state, those behind still their old one, so what a window is between two of them
// cancels.
//   record of the main state: '+', key (KeyEncoder), rows per port as zigzag varints, the entry's
//   number as a varint where DISTINCT calls need it, calls without bags | '-', key
// Epoch thread. Tests: tests/unit/views/aggregate_test.cc, tests/unit/views/oracle_test.cc.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "sql/plan.h"
#include "views/operators/accumulator.h"
#include "views/operators/bag.h"
#include "views/operators/distinct_gate.h"
#include "views/operators/operator.h"

namespace qw::views {

// How often a key's row is in the output, from its row counts on both ports.
enum class Multiplicity : uint8_t { group, except, except_all, intersect, intersect_all };

struct GroupSpec {
  std::vector<Type> input;
  std::vector<bool> not_null;  // per input column; empty = nothing is known
  std::vector<uint32_t> groups;
  std::vector<sql::AggregateCall> calls;
  Multiplicity multiplicity = Multiplicity::group;
  bool append_only = false;
  bool runs_once = false;   // a query: only rows that are there at the end are given out
  bool single_row = false;  // an aggregate without group columns: one row, always
  sql::Aggregate::Hop hop;  // a row counts in several windows
};

class GroupOperator final : public Operator {
 public:
  static Result<std::unique_ptr<GroupOperator>> make(Host& host, GroupSpec spec);
  ~GroupOperator() override;

  void accept(uint32_t port, const Batch& batch) override;
  bool produce(Batch& out) override;
  void finish() override;
  bool needs_finish() const override { return true; }
  void reset() override;
  std::vector<State*> states() override;
  size_t list_bytes() const override { return dirty_.capacity() * sizeof(Dirty); }
  void finish_recovery() override;
  Spillable* spillable() override { return &unit_; }

 private:
  GroupOperator(Host& host, GroupSpec spec);
  Result<void> add_calls();

  // The slots themselves, as a state.
  class Main final : public State {
   public:
    explicit Main(GroupOperator& owner) : owner_(owner) {}
    uint64_t rows() const override { return owner_.table_.size() + owner_.unit_.away(); }
    uint64_t bytes() const override { return owner_.table_.bytes() + owner_.hanging_; }
    std::string_view form() const override { return owner_.panes_ ? " of panes" : ""; }
    void log_slot(Entry* entry, bool erased);

   private:
    void dump(uint32_t partition, std::string& out, std::vector<std::string>& pieces) override;
    Result<void> replay(std::string_view records) override;
    void append_slot(std::string& out, Entry* entry) const;
    std::optional<uint32_t> read_slot(std::string_view& records, char* payload) const;
    struct Replayed;
    void put_back(Replayed& records);
    GroupOperator& owner_;
  };

  // Slots and bags by partitions. The sets of DISTINCT calls are not among them: their partitions
  // are others.
  class Unit final : public Spillable {
   public:
    explicit Unit(GroupOperator& owner) : owner_(owner) {}
    std::vector<State*> parts() override;
    KeyedTable& spilled_table() override { return owner_.table_; }
    // A row of a HOP group belongs to several partitions; without columns there is but one.
    bool can_spill() const override {
      return !owner_.spec_.groups.empty() && owner_.spec_.hop.count == 1;
    }
    const KeyEncoder& key_encoder() const override { return owner_.encoder_; }
    std::span<const uint32_t> key_columns(uint32_t) const override { return owner_.spec_.groups; }
    std::vector<Type> row_types(uint32_t) const override { return owner_.spec_.input; }
    uint64_t busy() const override { return owner_.dirty_partitions_; }
    uint64_t more_bytes(uint32_t partition) const override;
    uint64_t more_bytes() const override;
    void drop_entries(uint32_t partition) override;
    void restoring(uint32_t partition) override;
    void restored(uint32_t partition) override;
    // Groups that are out of memory.
    uint64_t away() const { return away_; }
    void clear() { away_ = 0; }

   private:
    GroupOperator& owner_;
    uint64_t away_ = 0, live_before_ = 0;
  };

  struct Call {
    std::unique_ptr<Accumulator> sum;  // either this
    std::unique_ptr<BagCall> bag;      // or this
    std::vector<uint32_t> arguments;
    std::optional<uint32_t> filter;
    bool count_rows = false;    // count(*): NULLs count
    bool is_row_count = false;  // it counts what the slot counts anyway
    bool keep_nulls = false;    // array_agg
    DistinctGate* gate = nullptr;
    uint32_t gate_filter = 0;
  };
  struct Dirty {
    Entry* entry;
    char* old;  // payload before the epoch; nullptr = the slot is new
  };
  // One row to give out: of which slot, old or new.
  struct Emission {
    const char* payload;
    KeyWords key;
    uint64_t hash;
    int64_t weight;
  };

  // Rows that count in calls with the same filter, taken out once per batch.
  struct Picked {
    std::optional<uint32_t> filter;
    uint16_t* rows = nullptr;    // physical
    uint16_t* live = nullptr;    // in the order of live rows
    int64_t* weights = nullptr;  // nullptr = +1 each
    Entry** entries = nullptr;
    uint32_t count = 0;
  };
  // The keys of `groups` in the window that begins `steps` slides earlier.
  KeyBatch earlier_keys(const Batch& batch, const KeyGroups& groups, uint32_t steps);
  // Keys of rows of group columns, their windows so many slides later.
  KeyBatch moved_keys(Batch groups, int64_t slides, Arena& arena) const;
  // The slots of `keys`.
  std::span<Entry* const> count_rows(uint32_t port, const Batch& batch, const KeyGroups& groups,
                                     const KeyBatch& keys, Entry** entries);
  void begin_gates(const Batch& batch, Entry* const* entries);
  const Picked& picked(const Call& call, const Batch& batch, Entry* const* entries);
  Picked without_nulls(const Picked& from, const Vector& argument, bool weighted);
  void update_call(Call& call, const Batch& batch, Entry* const* entries);
  void mark_dirty(Entry* entry);
  // Of what hangs on slots: not counted while it may change, then counted again.
  void begin_change(std::span<Entry* const> slots);
  void end_change(std::span<Entry* const> slots);
  size_t hanging_on(const Entry* entry) const;
  uint32_t ports() const { return spec_.multiplicity == Multiplicity::group ? 1 : 2; }
  static int64_t* rows_of(char* payload) { return reinterpret_cast<int64_t*>(payload); }
  static const int64_t* rows_of(const char* payload) {
    return reinterpret_cast<const int64_t*>(payload);
  }
  bool has_rows(const char* payload) const;
  bool has_negative_rows(const char* payload) const;
  int64_t multiplicity(const char* payload) const;
  bool check_counts();
  bool fail_counts();
  void fail_range() const;
  void emit(const char* payload, const KeyWords& key, uint64_t hash, int64_t weight);
  void collect(size_t from, size_t to);
  void collect_windows(size_t from, size_t to);
  void windows_of(size_t pane, const std::vector<KeyBatch>& keys, Entry* const* const* entries,
                  size_t at);
  const char* neighbour(const Entry* entry, size_t pane) const;
  void merge(char* into, const char* from) const;
  bool build(Batch& out);
  void drop_unchanged(const Batch& out, std::vector<bool>& keep) const;
  void end_step();
  void release_sums(char* payload);
  void release_payload(Entry* entry);
  template <typename Visit>
  void each_bag(Visit&& visit) const {
    for (const Call& call : calls_) {
      if (call.bag != nullptr) visit(*call.bag);
    }
    if (spelling_ != nullptr) visit(*spelling_);
  }
  void refresh_partition(uint32_t partition, Arena& arena);

  GroupSpec spec_;
  KeyEncoder encoder_;
  KeyedTable table_;
  std::vector<std::unique_ptr<DistinctGate>> gates_;
  std::vector<Call> calls_;
  std::vector<Accumulator*> sums_;          // of calls_: those with a state of their own
  std::vector<Accumulator*> hanging_sums_;  // of sums_: on whose states something may hang
  std::unique_ptr<BagCall> spelling_;
  std::vector<uint32_t> lossy_;  // positions in spec_.groups
  std::vector<Picked> picked_;   // of the batch being accepted
  uint32_t payload_bytes_ = 0;
  bool panes_ = false;
  Main main_{*this};
  Unit unit_{*this};

  Arena accept_arena_, epoch_arena_, out_arena_;
  std::vector<Dirty> dirty_;
  std::vector<Emission> emissions_;  // of the step being given out
  uint64_t dirty_partitions_ = 0;
  // Bytes that hang on slots: of all, of those of a partition.
  uint64_t hanging_ = 0;
  std::array<uint64_t, kPartitionCount> hanging_of_{};
  bool finishing_ = false;
  size_t next_dirty_ = 0;
  bool single_row_given_ = false;
  uint64_t emptied_ = 0;  // partitions in which a record left a slot without rows
  uint32_t last_number_ = 0;
};

}  // namespace qw::views
