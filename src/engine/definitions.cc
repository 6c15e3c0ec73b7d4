// Definitions: see definitions.h.
#include "src/engine/definitions.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <future>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "sql/optimizer.h"
#include "sql/parser.h"
#include "src/base/assert.h"
#include "src/base/log.h"
#include "src/base/memory_budget.h"
#include "src/base/random.h"
#include "src/base/thread.h"
#include "src/engine/definition_codec.h"
#include "src/engine/row_blocks.h"
#include "src/engine/source_config.h"

namespace qw::engine {
namespace {

namespace ast = sql::ast;
using sql::RelationKind;
using NamedKind = sql::NamedObject::Kind;

constexpr std::string_view kDatabaseId = "database_id";

std::string kind_name(RelationKind kind) {
  switch (kind) {
    case RelationKind::table:
      return "table";
    case RelationKind::source_table:
      return "source_table";
    case RelationKind::view:
      return "view";
    case RelationKind::materialized_view:
      return "materialized_view";
    case RelationKind::system:
      break;
  }
  QW_UNREACHABLE();
}

std::string kind_name(NamedKind kind) {
  switch (kind) {
    case NamedKind::source:
      return "source";
    case NamedKind::connection:
      return "connection";
    case NamedKind::secret:
      return "secret";
  }
  QW_UNREACHABLE();
}

std::optional<RelationKind> relation_kind(const std::string& name) {
  for (const RelationKind kind : {RelationKind::table, RelationKind::source_table,
                                  RelationKind::view, RelationKind::materialized_view}) {
    if (kind_name(kind) == name) return kind;
  }
  return std::nullopt;
}

std::optional<NamedKind> named_kind(const std::string& name) {
  for (const NamedKind kind : {NamedKind::source, NamedKind::connection, NamedKind::secret}) {
    if (kind_name(kind) == name) return kind;
  }
  return std::nullopt;
}

std::string new_database_id() {
  static constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";
  uint64_t value = entropy_u64();
  std::string id;
  for (int i = 0; i < 10; ++i, value /= kDigits.size()) id += kDigits[value % kDigits.size()];
  return id;
}

constexpr std::string_view kIndexKind = "index";

Error dropped_meanwhile(const std::string& source) {
  return undefined_object(fmt::format("source \"{}\" was dropped while it was created", source));
}

void allow_everything(sql::BindContext& context) { context.user = "quickwater"; }

}  // namespace

void DdlContext::note(const std::string& message) const {
  if (notice) notice({"NOTICE", Error("00000", message)});
}

Definitions::Definitions(storage::Store& store, storage::Catalog& stored, EpochLoop& loop,
                         SourceHost& sources, Clock& clock, MakeSource make_source)
    : store_(&store),
      stored_(&stored),
      loop_(&loop),
      sources_(&sources),
      clock_(&clock),
      make_source_(make_source ? std::move(make_source) : ingest::Source::create) {}

std::shared_ptr<const CatalogView> Definitions::view() const {
  const std::lock_guard lock(view_mutex_);
  return view_;
}

std::vector<ViewProgress> Definitions::view_progress() const {
  const std::lock_guard lock(view_mutex_);
  std::vector<ViewProgress> out;
  for (const auto& [view, state] : hydration_) out.push_back({view, state.first, state.second});
  return out;
}

// Makes a changed copy of the catalogue and shows it to new statements.
void Definitions::publish(const Change& change) {
  const std::lock_guard lock(view_mutex_);
  auto catalog = std::make_shared<sql::Catalog>(*view_->catalog);
  change(*catalog);
  ++catalog->version;
  view_ = CatalogView::next(view_.get(), std::move(catalog));
}

// ---- start ------------------------------------------------------------------------------------

Result<void> Definitions::load() {
  ObjectId highest{};
  StateId highest_state{};
  for (const auto& stored : store_->relations()) highest = std::max(highest, stored.relation);
  for (const auto& stored : store_->states()) highest_state = std::max(highest_state, stored.state);
  QW_TRY(stored_->require_given_out(highest, highest_state));
  QW_ASSIGN_OR_RETURN(const auto known_id, stored_->setting(kDatabaseId));
  database_id_ = known_id.value_or(new_database_id());
  if (!known_id) QW_TRY(stored_->put_setting(kDatabaseId, database_id_));
  QW_ASSIGN_OR_RETURN(const auto swept,
                      stored_->sweep([](const storage::CatalogObject&) { return false; }));
  for (const storage::CatalogObject& object : swept) {
    if (object.kind == kind_name(NamedKind::source)) unfinished_sources_.push_back(object);
  }
  QW_ASSIGN_OR_RETURN(std::vector<storage::CatalogObject> objects, stored_->list());
  if (objects.empty()) {
    QW_ASSIGN_OR_RETURN(const ObjectId id, stored_->allocate_objects(1));
    storage::CatalogObject schema;
    schema.id = id;
    schema.kind = "schema";
    schema.name_class = "schema";
    schema.name = "public";
    QW_TRY(stored_->insert_creating({&schema, 1}));
    QW_TRY(stored_->mark_ready({&id, 1}, store_->epoch()));
    objects.push_back(schema);
  }
  auto catalog = std::make_shared<sql::Catalog>();
  for (const storage::CatalogObject& object : objects) {
    if (object.kind != kIndexKind) QW_TRY(load_object(object, *catalog));
  }
  // A table may be younger than its indexes, see add_primary_key().
  for (const storage::CatalogObject& object : objects) {
    if (object.kind == kIndexKind) QW_TRY(load_index(object, *catalog));
  }
  // Rows and states that belong to nothing any more: a definition that did not get to its end. What
  // the store holds is asked, not what was swept: the last start may have ended before its drops.
  for (const storage::RelationStats& stored : store_->relations()) {
    const ObjectId id = stored.relation;
    if (id == kViewErrors || catalog->relations.contains(id) || catalog->indexes.contains(id)) {
      continue;
    }
    dropped_relations_.push_back(id);
  }
  std::set<StateId> used;
  for (const StateId state : loop_->dataflow().states()) used.insert(state);
  for (const storage::StateStats& state : store_->states()) {
    if (!used.contains(state.state)) dropped_states_.push_back(state.state);
  }
  {
    const std::lock_guard lock(view_mutex_);
    view_ = CatalogView::next(nullptr, std::move(catalog));
  }
  for (const auto& [id, index] : view_->indexes) loop_->add_index(index);
  recover_states();
  return {};
}

Result<void> Definitions::load_object(const storage::CatalogObject& object, sql::Catalog& catalog) {
  if (object.kind == "schema") {
    catalog.schemas[object.name] = {object.id, object.name};
    return {};
  }
  if (const auto kind = named_kind(object.kind)) {
    sql::NamedObject named;
    named.id = object.id;
    named.kind = *kind;
    named.schema = object.schema;
    named.name = object.name;
    named.definition = object.definition;
    named.type = object.payload;
    named.depends_on = object.depends_on;
    catalog.objects[object.id] = std::move(named);
    if (*kind == NamedKind::source) source_objects_.push_back(object);
    return {};
  }
  const auto kind = relation_kind(object.kind);
  if (!kind) return fail(data_corrupted("unknown kind of catalogue object: " + object.kind));
  QW_ASSIGN_OR_RETURN(RelationPayload payload, decode_payload(object.payload));
  auto relation = std::make_shared<sql::Relation>(std::move(payload.relation));
  relation->id = object.id;
  relation->kind = *kind;
  relation->schema = object.schema;
  relation->name = object.name;
  relation->definition = object.definition;
  relation->depends_on = object.depends_on;
  if (is_stored(*kind)) {
    loop_->add_relation(std::make_shared<RelationLayout>(*relation));
    if (*kind == RelationKind::materialized_view) QW_TRY(load_view(object, *relation, catalog));
  }
  catalog.relations[object.id] = std::move(relation);
  return {};
}

Result<sql::PlanPtr> Definitions::plan_view(const std::string& definition,
                                            const sql::Catalog& catalog,
                                            const std::vector<sql::ColumnInfo>& columns) {
  QW_ASSIGN_OR_RETURN(const auto query, sql::parse_query(definition));
  const TextStyle style;
  const std::vector<std::string> no_path;
  sql::BindContext context{catalog, no_path, "", "quickwater", {}, style, 0, definition};
  allow_everything(context);
  QW_ASSIGN_OR_RETURN(sql::BoundStatement bound, sql::bind(*query, context));
  auto* select = bound.as<sql::BoundQuery>();
  QW_ASSERT(select != nullptr);
  for (size_t i = 0; i < columns.size(); ++i) {
    select->plan->schema.columns[i].name = columns[i].name;
  }
  return sql::optimize(std::move(select->plan), sql::OptimizeFor::view, catalog);
}

Result<void> Definitions::load_view(const storage::CatalogObject& object, sql::Relation& relation,
                                    const sql::Catalog& catalog) {
  QW_ASSIGN_OR_RETURN(const RelationPayload payload, decode_payload(object.payload));
  QW_ASSIGN_OR_RETURN(const sql::PlanPtr plan,
                      plan_view(object.definition, catalog, relation.columns));
  relation.plan = plan;
  views::ViewSpec spec;
  spec.id = object.id;
  spec.rows = loop_->view_rows(object.id);
  spec.errors = loop_->view_error_sink(object.id);
  spec.rows_kept = loop_->keeps_view_rows();
  spec.recover = true;
  spec.states = payload.states;
  auto added = loop_->dataflow().add_view(spec, *plan, [&]() -> Result<StateId> {
    return fail(internal_error("a view asked for a state that it did not have"));
  });
  if (!added) {
    return fail(
        std::move(added).error().in(fmt::format("materialized view \"{}\"", relation.name)));
  }
  const std::lock_guard lock(view_mutex_);
  hydration_[object.id] = {true, 0};
  return {};
}

namespace {

// Packed records take several times their size in memory, and more where they compress well.
constexpr double kMemoryPerStored = 4;
constexpr uint64_t kMeasuredBytesMin = 64 << 10;  // smaller states tell nothing of it
constexpr uint64_t kAllPartitions = ~uint64_t{0};

// A state that would not fit beside what is there already comes back some partitions at a time; the
// log is read each time.
uint32_t recovery_parts(uint64_t expected, const views::Dataflow& dataflow) {
  const uint64_t limit = dataflow.memory_limit(), there = dataflow.bytes();
  if (there + expected <= limit) return 1;
  const uint64_t room = std::max(limit / 4, expected / views::Dataflow::kPartitions);
  return static_cast<uint32_t>(std::clamp<uint64_t>(expected / std::max<uint64_t>(room, 1), 2,
                                                    views::Dataflow::kPartitions));
}

Definitions::StoredBytes stored_bytes(const storage::Store& store,
                                      const views::Dataflow& dataflow) {
  Definitions::StoredBytes bytes;
  for (const storage::StateStats& state : store.states()) {
    bytes[state.state] = state.image_bytes + state.log_bytes;
  }
  std::map<ObjectId, uint64_t> rows;
  for (const storage::RelationStats& relation : store.relations()) {
    rows[relation.relation] = relation.base_bytes + relation.overlay_bytes;
  }
  for (const auto& output : dataflow.output_states()) bytes[output.state] = rows[output.view];
  return bytes;
}

}  // namespace

void Definitions::recover_states() {
  views::Dataflow& dataflow = loop_->dataflow();
  const StoredBytes stored = stored_bytes(*store_, dataflow);
  uint64_t sum = 0;
  for (const auto& [state, bytes] : stored) sum += bytes;
  std::set<StateId> done;
  if (static_cast<double>(sum) * kMemoryPerStored <= static_cast<double>(dataflow.memory_limit())) {
    done = recover_on_two_threads(stored);
  }
  if (done.size() < dataflow.status().size()) recover_in_parts(stored, done);
  sql::EvalContext context;
  dataflow.finish_recovery(context);
}

// States of different views share nothing, so a second core brings back the half of them. Those of
// one view stay together: an operator may keep several in one table. Gives the states that are
// back: others are left when the process has grown too large.
std::set<StateId> Definitions::recover_on_two_threads(const StoredBytes& stored) {
  views::Dataflow& dataflow = loop_->dataflow();
  std::map<ObjectId, Recovering> by_view;
  std::vector<Recovering> groups;
  for (const views::StateStatus& state : dataflow.status()) {
    Recovering& group = state.view == ObjectId{} ? groups.emplace_back() : by_view[state.view];
    group.states.push_back(state.id);
    if (const auto found = stored.find(state.id); found != stored.end()) {
      group.bytes += found->second;
    }
  }
  for (auto& [view, group] : by_view) groups.push_back(std::move(group));
  std::stable_sort(groups.begin(), groups.end(),
                   [](const Recovering& a, const Recovering& b) { return a.bytes > b.bytes; });
  const uint64_t process_max = loop_->memory().process / 2;
  std::atomic<size_t> next = 0;
  const auto work = [&] {
    while (process_max == 0 || anonymous_memory() < process_max) {
      const size_t i = next++;
      if (i >= groups.size()) return;
      recover(groups[i], kAllPartitions);
    }
  };
  {
    Thread other;
    if (groups.size() > 1) other = Thread("qw-recover", work);
    work();
  }
  std::set<StateId> done;
  groups.resize(std::min(groups.size(), next.load()));
  for (const Recovering& group : groups) {
    done.insert(group.states.begin(), group.states.end());
    // What cannot be brought back breaks the views that need it; the others live on.
    for (const auto& [state, error] : group.failed) dataflow.break_state(state, error);
  }
  return done;
}

// Under a memory limit: one after the other, so that what is there can make room. `done` is there.
void Definitions::recover_in_parts(const StoredBytes& stored, const std::set<StateId>& done) {
  views::Dataflow& dataflow = loop_->dataflow();
  sql::EvalContext context;
  double memory_per_stored = kMemoryPerStored;
  const auto measure = [&](uint64_t before, uint64_t stored_part) {
    const uint64_t now = dataflow.bytes();
    if (now <= before || stored_part < kMeasuredBytesMin) return;
    memory_per_stored = std::max(
        memory_per_stored, static_cast<double>(now - before) / static_cast<double>(stored_part));
  };
  std::vector<std::pair<views::Dataflow::RecoveryUnit, Recovering>> left;
  std::vector<views::Dataflow::RecoveryUnit> there;
  uint64_t bytes_there = 0;
  for (auto& unit : dataflow.recovery_units()) {
    Recovering group;
    for (const StateId state : unit.states) {
      group.states.push_back(state);
      if (const auto found = stored.find(state); found != stored.end())
        group.bytes += found->second;
    }
    if (done.contains(unit.states.front())) {
      bytes_there += group.bytes;
      there.push_back(std::move(unit));
    } else {
      left.emplace_back(std::move(unit), std::move(group));
    }
  }
  measure(0, bytes_there);
  for (const auto& unit : there) dataflow.end_part(unit, context);
  for (auto& [unit, group] : left) {
    const auto expected =
        static_cast<uint64_t>(static_cast<double>(group.bytes) * memory_per_stored);
    const uint32_t parts = unit.in_parts ? recovery_parts(expected, dataflow) : 1;
    for (uint32_t part = 0; part < parts; ++part) {
      uint64_t partitions = 0;
      for (uint32_t p = part; p < views::Dataflow::kPartitions; p += parts) {
        partitions |= uint64_t{1} << p;
      }
      if (parts > 1) dataflow.recover_only(unit, partitions);
      const uint64_t before = dataflow.bytes();
      recover(group, partitions);
      for (const auto& [state, error] : group.failed) dataflow.break_state(state, error);
      group.failed.clear();
      measure(before, group.bytes / parts);
      dataflow.end_part(unit, context);
    }
  }
}

void Definitions::recover(Recovering& group, uint64_t partitions) {
  views::Dataflow& dataflow = loop_->dataflow();
  const auto outputs = dataflow.output_states();
  for (const StateId state : group.states) {
    const auto output = std::find_if(outputs.begin(), outputs.end(),
                                     [&](const auto& known) { return known.state == state; });
    if (output != outputs.end()) {
      if (const auto loaded = recover_output(*output); !loaded) {
        group.failed.emplace_back(state, loaded.error());
      }
      continue;
    }
    const auto recovered = store_->recover_state(
        state,
        [&](uint32_t partition, Epoch epoch, std::string_view bytes) {
          return dataflow.load_image(state, partition, epoch, bytes);
        },
        [&](Epoch epoch, std::string_view bytes) {
          return dataflow.apply_log(state, epoch, bytes);
        },
        partitions);
    if (!recovered) group.failed.emplace_back(state, recovered.error());
  }
}

Result<void> Definitions::recover_output(const views::Dataflow::OutputState& output) {
  const auto layout = loop_->layout(output.view);
  QW_ASSIGN_OR_RETURN(const storage::Snapshot snapshot, store_->snapshot());
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, snapshot.scan(output.view));
  StoredRows rows(*layout, std::move(cursor));
  Arena arena;
  while (true) {
    arena.reset();
    Batch batch;
    QW_ASSIGN_OR_RETURN(const bool more, rows.next(output.columns, arena, batch));
    if (!more) return {};
    loop_->dataflow().load_rows(output.state, batch);
  }
}

Result<void> Definitions::finish_load() {
  // The first epoch drops what is half made and writes down which views could not be recovered. On
  // a disk without room there is no start: nobody would know why it takes so long.
  auto first = loop_->exclusive_later([&]() -> Result<void> {
    if (dropped_relations_.empty() && dropped_states_.empty() && !loop_->has_news()) return {};
    EpochLoop::Extra extra;
    extra.dropped_relations = dropped_relations_;
    extra.dropped_states = dropped_states_;
    return loop_->run_epoch(std::move(extra));
  });
  while (first.wait_for(std::chrono::milliseconds(10)) != std::future_status::ready) {
    if (!loop_->no_room()) continue;
    loop_->begin_stop();
    break;
  }
  QW_TRY(first.get());
  for (const storage::CatalogObject& object : source_objects_) {
    if (auto started = start_source(object.id); !started) {
      log::warn("source {}: {}", object.name, started.error().to_string());
      sources_->refuse(object.id, object.name, started.error());
    }
  }
  source_objects_.clear();
  for (const storage::CatalogObject& object : unfinished_sources_) {
    if (auto freed = free_upstream(object); !freed) {
      log::warn("unfinished source {}: {}", object.name, freed.error().to_string());
    }
  }
  unfinished_sources_.clear();
  return {};
}

void Definitions::address(ingest::SourceConfig& config, ObjectId id) const {
  config.id = id;
  config.database_id = database_id_;
  config.read_ahead_bytes = loop_->memory().queue;
}

// A source whose CREATE or DROP did not get to its end may have left a slot upstream.
Result<void> Definitions::free_upstream(const storage::CatalogObject& object) {
  QW_ASSIGN_OR_RETURN(const auto parsed, sql::parse(object.definition));
  QW_ASSIGN_OR_RETURN(
      SourceParts parts,
      make_source_config(parsed.at(0).statement->as<ast::CreateSource>(), *view()->catalog,
                         *stored_, object.schema, object.depends_on));
  address(parts.config, object.id);
  QW_ASSIGN_OR_RETURN(auto source, make_source_(std::move(parts.config), *clock_));
  sources_->drop_later(object.name, std::move(source));
  return {};
}

// ---- simple definitions -----------------------------------------------------------------------

Result<void> Definitions::create_schema(const std::string& name) {
  QW_ASSIGN_OR_RETURN(const auto lock, begin_definition());
  if (view()->catalog->schema_exists(name)) {
    return fail(duplicate_schema(fmt::format("schema \"{}\" already exists", name)));
  }
  storage::CatalogObject object;
  QW_ASSIGN_OR_RETURN(object.id, stored_->allocate_objects(1));
  object.kind = "schema";
  object.name_class = "schema";
  object.name = name;
  QW_TRY(stored_->insert_creating({&object, 1}));
  if (auto ready = stored_->mark_ready({&object.id, 1}, store_->epoch()); !ready) {
    undo({object.id}, {});
    return ready;
  }
  publish([&](sql::Catalog& catalog) { catalog.schemas[name] = {object.id, name}; });
  return {};
}

Result<void> Definitions::check_name(const std::string& schema, const std::string& name) const {
  if (view()->catalog->find(schema, name) == nullptr) return {};
  return fail(duplicate_table(fmt::format("relation \"{}\" already exists", name)));
}

Result<void> Definitions::check_there(const std::vector<ObjectId>& depends_on) const {
  const auto current = view();
  for (const ObjectId id : depends_on) {
    if (current->catalog->relations.contains(id) || current->catalog->objects.contains(id))
      continue;
    return fail(undefined_table("a relation of the query was dropped meanwhile"));
  }
  return {};
}

Result<void> Definitions::create_table(const sql::BoundCreateTable& table,
                                       const DdlContext& context) {
  QW_ASSIGN_OR_RETURN(const auto lock, begin_definition());
  QW_TRY(check_name(table.schema, table.name));
  RelationPayload payload;
  sql::Relation& relation = payload.relation;
  const auto count = static_cast<uint32_t>(1 + table.keys.size());
  QW_ASSIGN_OR_RETURN(relation.id, stored_->allocate_objects(count));
  relation.kind = RelationKind::table;
  relation.schema = table.schema;
  relation.name = table.name;
  relation.columns = table.columns;
  std::vector<sql::IndexInfo> indexes;
  for (const sql::BoundKey& key : table.keys) {
    if (key.primary) {
      relation.primary_key = key.columns;
      relation.primary_key_name = key.name;
      relation.unique_keys.push_back(key.columns);
      continue;
    }
    sql::IndexInfo& index = indexes.emplace_back();
    index.id = ObjectId{relation.id.value + static_cast<uint32_t>(indexes.size())};
    index.relation = relation.id;
    index.schema = relation.schema;
    index.name = key.name;
    index.columns = key.columns;
    index.orders.resize(key.columns.size());
    index.unique = index.constraint = true;
  }
  std::vector<storage::CatalogObject> objects(1);
  objects[0].id = relation.id;
  objects[0].kind = kind_name(relation.kind);
  objects[0].schema = relation.schema;
  objects[0].name = relation.name;
  objects[0].payload = encode_payload(payload);
  for (const sql::IndexInfo& index : indexes) objects.push_back(object_of(index));
  QW_TRY(stored_->insert_creating(objects));
  std::vector<ObjectId> ids;
  for (const storage::CatalogObject& object : objects) ids.push_back(object.id);
  const auto layout = std::make_shared<const RelationLayout>(relation);
  // Ready together: a table without its constraints is not what was asked for.
  auto added = loop_->exclusive([&] {
    loop_->add_relation(layout);
    for (const sql::IndexInfo& index : indexes) {
      loop_->add_index(std::make_shared<const SecondaryIndex>(index, relation, layout));
    }
    return Result<void>();
  });
  if (added) added = stored_->mark_ready(ids, store_->epoch());
  if (!added) {
    undo(ids, context);
    return added;
  }
  publish([&](sql::Catalog& catalog) {
    catalog.relations[relation.id] = std::make_shared<sql::Relation>(relation);
    for (const sql::IndexInfo& index : indexes) catalog.indexes[index.id] = index;
  });
  return {};
}

Result<void> Definitions::create_secret(const std::string& schema, const std::string& name,
                                        const std::string& value) {
  QW_ASSIGN_OR_RETURN(const auto lock, begin_definition());
  if (view()->catalog->find_object(NamedKind::secret, schema, name) != nullptr) {
    return fail(duplicate_object(fmt::format("secret \"{}\" already exists", name)));
  }
  storage::CatalogObject object;
  QW_ASSIGN_OR_RETURN(object.id, stored_->allocate_objects(1));
  object.kind = kind_name(NamedKind::secret);
  object.name_class = object.kind;
  object.schema = schema;
  object.name = name;
  QW_TRY(stored_->insert_creating({&object, 1}));
  auto kept = stored_->put_secret(object.id, value);
  if (kept) kept = stored_->mark_ready({&object.id, 1}, store_->epoch());
  if (!kept) {
    undo({object.id}, {});
    return kept;
  }
  publish([&](sql::Catalog& catalog) {
    catalog.objects[object.id] = {object.id, NamedKind::secret, schema, name, "", "", {}};
  });
  return {};
}

Result<void> Definitions::create_connection(const ast::CreateConnection& statement,
                                            const std::string& schema, const std::string& text) {
  QW_ASSIGN_OR_RETURN(const auto lock, begin_definition());
  const auto current = view();
  const std::string& name = statement.name.name;
  if (current->catalog->find_object(NamedKind::connection, schema, name) != nullptr) {
    return fail(duplicate_object(fmt::format("connection \"{}\" already exists", name)));
  }
  storage::CatalogObject object;
  QW_ASSIGN_OR_RETURN(object.depends_on,
                      connection_dependencies(statement, *current->catalog, schema));
  QW_ASSIGN_OR_RETURN(
      const ingest::SourceConfig config,
      make_connection_config(statement, *current->catalog, *stored_, schema, object.depends_on));
  QW_TRY(ingest::check_connection(config));
  QW_ASSIGN_OR_RETURN(object.id, stored_->allocate_objects(1));
  object.kind = kind_name(NamedKind::connection);
  object.name_class = object.kind;
  object.schema = schema;
  object.name = name;
  object.definition = text;
  object.payload = statement.type;
  QW_TRY(stored_->insert_creating({&object, 1}));
  if (auto ready = stored_->mark_ready({&object.id, 1}, store_->epoch()); !ready) {
    undo({object.id}, {});
    return ready;
  }
  publish([&](sql::Catalog& catalog) {
    catalog.objects[object.id] = {object.id, NamedKind::connection, schema, name, statement.type,
                                  text,      object.depends_on};
  });
  return {};
}

Result<void> Definitions::validate_connection(const sql::NamedObject& connection) const {
  QW_ASSIGN_OR_RETURN(const auto parsed, sql::parse(connection.definition));
  QW_ASSIGN_OR_RETURN(
      const ingest::SourceConfig config,
      make_connection_config(parsed.at(0).statement->as<ast::CreateConnection>(), *view()->catalog,
                             *stored_, connection.schema, connection.depends_on));
  return ingest::try_connection(config);
}

// ---- views ------------------------------------------------------------------------------------

Result<void> Definitions::create_view(sql::BoundCreateView view, const DdlContext& context) {
  if (view.materialized) return create_materialized_view(std::move(view), context);
  QW_ASSIGN_OR_RETURN(const auto lock, begin_definition());
  RelationPayload payload;
  sql::Relation& relation = payload.relation;
  relation.kind = RelationKind::view;
  relation.schema = view.schema;
  relation.name = view.name;
  relation.columns = view.columns;
  relation.definition = view.definition;
  relation.depends_on = view.depends_on;
  const sql::Relation* replaced =
      view.or_replace ? this->view()->catalog->find(view.schema, view.name) : nullptr;
  if (replaced == nullptr) QW_TRY(check_name(view.schema, view.name));
  QW_TRY(check_there(view.depends_on));
  storage::CatalogObject object;
  object.kind = kind_name(relation.kind);
  object.schema = relation.schema;
  object.name = relation.name;
  object.definition = relation.definition;
  object.depends_on = relation.depends_on;
  if (replaced != nullptr) {
    object.id = relation.id = replaced->id;
    object.payload = encode_payload(payload);
    QW_TRY(stored_->update(object));
  } else {
    QW_ASSIGN_OR_RETURN(relation.id, stored_->allocate_objects(1));
    object.id = relation.id;
    object.payload = encode_payload(payload);
    QW_TRY(stored_->insert_creating({&object, 1}));
    if (auto ready = stored_->mark_ready({&object.id, 1}, store_->epoch()); !ready) {
      undo({object.id}, context);
      return ready;
    }
  }
  publish([&](sql::Catalog& catalog) {
    catalog.relations[relation.id] = std::make_shared<sql::Relation>(relation);
  });
  return {};
}

Result<void> Definitions::create_materialized_view(sql::BoundCreateView view,
                                                   const DdlContext& context) {
  QW_ASSIGN_OR_RETURN(auto lock, begin_definition());
  QW_TRY(check_name(view.schema, view.name));
  QW_TRY(check_there(view.depends_on));
  RelationPayload payload;
  sql::Relation& relation = payload.relation;
  // The plan comes from the text that every later start will see.
  QW_ASSIGN_OR_RETURN(const sql::PlanPtr plan,
                      plan_view(view.definition, *this->view()->catalog, view.columns));
  QW_ASSIGN_OR_RETURN(relation.id, stored_->allocate_objects(1));
  relation.kind = RelationKind::materialized_view;
  relation.schema = view.schema;
  relation.name = view.name;
  relation.columns = view.columns;
  relation.definition = view.definition;
  relation.depends_on = view.depends_on;
  relation.append_only = plan->properties.append_only;
  relation.unique_keys = plan->properties.unique_keys;
  relation.monotone = plan->properties.monotone;
  relation.plan = plan;
  relation.ready = false;
  storage::CatalogObject object;
  object.id = relation.id;
  object.kind = kind_name(relation.kind);
  object.schema = relation.schema;
  object.name = relation.name;
  object.definition = relation.definition;
  object.depends_on = relation.depends_on;
  object.payload = encode_payload(payload);
  QW_TRY(stored_->insert_creating({&object, 1}));
  publish([&](sql::Catalog& catalog) {
    catalog.relations[relation.id] = std::make_shared<sql::Relation>(relation);
  });
  lock.unlock();
  auto states = build_view(relation, *plan, context);
  lock.lock();
  if (!this->view()->catalog->relations.contains(relation.id)) {
    return fail(undefined_table(
        fmt::format("materialized view \"{}\" was dropped while it was built", relation.name)));
  }
  Result<void> built = states ? Result<void>() : fail(std::move(states).error());
  if (built) {
    payload.states = std::move(*states);
    object.payload = encode_payload(payload);
    built = stored_->update(object);
  }
  if (built) built = stored_->mark_ready({&object.id, 1}, store_->epoch());
  if (!built) {
    undo({relation.id}, context);
    return built;
  }
  relation.ready = true;
  publish([&](sql::Catalog& catalog) {
    catalog.relations[relation.id] = std::make_shared<sql::Relation>(relation);
  });
  return {};
}

Result<std::vector<views::StateInfo>> Definitions::build_view(const sql::Relation& relation,
                                                              const sql::Plan& plan,
                                                              const DdlContext& context) {
  static const std::atomic<bool> kNever = false;
  const std::atomic<bool>& cancelled = context.cancelled == nullptr ? kNever : *context.cancelled;
  std::atomic<uint64_t> rows = 0;
  std::vector<views::StateInfo> states;
  auto layout = std::make_shared<RelationLayout>(relation);
  std::future<Result<void>> done;
  QW_TRY(loop_->exclusive([&]() -> Result<void> {
    // Whoever drops it comes before this or finds the view in the dataflow.
    if (!view()->catalog->relations.contains(relation.id)) {
      return fail(undefined_table("the view was dropped while it was built"));
    }
    for (const ObjectId input : relation.depends_on) {
      if (!loop_->dataflow().has_view(input)) continue;
      if (auto broken = loop_->dataflow().broken(input)) return fail(*broken);
    }
    loop_->add_relation(layout);
    views::ViewSpec spec;
    spec.id = relation.id;
    spec.rows = loop_->view_rows(relation.id);
    spec.errors = loop_->view_error_sink(relation.id);
    spec.rows_kept = loop_->keeps_view_rows();
    QW_ASSIGN_OR_RETURN(states, loop_->dataflow().add_view(
                                    spec, plan, [&] { return stored_->allocate_states(1); }));
    done = loop_->backfill(relation.id, cancelled, [&](uint64_t count) {
      rows = count;
      const std::lock_guard lock(view_mutex_);
      hydration_[relation.id] = {false, count};
    });
    return {};
  }));
  QW_TRY(wait_with_progress(std::move(done), context, relation.name, rows));
  const std::lock_guard lock(view_mutex_);
  hydration_[relation.id] = {true, rows};
  return states;
}

Result<void> Definitions::wait_with_progress(std::future<Result<void>> done,
                                             const DdlContext& context, const std::string& name,
                                             const std::atomic<uint64_t>& rows) {
  while (done.wait_for(std::chrono::seconds(1)) != std::future_status::ready) {
    context.note(fmt::format("materialized view \"{}\": {} rows read", name, rows.load()));
  }
  return done.get();
}

// ---- sources ----------------------------------------------------------------------------------

Result<void> Definitions::create_source(const ast::CreateSource& statement,
                                        const std::string& schema, const std::string& text,
                                        const DdlContext& context) {
  QW_ASSIGN_OR_RETURN(auto lock, begin_definition());
  const auto current = view();
  const std::string& name = statement.name.name;
  if (current->catalog->find_object(NamedKind::source, schema, name) != nullptr) {
    return fail(duplicate_object(fmt::format("source \"{}\" already exists", name)));
  }
  QW_ASSIGN_OR_RETURN(SourceParts parts,
                      make_source_config(statement, *current->catalog, *stored_, schema, {}));
  QW_ASSIGN_OR_RETURN(const ObjectId source_id, stored_->allocate_objects(1));
  address(parts.config, source_id);
  QW_ASSIGN_OR_RETURN(const auto probe, make_source_(parts.config, *clock_));
  QW_ASSIGN_OR_RETURN(const std::vector<ingest::SourceTable> tables, probe->describe());
  for (const auto& [warning, hint] : probe->warnings()) {
    if (context.notice) {
      context.notice({"WARNING", Error("01000", warning).with_hint(hint)});
    }
  }
  std::vector<storage::CatalogObject> objects(1);
  objects[0].id = source_id;
  objects[0].kind = kind_name(NamedKind::source);
  objects[0].name_class = objects[0].kind;
  objects[0].schema = schema;
  objects[0].name = name;
  objects[0].definition = text;
  objects[0].payload = statement.type == "load_generator" ? "load-generator" : statement.type;
  objects[0].depends_on = parts.depends_on;
  std::vector<std::shared_ptr<sql::Relation>> relations;
  QW_ASSIGN_OR_RETURN(const ObjectId first,
                      stored_->allocate_objects(static_cast<uint32_t>(tables.size())));
  for (uint32_t t = 0; t < tables.size(); ++t) {
    const ingest::SourceTable& table = tables[t];
    if (current->catalog->find(schema, table.name) != nullptr) {
      return fail(duplicate_table(fmt::format("relation \"{}\" already exists", table.name))
                      .with_hint(parts.config.kind == ingest::SourceKind::postgres
                                     ? "Name the tables: FOR TABLES (schema.table AS other_name)."
                                     : "Its name comes from the source's: name the source "
                                       "differently, or put it into another schema."));
    }
    RelationPayload payload;
    sql::Relation& relation = payload.relation;
    for (const Column& column : table.columns) {
      relation.columns.push_back({column.name, column.type, !column.nullable, ""});
    }
    relation.primary_key = table.primary_key;
    if (!table.primary_key.empty()) {
      relation.primary_key_name = table.name + "_pkey";
      relation.unique_keys.push_back(table.primary_key);
    }
    relation.append_only = table.append_only;
    relation.monotone = table.monotone;
    relation.source = source_id;
    relation.id = ObjectId{first.value + t};
    relation.kind = RelationKind::source_table;
    relation.schema = schema;
    relation.name = table.name;
    relation.depends_on = {source_id};
    relation.ready = false;
    payload.table_index = t;
    payload.quarantine = table.quarantine;
    payload.upstream = table.upstream;
    payload.descriptor = table.descriptor;
    storage::CatalogObject object;
    object.id = relation.id;
    object.kind = kind_name(relation.kind);
    object.schema = schema;
    object.name = table.name;
    object.payload = encode_payload(payload);
    object.depends_on = relation.depends_on;
    objects.push_back(std::move(object));
    relations.push_back(std::make_shared<sql::Relation>(relation));
  }
  QW_TRY(stored_->insert_creating(objects));
  std::vector<ObjectId> ids;
  for (const storage::CatalogObject& object : objects) ids.push_back(object.id);
  publish([&](sql::Catalog& catalog) {
    catalog.objects[source_id] = {source_id, NamedKind::source, schema, name, objects[0].payload,
                                  text,      parts.depends_on};
    for (const auto& relation : relations) catalog.relations[relation->id] = relation;
  });
  auto ran = loop_->exclusive([&] {
    for (const auto& relation : relations) {
      loop_->add_relation(std::make_shared<RelationLayout>(*relation));
    }
    return Result<void>();
  });
  auto waits = ran ? start_source(source_id) : fail(ran.error());
  if (!waits) ran = fail(waits.error());
  if (waits && *waits) {
    // The snapshot may take long: the names are taken, other definitions may go on.
    lock.unlock();
    ran = wait_for_snapshot(source_id, name, context);
    lock.lock();
  }
  if (!view()->catalog->objects.contains(source_id)) return fail(dropped_meanwhile(name));
  if (ran) ran = stored_->mark_ready(ids, store_->epoch());
  if (!ran) {
    undo(ids, context);
    return ran;
  }
  publish([&](sql::Catalog& catalog) {
    for (const auto& relation : relations) {
      auto ready = std::make_shared<sql::Relation>(*relation);
      ready->ready = true;
      catalog.relations[relation->id] = std::move(ready);
    }
  });
  return {};
}

// Starts a source from its stored definition; true when its snapshot has yet to be taken.
Result<bool> Definitions::start_source(ObjectId id) {
  const auto current = view();
  const sql::NamedObject& object = current->catalog->objects.at(id);
  QW_ASSIGN_OR_RETURN(const auto parsed, sql::parse(object.definition));
  QW_ASSIGN_OR_RETURN(
      SourceParts parts,
      make_source_config(parsed.at(0).statement->as<ast::CreateSource>(), *current->catalog,
                         *stored_, object.schema, object.depends_on));
  address(parts.config, id);
  std::map<uint32_t, ObjectId> relations;
  std::map<uint32_t, ingest::SourceTable> tables;
  QW_ASSIGN_OR_RETURN(const std::vector<storage::CatalogObject> objects, stored_->list());
  for (const storage::CatalogObject& stored : objects) {
    if (stored.kind != kind_name(RelationKind::source_table)) continue;
    QW_ASSIGN_OR_RETURN(const RelationPayload payload, decode_payload(stored.payload));
    if (payload.relation.source != id) continue;
    ingest::SourceTable table;
    table.name = stored.name;
    for (const sql::ColumnInfo& column : payload.relation.columns) {
      table.columns.push_back({column.name, column.type, !column.not_null});
    }
    table.primary_key = payload.relation.primary_key;
    table.append_only = payload.relation.append_only;
    table.monotone = payload.relation.monotone;
    table.quarantine = payload.quarantine;
    table.upstream = payload.upstream;
    table.descriptor = payload.descriptor;
    relations[payload.table_index] = stored.id;
    tables[payload.table_index] = std::move(table);
  }
  std::vector<ObjectId> targets;
  for (const auto& [index, relation] : relations) targets.push_back(relation);
  for (auto& [index, table] : tables) parts.config.stored_tables.push_back(std::move(table));
  const bool snapshots = parts.config.kind == ingest::SourceKind::postgres;
  QW_ASSIGN_OR_RETURN(auto source, make_source_(std::move(parts.config), *clock_));
  QW_ASSIGN_OR_RETURN(const auto position, store_->meta(fmt::format("source/{}", id)));
  QW_TRY(sources_->start(id, object.name, std::move(source), std::move(targets),
                         position.value_or("")));
  return !position && snapshots;
}

Result<void> Definitions::wait_for_snapshot(ObjectId id, const std::string& name,
                                            const DdlContext& context) {
  int64_t shown_us = clock_->monotonic_us();
  while (true) {
    const auto done = sources_->wait_snapshot(id, 50);
    if (!view()->catalog->objects.contains(id)) return fail(dropped_meanwhile(name));
    if (!done) return fail(done.error());
    if (*done) return {};
    if (context.cancelled != nullptr && *context.cancelled) {
      return fail(query_canceled("canceling statement due to user request"));
    }
    if (clock_->monotonic_us() - shown_us > 1'000'000) {
      shown_us = clock_->monotonic_us();
      const auto seen = sources_->find(id);
      if (!seen) continue;
      const ingest::SourceStatus& status = seen->status;
      const std::string about = status.snapshot_rows_estimated == 0
                                    ? std::string()
                                    : fmt::format(" of about {}", status.snapshot_rows_estimated);
      context.note(fmt::format("source \"{}\": {}{} rows {}", name, status.snapshot_rows_done,
                               about, status.message));
    }
  }
}

// ---- dropping ---------------------------------------------------------------------------------

std::string Definitions::describe(const sql::Catalog& catalog, ObjectId id) {
  if (const sql::Relation* relation = catalog.find(id)) {
    // What search_path usually reaches goes by its bare name.
    const std::string name =
        relation->schema == "public" ? relation->name : relation->schema + "." + relation->name;
    switch (relation->kind) {
      case RelationKind::table:
      case RelationKind::source_table:
      case RelationKind::system:
        return "table " + name;
      case RelationKind::view:
        return "view " + name;
      case RelationKind::materialized_view:
        return "materialized view " + name;
    }
  }
  if (const auto found = catalog.indexes.find(id); found != catalog.indexes.end()) {
    return "index " + found->second.name;
  }
  if (const auto found = catalog.objects.find(id); found != catalog.objects.end()) {
    return kind_name(found->second.kind) + " " + found->second.name;
  }
  for (const auto& [name, schema] : catalog.schemas) {
    if (schema.id == id) return "schema " + name;
  }
  return fmt::format("object {}", id);
}

Result<void> Definitions::drop(const FindToDrop& find, bool cascade, const DdlContext& context) {
  QW_ASSIGN_OR_RETURN(const auto lock, begin_definition());
  QW_ASSIGN_OR_RETURN(const std::vector<ObjectId> ids, find());
  if (ids.empty()) return {};
  const auto current = view();
  const sql::Catalog& catalog = *current->catalog;
  // Everything that goes, each after what it depends on and once, however often it was named.
  std::vector<ObjectId> all = ids;
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  std::vector<std::string> blocking;
  for (size_t i = 0; i < all.size(); ++i) {
    for (const ObjectId dependent : catalog.dependents(all[i])) {
      if (std::find(all.begin(), all.end(), dependent) != all.end()) continue;
      all.push_back(dependent);
      const sql::Relation* relation = catalog.find(dependent);
      // A source's own tables and a relation's indexes go with it without being asked for.
      const bool owned = catalog.indexes.contains(dependent) ||
                         (relation != nullptr && relation->source == all[i] && relation->source);
      if (!owned) {
        blocking.push_back(fmt::format("{} depends on {}", describe(catalog, dependent),
                                       describe(catalog, all[i])));
        if (cascade) context.note("drop cascades to " + describe(catalog, dependent));
      }
    }
  }
  if (!blocking.empty() && !cascade) {
    std::string detail;
    for (const std::string& line : blocking) detail += (detail.empty() ? "" : "\n") + line;
    return fail(dependent_objects_still_exist(
                    fmt::format("cannot drop {} because other objects depend on it",
                                describe(catalog, ids.front())))
                    .with_detail(detail)
                    .with_hint("Use DROP ... CASCADE to drop the dependent objects too."));
  }
  // Ids grow, so an object's id is above those it depends on.
  std::sort(all.begin(), all.end());
  QW_TRY(stored_->begin_drop(all));
  QW_TRY(drop_data(all, context));
  auto forgotten = forget(all);
  if (forgotten || forgotten.error().code() != storage::kNoRoom) return forgotten;
  // They are gone all the same, also for the next start.
  log::warn("a definition is not forgotten yet: {}", forgotten.error().to_string());
  return {};
}

Result<std::unique_lock<std::mutex>> Definitions::begin_definition() {
  std::unique_lock lock(ddl_mutex_);
  if (!to_forget_.empty()) QW_TRY(forget({to_forget_.begin(), to_forget_.end()}));
  return lock;
}

void Definitions::undo(const std::vector<ObjectId>& ids, const DdlContext& context) {
  auto undone = drop_data(ids, context);
  if (undone) undone = forget(ids);
  if (!undone) log::warn("a definition is not undone yet: {}", undone.error().to_string());
}

// Takes the objects out of sight, out of dataflow and store and upstream, dependents first.
Result<void> Definitions::drop_data(const std::vector<ObjectId>& ids, const DdlContext& context) {
  const auto before = view();
  publish([&](sql::Catalog& catalog) {
    for (const ObjectId id : ids) {
      catalog.relations.erase(id);
      catalog.indexes.erase(id);
      catalog.objects.erase(id);
      std::erase_if(catalog.schemas, [&](const auto& entry) { return entry.second.id == id; });
    }
  });
  std::vector<storage::MetaPut> meta;
  for (const ObjectId id : ids) {
    const auto object = before->catalog->objects.find(id);
    if (object == before->catalog->objects.end()) continue;
    if (object->second.kind != NamedKind::source) continue;
    meta.push_back({fmt::format("source/{}", id), ""});
    if (auto dropped = sources_->drop(id); !dropped && context.notice) {
      context.notice({"WARNING", dropped.error()});
    }
  }
  auto erased = loop_->exclusive([&]() -> Result<void> {
    EpochLoop::Extra extra;
    extra.meta = meta;
    for (auto id = ids.rbegin(); id != ids.rend(); ++id) {
      if (before->catalog->indexes.contains(*id)) {
        loop_->forget_index(*id);
        extra.dropped_relations.push_back(*id);
      }
      if (!before->catalog->relations.contains(*id)) continue;
      if (loop_->dataflow().has_view(*id)) {
        for (const StateId state : loop_->dataflow().remove_view(*id)) {
          extra.dropped_states.push_back(state);
        }
      }
      loop_->forget_relation(*id);
      extra.dropped_relations.push_back(*id);
    }
    return loop_->run_epoch(std::move(extra));
  });
  const std::lock_guard lock(view_mutex_);
  for (const ObjectId id : ids) hydration_.erase(id);
  return erased;
}

Result<void> Definitions::forget(const std::vector<ObjectId>& ids) {
  to_forget_.insert(ids.begin(), ids.end());
  QW_TRY(stored_->remove(ids));
  for (const ObjectId id : ids) QW_TRY(stored_->remove_secret(id));
  for (const ObjectId id : ids) to_forget_.erase(id);
  return {};
}

}  // namespace qw::engine
