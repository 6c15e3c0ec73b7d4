// Definitions: what exists, and every statement that changes it.
//
// Holds the current CatalogView (readers take it as a shared pointer) and writes changes through
// the protocol creating -> data in the store -> ready, so a crash or a cancel leaves nothing half
// made; what cannot be undone now, for lack of room, is undone before the next statement. One
// definition statement at a time (ddl_mutex_), except while a source takes its snapshot
// or a view is built: the names are taken, others go on. load() at start compiles the views again
// from their definitions and brings their state back. Internally synchronised. Tests: tests/e2e/,
// tests/sql/.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sql/ast.h"
#include "sql/binder.h"
#include "src/base/clock.h"
#include "src/engine/catalog_view.h"
#include "src/engine/epoch_loop.h"
#include "src/engine/source_host.h"
#include "src/quickwater.h"
#include "storage/catalog.h"
#include "storage/store.h"

namespace qw::engine {

// The statement's side of a long definition.
struct DdlContext {
  std::function<void(const Notice&)> notice;
  const std::atomic<bool>* cancelled = nullptr;
  void note(const std::string& message) const;
};

struct ViewProgress {
  ObjectId view;
  bool hydrated = false;
  uint64_t rows = 0;  // read so far while hydrating
};

class Definitions {
 public:
  using StoredBytes = std::map<StateId, uint64_t>;  // of a state, in images and log
  using MakeSource =
      std::function<Result<std::unique_ptr<ingest::Source>>(ingest::SourceConfig, Clock&)>;
  // `make_source`: in place of ingest::Source::create.
  Definitions(storage::Store& store, storage::Catalog& stored, EpochLoop& loop, SourceHost& sources,
              Clock& clock, MakeSource make_source = {});

  // Before the loop starts: sweeps what is half made, builds the catalogue, compiles views, loads
  // their state. Returns what the first epoch must drop from the store.
  Result<void> load();
  // After the loop has started.
  Result<void> finish_load();

  std::shared_ptr<const CatalogView> view() const;

  Result<void> create_schema(const std::string& name);
  Result<void> create_table(const sql::BoundCreateTable& table, const DdlContext& context);
  // `constraint`: it stands for UNIQUE of the table's definition.
  Result<void> create_index(const sql::BoundCreateIndex& index, bool constraint,
                            const DdlContext& context);
  // ALTER TABLE .. ADD PRIMARY KEY: the rows move under the new key.
  Result<void> add_primary_key(ObjectId table, const std::string& name,
                               const std::vector<uint32_t>& columns, const DdlContext& context);
  Result<void> create_view(sql::BoundCreateView view, const DdlContext& context);
  Result<void> create_secret(const std::string& schema, const std::string& name,
                             const std::string& value);
  Result<void> create_connection(const sql::ast::CreateConnection& statement,
                                 const std::string& schema, const std::string& text);
  // Connects, authenticates and disconnects. Takes no lock while it waits.
  Result<void> validate_connection(const sql::NamedObject& connection) const;
  Result<void> create_source(const sql::ast::CreateSource& statement, const std::string& schema,
                             const std::string& text, const DdlContext& context);
  // Drops what `find` finds in view(), where nothing changes meanwhile; dependents are refused
  // (2BP01) or dropped too.
  using FindToDrop = std::function<Result<std::vector<ObjectId>>()>;
  Result<void> drop(const FindToDrop& find, bool cascade, const DdlContext& context);
  // "table t", "materialized view v", "source s": for messages.
  static std::string describe(const sql::Catalog& catalog, ObjectId id);

  std::vector<ViewProgress> view_progress() const;

 private:
  using Change = std::function<void(sql::Catalog&)>;
  void publish(const Change& change);
  Result<void> load_object(const storage::CatalogObject& object, sql::Catalog& catalog);
  Result<void> load_index(const storage::CatalogObject& object, sql::Catalog& catalog);
  static storage::CatalogObject object_of(const sql::IndexInfo& index);
  // With ddl_mutex_ held.
  Result<void> make_index(sql::IndexInfo index, const DdlContext& context);
  Result<void> load_view(const storage::CatalogObject& object, sql::Relation& relation,
                         const sql::Catalog& catalog);
  // States that are brought back one after the other.
  struct Recovering {
    std::vector<StateId> states;
    uint64_t bytes = 0;  // to read
    std::vector<std::pair<StateId, Error>> failed;
  };
  void recover_states();
  std::set<StateId> recover_on_two_threads(const StoredBytes& stored);
  void recover_in_parts(const StoredBytes& stored, const std::set<StateId>& done);
  void recover(Recovering& group, uint64_t partitions);
  Result<void> recover_output(const views::Dataflow::OutputState& output);
  Result<sql::PlanPtr> plan_view(const std::string& definition, const sql::Catalog& catalog,
                                 const std::vector<sql::ColumnInfo>& columns);
  Result<std::vector<views::StateInfo>> build_view(const sql::Relation& relation,
                                                   const sql::Plan& plan,
                                                   const DdlContext& context);
  // Under ddl_mutex_: what was bound without it still stands.
  Result<void> check_name(const std::string& schema, const std::string& name) const;
  Result<void> check_there(const std::vector<ObjectId>& depends_on) const;
  Result<void> create_materialized_view(sql::BoundCreateView view, const DdlContext& context);
  Result<void> wait_with_progress(std::future<Result<void>> done, const DdlContext& context,
                                  const std::string& name, const std::atomic<uint64_t>& rows);
  // Takes ddl_mutex_, and forgets what earlier statements could not.
  Result<std::unique_lock<std::mutex>> begin_definition();
  // With ddl_mutex_ held: all that objects are outside of the stored catalogue, then there.
  Result<void> drop_data(const std::vector<ObjectId>& ids, const DdlContext& context);
  Result<void> forget(const std::vector<ObjectId>& ids);
  // With ddl_mutex_ held: takes back what a statement has made, and not marked ready, before it
  // failed.
  void undo(const std::vector<ObjectId>& ids, const DdlContext& context);
  // What of a source's configuration its statement does not say.
  void address(ingest::SourceConfig& config, ObjectId id) const;
  Result<bool> start_source(ObjectId id);
  Result<void> wait_for_snapshot(ObjectId id, const std::string& name, const DdlContext& context);
  Result<void> free_upstream(const storage::CatalogObject& object);

  storage::Store* store_;
  storage::Catalog* stored_;
  EpochLoop* loop_;
  SourceHost* sources_;
  Clock* clock_;
  const MakeSource make_source_;
  std::string database_id_;

  std::mutex ddl_mutex_;
  std::set<ObjectId> to_forget_;  // what there was no room to forget; guarded by ddl_mutex_
  mutable std::mutex view_mutex_;
  std::shared_ptr<const CatalogView> view_;                  // guarded by view_mutex_
  std::map<ObjectId, std::pair<bool, uint64_t>> hydration_;  // guarded by view_mutex_

  // load() to finish_load().
  std::vector<ObjectId> rebuild_;
  std::vector<ObjectId> dropped_relations_;
  std::vector<StateId> dropped_states_;
  std::vector<storage::CatalogObject> source_objects_, unfinished_sources_;
};

}  // namespace qw::engine
