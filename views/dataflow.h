// Dataflow: all live views of a database as one graph of operators over deltas, stepped epoch by
// epoch.
//
//   begin_epoch(e, context)             then, any number of times, in any order and slicing:
//     push(relation, batch)             changes of base relations (tables, source tables)
//     hydrate(view, relation, batch)    existing rows for a view that is being made
//   finish_epoch()                      aggregates and the like emit; state log records are cut
//   take_records()                      what to commit with the epoch
//
// A view over a view is wired to it inside the graph: only base relations are pushed. Batches of
// one relation carry all of its columns in declaration order (a column no view needs may be a
// constant NULL). Row and error sinks are called during push, hydrate and finish_epoch; the same
// row may come with +1 and then with -1 within an epoch: whoever stores rows nets them.
//
// Making a view over existing data: add_view(), then feed each relation of to_hydrate() with all
// rows as of some epoch s (hydrate, +1 each, in slices, over as many epochs as one likes), then the
// deltas of that relation after s (hydrate again, with weights), then release() until it says true
// (more deltas may come between, see let_wait()), then go_live() between two epochs, from which on
// push() and views below reach it. Indexes of other views are live for the new view from the start;
// graph.h says where that is right.
//
// Recovery: add_view() for all views with the states they had, views below first; load_image() and
// apply_log() per state, load_rows() for those of output_states(); finish_recovery(). Nothing is
// emitted. A state that cannot be loaded breaks its views.
// Epoch thread only. Tests: tests/unit/views/dataflow_test.cc, tests/unit/views/oracle_test.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sql/function.h"
#include "sql/plan.h"
#include "src/base/error.h"
#include "src/base/ids.h"
#include "src/base/result.h"
#include "src/types/batch.h"

namespace qw::views {

// Receives the delta of one view; a batch is valid during the call.
class DeltaSink {
 public:
  DeltaSink() = default;
  DeltaSink(const DeltaSink&) = delete;
  DeltaSink& operator=(const DeltaSink&) = delete;
  virtual ~DeltaSink();
  virtual void push(const Batch& batch) = 0;
};

// Receives errors of rows, which are retractable data: the sum of weights per error is what a view
// has.
class ErrorSink {
 public:
  ErrorSink() = default;
  ErrorSink(const ErrorSink&) = delete;
  ErrorSink& operator=(const ErrorSink&) = delete;
  virtual ~ErrorSink();
  virtual void add(const Error& error, int64_t weight) = 0;
};

// For epochs whose views make so much that one had better be worked out after the other: nothing is
// to be pushed before finish_epoch(), which goes through the views, those behind what they read.
// What a view puts out does not go on to its readers by itself.
class ViewTurns {
 public:
  ViewTurns() = default;
  ViewTurns(const ViewTurns&) = delete;
  ViewTurns& operator=(const ViewTurns&) = delete;
  virtual ~ViewTurns();
  // Now all changes of what it reads are to be pushed, for it alone. First of all comes view 0:
  // what views that are gone have left to others.
  virtual void begin(ObjectId view) = 0;
  // Everything has been put out: to be pushed now if view 0 reads it.
  virtual void end(ObjectId view) = 0;
};

// One operator state as it lies in the store. `layout` is text that, with the plan, rebuilds it.
struct StateInfo {
  StateId id;
  std::string layout;
};

struct ViewSpec {
  ObjectId id;
  DeltaSink* rows = nullptr;    // must outlive the view
  ErrorSink* errors = nullptr;  // must outlive the view
  // The output is kept as long as the view, and comes back through load_rows(): a state that holds
  // nothing else needs no records.
  bool rows_kept = false;
  // Empty: a new view, to be hydrated. Else a view that existed: live at once, states to be loaded.
  bool recover = false;
  std::vector<StateInfo> states;  // recover: as add_view() returned them
};

// Log records of one state in one epoch: pieces hold whole records (storage::StateLog).
struct StateRecords {
  StateId state;
  std::vector<std::string> pieces;
};

struct StateStatus {
  StateId id;
  ObjectId view;  // 0 = an index shared by several views
  std::string layout;
  uint64_t rows = 0;  // entries held
  uint64_t bytes = 0;
  bool can_leave = false;  // memory, when there is a limit
};

class Dataflow {
 public:
  Dataflow();
  Dataflow(const Dataflow&) = delete;
  Dataflow& operator=(const Dataflow&) = delete;
  ~Dataflow();

  // Compiles `plan` (needed only during the call) into the graph. Returns the view's states in a
  // fixed order, to be kept with the view's definition; shared ones may occur in several views.
  // `allocate` gives fresh ids. 0A000 for plans that only reads can run.
  Result<std::vector<StateInfo>> add_view(const ViewSpec& spec, const sql::Plan& plan,
                                          const std::function<Result<StateId>()>& allocate);
  // Relations whose rows the new view must be fed, each once.
  std::vector<ObjectId> to_hydrate(ObjectId view) const;
  // Before the first hydrate(): the states that the view has made are not logged until
  // resume_log(), which gives them. From then on each of their partitions needs one image before
  // they can be recovered. Both between two epochs.
  void pause_log(ObjectId view);
  std::vector<StateId> resume_log(ObjectId view);
  bool logs(StateId state) const;
  void go_live(ObjectId view);
  // No live view may read it. Returns the states that nobody uses any more, to be dropped.
  std::vector<StateId> remove_view(ObjectId view);
  bool has_view(ObjectId view) const;
  // Whether any view (live ones) reads the relation directly: else push() is a no-op.
  bool reads(ObjectId relation) const;

  // `turns` must live until the epoch's end; null: rows of views go on to their readers at once.
  void begin_epoch(Epoch epoch, sql::EvalContext& context, ViewTurns* turns = nullptr);
  // To all that read the relation, or (in turns) to what one view reads of it.
  void push(ObjectId relation, const Batch& batch, std::optional<ObjectId> view = {});
  // Live views that read the relation directly, and 0.
  std::set<ObjectId> readers(ObjectId relation) const;
  bool reads(ObjectId relation, ObjectId view) const;
  void hydrate(ObjectId view, ObjectId relation, const Batch& batch);
  // Under a memory limit rows given to hydrate() may wait, over many epochs, so that each partition
  // of a state is brought once. From here on they may, or none may any more; REQUIRES for the
  // latter: none waits. In an epoch that gets deltas none may.
  void let_wait(ObjectId view, bool may);
  bool waits(ObjectId view) const;
  // Has rows worked on until none waits (true) or `enough`, asked every few milliseconds and told
  // how many rows it has been, says so.
  bool release(ObjectId view, const std::function<bool(uint64_t rows)>& enough = {});
  void finish_epoch();
  std::vector<StateRecords> take_records();

  // Not empty: the view met a state that cannot be (more rows taken away than there were, a counter
  // out of range) and gives no further output, nor does any view that reads it. It has to be made
  // again; the other views live on.
  std::optional<Error> broken(ObjectId view) const;
  // Breaks a view whose output its owner found to be wrong, and its readers.
  void break_view(ObjectId view, const Error& error);
  // Breaks the views that use a state which could not be brought back.
  void break_state(StateId state, const Error& error);
  // Views that broke since the last call, readers after what they read. What they have put out
  // since the epoch began is not to be kept.
  std::vector<ObjectId> take_broken();
  bool has_broken() const;

  // Images. Every state has kPartitions partitions; an image is valid for the epoch finished last.
  static constexpr uint32_t kPartitions = 64;
  std::vector<StateId> states() const;  // but output_states()
  // True when the partition has changed since its last image was written, or has none.
  bool image_is_stale(StateId state, uint32_t partition) const;
  uint64_t partition_bytes(StateId state, uint32_t partition) const;
  // An error breaks the views that use the state.
  Result<std::vector<std::string>> write_image(StateId state, uint32_t partition);

  // State beyond `bytes` goes to a file in `dir` (empty: the system's folder for temporary files),
  // as far as it can: see views/README.md. Before any view is added. 0: whatever can go goes after
  // each epoch. When states in memory exceed `bytes_max` for all that, the largest view breaks
  // (53200); while batches are worked on, one that is being made breaks also when the whole process
  // exceeds `process_max` and it has grown by a 32nd of that in this epoch.
  void limit_memory(uint64_t bytes, const std::filesystem::path& dir,
                    uint64_t bytes_max = UINT64_MAX, uint64_t process_max = UINT64_MAX);

  // Between two epochs, where there is a limit: from now on another one. What exceeds it goes.
  void change_limit(uint64_t bytes);

  // Recovery. Log records at or before a partition's image epoch are skipped by the state itself.
  Result<void> load_image(StateId state, uint32_t partition, Epoch image_epoch,
                          std::string_view bytes);
  Result<void> apply_log(StateId state, Epoch epoch, std::string_view bytes);
  // States that are the output of their view: recovered from its rows, of which `columns` are
  // wanted, in that order. A batch may have (positive) weights.
  struct OutputState {
    StateId state;
    ObjectId view;
    std::vector<uint32_t> columns;
  };
  std::vector<OutputState> output_states() const;
  void load_rows(StateId state, const Batch& batch);
  void finish_recovery(sql::EvalContext& context);
  // States that lie in one table and are brought back together. With `in_parts` that may be done
  // for some partitions at a time: recover_only(unit, mask), images and log of each state,
  // end_part(unit), and so on; what has no room goes out of memory meanwhile.
  struct RecoveryUnit {
    std::vector<StateId> states;
    bool in_parts = false;
  };
  std::vector<RecoveryUnit> recovery_units() const;
  void recover_only(const RecoveryUnit& unit, uint64_t partitions);
  void end_part(const RecoveryUnit& unit, sql::EvalContext& context);
  // 0 = none.
  uint64_t memory_limit() const;

  std::vector<StateStatus> status() const;
  // In memory, and in the file.
  uint64_t bytes() const;
  uint64_t spilled_bytes() const;
  // How often a few keys of a partition came instead of all.
  uint64_t loans() const;
  // A hash of the logical contents of a state, independent of its history. For tests and `check`.
  uint64_t state_hash(StateId state) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qw::views
