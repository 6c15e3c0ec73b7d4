// Simulation: see simulation.h.
#include "tests/unit/engine/simulation.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "ingest/test_source.h"
#include "src/base/assert.h"
#include "src/base/random.h"
#include "src/engine/database_impl.h"
#include "src/types/text.h"
#include "storage/memory_kv.h"
#include "tests/unit/engine/answers.h"

namespace qw::engine::test {
namespace {

namespace fs = std::filesystem;
using storage::CommitFault;

constexpr int kSteps = 60;
constexpr uint64_t kNames = 9;         // few, so that names are used again
constexpr uint64_t kScriptSteps = 64;  // of a source

// ---- faults -----------------------------------------------------------------------------------

// Counts commits of both files, and decides what becomes of each.
class Faults {
 public:
  // The `events`th commit from now on is the last: lost, or kept without anybody being told. If it
  // is one of the catalogue, `store_lives` leaves the store's disk as it was.
  void crash_after(int64_t events, bool kept, bool store_lives) {
    const std::lock_guard lock(mutex_);
    left_ = events;
    kept_ = kept;
    store_lives_ = store_lives;
  }
  // The next commits of the store (else of the catalogue) find no room.
  void fill(bool store, int64_t commits) {
    const std::lock_guard lock(mutex_);
    (store ? store_full_ : catalog_full_) = commits;
  }
  void restart() {
    const std::lock_guard lock(mutex_);
    dead_ = catalog_alone_ = false;
    left_ = store_full_ = catalog_full_ = 0;
  }
  bool dead() const {
    const std::lock_guard lock(mutex_);
    return dead_;
  }
  CommitFault of_store() { return decide(store_full_, /*catalog=*/false); }
  CommitFault of_catalog() { return decide(catalog_full_, /*catalog=*/true); }

 private:
  CommitFault decide(int64_t& full, bool catalog) {
    const std::lock_guard lock(mutex_);
    if (dead_) return catalog_alone_ && !catalog ? CommitFault::none : CommitFault::lost;
    if (full > 0) {
      --full;
      return CommitFault::full;
    }
    if (left_ == 0 || --left_ > 0) return CommitFault::none;
    dead_ = true;
    catalog_alone_ = catalog && store_lives_;
    return kept_ ? CommitFault::kept : CommitFault::lost;
  }

  mutable std::mutex mutex_;
  int64_t left_ = 0, store_full_ = 0, catalog_full_ = 0;
  bool dead_ = false, kept_ = false, store_lives_ = false, catalog_alone_ = false;
};

// ---- the model --------------------------------------------------------------------------------

// All relations have the columns (id bigint, a bigint, b text).
struct Row {
  int64_t id = 0;
  std::optional<int64_t> a;
  std::string b;
  auto operator<=>(const Row&) const = default;
  std::string values() const {
    return fmt::format("({}, {}, '{}')", id, a ? std::to_string(*a) : "NULL", b);
  }
};
using Rows = std::multiset<Row>;

std::string text_of(const Rows& rows) {
  std::string out;
  for (const Row& row : rows) {
    out += fmt::format("{}{} {} {}", out.empty() ? "" : ", ", row.id,
                       row.a ? std::to_string(*row.a) : "NULL", row.b);
  }
  return out;
}

enum class Kind : uint8_t { keyed, bag, source, view, materialized, index, secret };

struct Object {
  Kind kind = Kind::keyed;
  Rows rows;          // of tables
  std::string query;  // of views
  std::set<std::string> reads;
  bool joined = false;  // somewhere below: kept out of other joins, whose output would explode
  uint64_t seed = 0, pushed = 0;  // of sources
};
bool is_table(const Object& object) {
  return object.kind == Kind::keyed || object.kind == Kind::bag;
}
bool is_relation(const Object& object) {
  return object.kind != Kind::index && object.kind != Kind::secret;
}

using Model = std::map<std::string, Object>;

std::set<std::string> dependents(const Model& model, const std::string& name) {
  std::set<std::string> out;
  for (const auto& [other, object] : model) {
    if (!object.reads.contains(name)) continue;
    out.insert(other);
    out.merge(dependents(model, other));
  }
  return out;
}

// ---- sources ----------------------------------------------------------------------------------

struct SourceChange {
  bool remove = false;
  Row row;
};

// What step `step` of a source does: the same whenever it is asked.
std::vector<SourceChange> source_step(uint64_t seed, uint64_t step) {
  Random random(seed * 1000 + step);
  std::vector<SourceChange> changes(1 + random.below(5));
  for (SourceChange& change : changes) {
    change.remove = random.chance(0.3);
    change.row.id = random.between(0, 25);
    if (random.chance(0.9)) change.row.a = random.between(0, 9);
    change.row.b = fmt::format("s{}", random.below(20));
  }
  return changes;
}

Rows source_rows(uint64_t seed, uint64_t steps) {
  std::map<int64_t, Row> by_id;
  for (uint64_t step = 0; step < steps; ++step) {
    for (const SourceChange& change : source_step(seed, step)) {
      if (change.remove) {
        by_id.erase(change.row.id);
      } else {
        by_id[change.row.id] = change.row;
      }
    }
  }
  Rows rows;
  for (const auto& [id, row] : by_id) rows.insert(row);
  return rows;
}

class Upstream;

// A scripted source, which the engine owns and the simulation drives.
class SimulatedSource final : public ingest::Source {
 public:
  SimulatedSource(Upstream& upstream, std::string name, uint64_t seed);
  ~SimulatedSource() override;
  Result<std::vector<ingest::SourceTable>> describe() override { return source_.describe(); }
  Result<void> start(std::string_view position, ingest::SourceSink& sink) override;
  void acknowledge(std::string_view position) override {
    const std::lock_guard lock(mutex_);
    acknowledged_ = std::max(acknowledged_, ingest::TestSource::position_step(position));
  }
  void stop() override;
  Result<void> drop_upstream() override { return {}; }

  bool step() { return source_.step(); }
  uint64_t started_at() const { return started_at_; }
  uint64_t acknowledged() const {
    const std::lock_guard lock(mutex_);
    return acknowledged_;
  }

 private:
  Upstream& upstream_;
  const std::string name_;
  ingest::TestSource source_;
  uint64_t started_at_ = 0;
  mutable std::mutex mutex_;
  uint64_t acknowledged_ = 0;  // guarded by mutex_
};

// All running sources by name, and what was ever acknowledged to each.
class Upstream {
 public:
  std::map<std::string, SimulatedSource*> running;
  std::map<std::string, uint64_t> seeds;
};

std::vector<ingest::SourceTable> source_tables(const std::string& name) {
  ingest::SourceTable table;
  table.name = name;
  table.columns = {{"id", Type(TypeId::int8), false},
                   {"a", Type(TypeId::int8), true},
                   {"b", Type(TypeId::text), true}};
  table.primary_key = {0};
  return {table};
}

std::vector<ingest::TestSource::Step> script_of(uint64_t seed) {
  std::vector<ingest::TestSource::Step> script;
  for (uint64_t step = 0; step < kScriptSteps; ++step) {
    script.push_back([seed, step](ingest::SourceTxn& txn, auto& writers) {
      ingest::TableWriter& writer = writers[0];
      for (const SourceChange& change : source_step(seed, step)) {
        const uint32_t row = writer.add(change.remove ? ingest::RowOp::remove : ingest::RowOp::put);
        writer.template set<int64_t>(0, row, change.row.id);
        if (!change.remove) {
          if (change.row.a) writer.template set<int64_t>(1, row, *change.row.a);
          writer.template set<Str>(2, row, Str(change.row.b));
        }
        ++txn.rows;
      }
    });
  }
  return script;
}

SimulatedSource::SimulatedSource(Upstream& upstream, std::string name, uint64_t seed)
    : upstream_(upstream), name_(std::move(name)), source_(source_tables(name_), script_of(seed)) {}

SimulatedSource::~SimulatedSource() { SimulatedSource::stop(); }

Result<void> SimulatedSource::start(std::string_view position, ingest::SourceSink& sink) {
  started_at_ = ingest::TestSource::position_step(position);
  QW_TRY(source_.start(position, sink));
  upstream_.running[name_] = this;
  return {};
}

void SimulatedSource::stop() {
  const auto found = upstream_.running.find(name_);
  if (found != upstream_.running.end() && found->second == this) upstream_.running.erase(found);
  source_.stop();
}

// ---- a step -----------------------------------------------------------------------------------

struct Step {
  std::string sql;
  Model after;
  std::string expected = "00000";
  bool definition = false;
};

class TempDir {
 public:
  TempDir() {
    const fs::path where =
        fs::exists("/dev/shm") ? fs::path("/dev/shm") : fs::temp_directory_path();
    std::string name = (where / "qw-simulation-XXXXXX").string();
    QW_ASSERT(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

class Simulation {
 public:
  Simulation(uint64_t seed, SimulationCounts& counts)
      : seed_(seed), random_(seed), counts_(counts) {
    kv_->set_fault([this](uint64_t) { return faults_.of_store(); });
    journal_->set_fault([this] { return faults_.of_store(); });
  }
  ~Simulation() { close(); }
  Simulation(const Simulation&) = delete;
  Simulation& operator=(const Simulation&) = delete;

  void run() {
    open();
    for (int i = 0; i < kSteps && wrong_.empty(); ++i) {
      clock_.advance(random_.between(0, 3'000'000));
      if (random_.chance(0.12)) crash_after(random_.between(1, 12));
      if (random_.chance(0.08)) faults_.fill(random_.chance(0.5), random_.between(1, 4));
      if (random_.chance(0.4)) ingest();
      one_step();
      if (wrong_.empty() && (faults_.dead() || random_.chance(0.03))) restart();
      if (random_.chance(0.15)) verify();
    }
    if (!wrong_.empty()) return;
    settle();
    restart();
    verify();
  }
  // What is wrong, behind what led there.
  std::string report() const {
    if (wrong_.empty()) return "";
    std::string out = fmt::format("seed {}\n", seed_);
    for (const std::string& line : lines_) out += line + "\n";
    return out + "-- WRONG: " + wrong_;
  }

 private:
  void note(std::string line) { lines_.push_back(std::move(line)); }
  // The first trouble counts, and ends the run.
  void wrong(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  void crash_after(int64_t events) {
    faults_.crash_after(events, /*kept=*/random_.chance(0.5), /*store_lives=*/random_.chance(0.5));
  }

  // -- the database

  Result<std::unique_ptr<DatabaseImpl>> try_open() {
    DatabaseOptions options;
    options.clock = &clock_;
    options.backfill_slice_rows = 1 + seed_ % 30;
    // Of states only: what the whole process takes depends on what ran in it before.
    if (seed_ % 4 == 1) options.state_memory_bytes = 1;
    Substitutes substitutes;
    // Some epochs are more than that.
    if (seed_ % 5 < 2) substitutes.epoch_output = seed_ % 5 == 0 ? 0 : 2000;
    substitutes.kv = kv_;
    substitutes.journal = journal_;
    substitutes.catalog_dir = dir_.path();
    substitutes.catalog_fault = [this] { return faults_.of_catalog(); };
    substitutes.fold = seed_ % 3 == 0 ? storage::FoldPolicy::cost : storage::FoldPolicy::shuffled;
    substitutes.salt = seed_;
    substitutes.image_start_bytes = 1 << (6 + seed_ % 7);
    substitutes.sources = [this](ingest::SourceConfig config,
                                 Clock&) -> Result<std::unique_ptr<ingest::Source>> {
      return std::make_unique<SimulatedSource>(upstream_, config.name,
                                               upstream_.seeds.at(config.name));
    };
    return DatabaseImpl::open(options, substitutes);
  }

  void open() {
    for (int tries = 0;; ++tries) {
      // Now and then it crashes again while it recovers, at most a few times in a row.
      if (tries < 4 && started_ && random_.chance(0.3)) {
        crash_after(random_.between(1, 5));
      }
      auto opened = try_open();
      if (opened) {
        database_ = std::move(*opened);
        break;
      }
      if (!faults_.dead()) return wrong("open: " + opened.error().to_string());
      note("-- crash in recovery");
      ++counts_.crashes_in_recovery;
      faults_.restart();
    }
    started_ = true;
    session_ = value_of(database_->connect({}), "connect");
  }

  void close() {
    session_.reset();
    for (const auto& [name, source] : upstream_.running) {
      acknowledged_[name] = std::max(acknowledged_[name], source->acknowledged());
    }
    database_.reset();
  }

  template <typename T>
  T value_of(Result<T> result, const std::string& what) {
    if (result) return std::move(*result);
    wrong(what + ": " + result.error().to_string());
    return {};
  }

  // -- statements

  Result<std::string> try_ask(std::string_view sql) { return answer_to(*session_, sql); }
  std::string ask(const std::string& sql) { return value_of(try_ask(sql), sql); }

  void one_step() {
    const std::optional<Step> step = make_step();
    if (!step) return;
    ++counts_.statements;
    note(step->sql);
    const auto answer = try_ask(step->sql);
    if (faults_.dead()) {
      ++counts_.crashes;
      if (step->definition) ++counts_.crashes_in_definitions;
      note(answer ? "-- done; crash" : "-- crash: " + answer.error().message());
      // What was acknowledged before the crash is done; else it may be.
      if (answer) {
        model_ = step->after;
      } else {
        in_flight_ = step->after;
      }
      return;
    }
    const std::string code = answer ? "00000" : std::string(answer.error().code().view());
    if (code == "53100") {
      ++counts_.full;
      note("-- no room");
      return;
    }
    if (code != step->expected) {
      return wrong(fmt::format("{}: expected {}, got {}", step->sql, step->expected,
                               answer ? "success" : answer.error().to_string()));
    }
    if (answer) model_ = step->after;
  }

  // Pushes some steps of some sources; none of them waits for its commit.
  void ingest() {
    if (faults_.dead()) return;
    std::vector<std::string> names;
    for (const auto& [name, source] : upstream_.running) names.push_back(name);
    if (names.empty()) return;
    for (uint64_t i = 1 + random_.below(6); i > 0; --i) {
      const std::string& name = names[random_.below(names.size())];
      Object& object = model_.at(name);
      if (object.pushed == kScriptSteps || !upstream_.running.at(name)->step()) continue;
      ++object.pushed;
      ++counts_.ingested;
    }
    note(fmt::format("-- ingest, of {}", names.size()));
    if (random_.chance(0.3)) settle();
  }

  // Everything that was pushed is committed, unless there is a crash.
  void settle() {
    (void)database_->loop().exclusive([] { return Result<void>(); });
  }

  // -- after a crash

  void restart() {
    note("-- restart");
    close();
    if (!upstream_.running.empty()) return wrong("a source was not stopped");
    faults_.restart();
    open();
    if (!wrong_.empty()) return;
    for (auto* model : {&model_, in_flight_ ? &*in_flight_ : nullptr}) {
      if (model == nullptr) continue;
      for (auto& [name, object] : *model) {
        if (object.kind != Kind::source) continue;
        const auto found = upstream_.running.find(name);
        if (found == upstream_.running.end()) continue;
        const uint64_t at = found->second->started_at();
        if (at < acknowledged_[name]) {
          return wrong(fmt::format("source {}: {} steps were acknowledged, {} are there", name,
                                   acknowledged_[name], at));
        }
        if (at > object.pushed) return wrong("source " + name + " has what was not pushed");
        object.pushed = at;
      }
    }
    if (in_flight_) {
      // Done or not done, whole: the one that fits.
      const std::string before = difference(model_);
      if (!before.empty()) {
        const std::string after = difference(*in_flight_);
        if (!after.empty()) {
          return wrong("neither without what was in flight: " + before + "\nnor with it: " + after);
        }
        model_ = std::move(*in_flight_);
      }
      in_flight_.reset();
    }
    verify();
  }

  // -- comparison

  static std::string kind_of(const Object& object) {
    switch (object.kind) {
      case Kind::keyed:
      case Kind::bag:
        return "table";
      case Kind::source:
        return "source";
      case Kind::view:
        return "view";
      case Kind::materialized:
        return "materialized_view";
      case Kind::index:
        return "index";
      case Kind::secret:
        return "secret";
    }
    return "";
  }

  std::string difference(const Model& model) {
    std::set<std::string> wanted, found;
    const auto view = database_->definitions().view();
    for (const auto& [name, object] : model) {
      wanted.insert((object.kind == Kind::keyed ? "keyed " : "") + kind_of(object) + " " + name);
      if (object.kind == Kind::source) wanted.insert("source_table " + name);
    }
    for (const auto& object : value_of(database_->stored().list(), "list")) {
      if (object.kind == "schema") continue;
      const sql::Relation* relation = view->catalog->find(object.id);
      const bool keyed =
          object.kind == "table" && relation != nullptr && !relation->primary_key.empty();
      std::string text = (keyed ? "keyed " : "") + object.kind + " " + object.name;
      if (object.state != storage::ObjectState::ready) text += " not ready";
      found.insert(std::move(text));
    }
    std::string out;
    for (const std::string& text : wanted) {
      if (!found.contains(text)) out += "missing: " + text + "; ";
    }
    for (const std::string& text : found) {
      if (!wanted.contains(text)) out += "too much: " + text + "; ";
    }
    if (!out.empty()) return out;
    for (const auto& [name, object] : model) {
      if (!is_relation(object)) continue;
      const std::string rows =
          ask(fmt::format("SELECT id, a, b FROM {} ORDER BY 1, 2 NULLS FIRST, 3", name));
      std::string expected;
      if (is_table(object)) {
        expected = text_of(object.rows);
      } else if (object.kind == Kind::source) {
        expected = text_of(source_rows(object.seed, object.pushed));
      } else {
        expected = ask(fmt::format("SELECT id, a, b FROM ({}) AS q ORDER BY 1, 2 NULLS FIRST, 3",
                                   object.query));
      }
      if (rows != expected) return fmt::format("{} has\n  {}\nnot\n  {}", name, rows, expected);
    }
    return "";
  }

  void verify() {
    if (faults_.dead() || !wrong_.empty()) return;
    faults_.restart();  // a look is no step
    settle();
    if (const std::string what = difference(model_); !what.empty()) wrong(what);
    for (const std::string& finding : value_of(database_->check(), "check")) wrong(finding);
    check_store();
  }

  // Nothing in the store that belongs to no object.
  void check_store() {
    const auto view = database_->definitions().view();
    for (const storage::RelationStats& stored : database_->store().relations()) {
      const ObjectId id = stored.relation;
      if (id == kViewErrors || view->catalog->relations.contains(id)) continue;
      if (view->catalog->indexes.contains(id)) continue;
      return wrong(fmt::format("rows of no relation: {}", id));
    }
    for (const auto& [id, relation] : view->catalog->relations) {
      if (!relation->ready) return wrong(relation->name + " is not ready");
    }
    size_t secrets = 0;
    for (const auto& [name, object] : model_) secrets += object.kind == Kind::secret ? 1 : 0;
    if (database_->stored().secret_values().size() != secrets) return wrong("secrets of no object");
  }

  // -- what a step does

  std::string new_name() { return fmt::format("r_{}", random_.below(kNames)); }

  std::optional<std::string> pick(const std::function<bool(const Object&)>& wanted) {
    std::vector<std::string> names;
    for (const auto& [name, object] : model_) {
      if (wanted(object)) names.push_back(name);
    }
    if (names.empty()) return std::nullopt;
    return names[random_.below(names.size())];
  }

  Row random_row() {
    Row row;
    row.id = random_.between(0, 30);
    if (random_.chance(0.9)) row.a = random_.between(0, 9);
    row.b = fmt::format("b{}", random_.below(20));
    return row;
  }

  std::optional<Step> make_step() {
    const uint64_t dice = random_.below(100);
    Step step;
    step.after = model_;
    bool made = false;
    if (dice < 30) {
      made = insert(step);
    } else if (dice < 40) {
      made = change(step);
    } else if (dice < 46) {
      made = block(step);
    } else {
      step.definition = true;
      if (dice < 54) made = create_table(step);
      if (dice >= 54 && dice < 70) made = create_view(step);
      if (dice >= 70 && dice < 75) made = create_source(step);
      if (dice >= 75 && dice < 79) made = create_index(step);
      if (dice >= 79 && dice < 82) made = create_secret(step);
      if (dice >= 82 && dice < 85) made = add_primary_key(step);
      if (dice >= 85) made = drop(step);
    }
    if (!made) return std::nullopt;
    return step;
  }

  // Inserts into a table; true = the rows can be inserted.
  static bool insert_rows(Object& table, const std::vector<Row>& rows) {
    for (const Row& row : rows) {
      const bool taken = std::any_of(table.rows.begin(), table.rows.end(),
                                     [&](const Row& there) { return there.id == row.id; });
      if (table.kind == Kind::keyed && taken) return false;
      table.rows.insert(row);
    }
    return true;
  }

  bool insert(Step& step) {
    const auto name = pick(is_table);
    if (!name) return false;
    std::vector<Row> rows(1 + random_.below(random_.chance(0.1) ? 40 : 4));
    std::string values;
    for (Row& row : rows) {
      row = random_row();
      if (rows.size() > 4) row.id = 100 + static_cast<int64_t>(&row - rows.data());
      values += (values.empty() ? "" : ", ") + row.values();
    }
    step.sql = fmt::format("INSERT INTO {} VALUES {}", *name, values);
    if (!insert_rows(step.after.at(*name), rows)) {
      step.expected = "23505";
      step.after = model_;
    }
    return true;
  }

  static void erase_range(Object& table, int64_t low, int64_t high) {
    std::erase_if(table.rows, [&](const Row& row) { return row.id >= low && row.id <= high; });
  }
  static void add_to_a(Object& table, int64_t low, int64_t high) {
    Rows changed;
    for (Row row : table.rows) {
      if (row.id >= low && row.id <= high && row.a) row.a = (*row.a + 1) % 10;
      changed.insert(row);
    }
    table.rows = std::move(changed);
  }

  bool change(Step& step) {
    const auto name = pick(is_table);
    if (!name) return false;
    Object& table = step.after.at(*name);
    const int64_t low = random_.between(0, 30), high = low + random_.between(0, 10);
    const uint64_t dice = random_.below(10);
    if (dice == 0) {
      step.sql = "TRUNCATE " + *name;
      table.rows.clear();
    } else if (dice < 5) {
      step.sql = fmt::format("DELETE FROM {} WHERE id BETWEEN {} AND {}", *name, low, high);
      erase_range(table, low, high);
    } else {
      step.sql = fmt::format("UPDATE {} SET a = (a + 1) % 10 WHERE id BETWEEN {} AND {}", *name,
                             low, high);
      add_to_a(table, low, high);
    }
    return true;
  }

  // A transaction over two tables: whole or not at all.
  bool block(Step& step) {
    const auto from = pick(is_table), to = pick(is_table);
    if (!from || *from == *to) return false;
    const int64_t low = random_.between(0, 30), high = low + random_.between(0, 15);
    erase_range(step.after.at(*from), low, high);
    const Row row = random_row();
    step.sql = fmt::format(
        "BEGIN; DELETE FROM {} WHERE id BETWEEN {} AND {}; INSERT INTO {} VALUES {}; COMMIT", *from,
        low, high, *to, row.values());
    if (insert_rows(step.after.at(*to), {row})) return true;
    // Its failure would leave the block open.
    step.after = model_;
    return false;
  }

  // A name that is free, or one that is not, with what is to be said then.
  std::string name_for(Step& step) {
    std::string name = new_name();
    if (!step.after.contains(name)) return name;
    step.expected = "42P07";
    return name;
  }

  bool create_table(Step& step) {
    Object object;
    object.kind = random_.chance(0.6) ? Kind::keyed : Kind::bag;
    const std::string name = name_for(step);
    step.sql = fmt::format("CREATE TABLE {} (id bigint{}, a bigint, b text)", name,
                           object.kind == Kind::keyed ? " PRIMARY KEY" : "");
    if (step.expected == "00000") step.after[name] = object;
    return true;
  }

  bool create_view(Step& step) {
    const auto x = pick(is_relation);
    const auto single = [](const Object& one) { return is_relation(one) && !one.joined; };
    const auto left = pick(single), right = pick(single);
    if (!x) return false;
    Object object;
    object.kind = random_.chance(0.85) ? Kind::materialized : Kind::view;
    object.reads = {*x};
    object.joined = model_.at(*x).joined;
    const uint64_t shape = random_.below(left && right ? 9 : 5);
    if (shape >= 5) {
      object.reads = {*left, *right};
      object.joined = true;
    }
    switch (shape) {
      case 0:
        object.query = fmt::format("SELECT id, a, b FROM {} WHERE a % 2 = 0", *x);
        break;
      case 1:
        object.query =
            fmt::format("SELECT a AS id, count(*) AS a, max(b) AS b FROM {} GROUP BY a", *x);
        break;
      case 2:
        object.query = fmt::format("SELECT DISTINCT a AS id, a, b FROM {}", *x);
        break;
      case 3:
        object.query =
            fmt::format("SELECT count(*) AS id, sum(a)::bigint AS a, min(b) AS b FROM {}", *x);
        break;
      case 4:
        object.query = fmt::format("SELECT id, a, b FROM {} ORDER BY a, id, b LIMIT 5", *x);
        break;
      case 5:
        object.query =
            fmt::format("SELECT x.id, y.a, x.b FROM {} x JOIN {} y ON x.id = y.id", *left, *right);
        break;
      case 6:
        object.query = fmt::format("SELECT x.id, y.a, x.b FROM {} x LEFT JOIN {} y ON x.a = y.id",
                                   *left, *right);
        break;
      case 7:
        object.query = fmt::format(
            "SELECT id, a, b FROM {} x WHERE NOT EXISTS (SELECT 1 FROM {} y WHERE y.id = x.a)",
            *left, *right);
        break;
      default:
        object.query =
            fmt::format("SELECT id, a, b FROM {} UNION ALL SELECT id, a, b FROM {}", *left, *right);
    }
    const std::string name = name_for(step);
    step.sql =
        fmt::format("CREATE {}VIEW {} AS {}",
                    object.kind == Kind::materialized ? "MATERIALIZED " : "", name, object.query);
    if (step.expected == "00000") step.after[name] = object;
    return true;
  }

  bool create_source(Step& step) {
    const std::string name = fmt::format("s_{}", random_.below(4));
    if (model_.contains(name)) return false;
    Object object;
    object.kind = Kind::source;
    object.seed = random_.next() % 1'000'000;
    upstream_.seeds[name] = object.seed;
    acknowledged_[name] = 0;
    step.sql = fmt::format("CREATE SOURCE {} FROM LOAD GENERATOR COUNTER", name);
    step.after[name] = object;
    return true;
  }

  bool create_index(Step& step) {
    const auto on = pick([](const Object& object) {
      return is_table(object) || object.kind == Kind::source ||
             (object.kind == Kind::materialized && !object.joined);
    });
    const std::string name = fmt::format("i_{}", random_.below(6));
    if (!on || model_.contains(name)) return false;
    Object object;
    object.kind = Kind::index;
    object.reads = {*on};
    step.sql = fmt::format("CREATE INDEX {} ON {} (a, b)", name, *on);
    step.after[name] = object;
    return true;
  }

  bool create_secret(Step& step) {
    const std::string name = fmt::format("x_{}", random_.below(4));
    if (model_.contains(name)) return false;
    step.sql = fmt::format("CREATE SECRET {} AS 'hush {}'", name, random_.next());
    step.after[name].kind = Kind::secret;
    return true;
  }

  bool add_primary_key(Step& step) {
    const auto name = pick([](const Object& object) { return object.kind == Kind::bag; });
    if (!name || !dependents(model_, *name).empty()) return false;
    Object& table = step.after.at(*name);
    step.sql = fmt::format("ALTER TABLE {} ADD PRIMARY KEY (id)", *name);
    int64_t last = -1;
    for (const Row& row : table.rows) {
      if (row.id == last) step.expected = "23505";
      last = row.id;
    }
    if (step.expected == "00000") table.kind = Kind::keyed;
    return true;
  }

  bool drop(Step& step) {
    const auto name = pick([](const Object&) { return true; });
    if (!name) return false;
    const Object& object = model_.at(*name);
    std::string kind = kind_of(object);
    if (object.kind == Kind::materialized) kind = "materialized view";
    const std::set<std::string> gone = dependents(model_, *name);
    bool blocked = false;
    for (const std::string& other : gone) blocked |= model_.at(other).kind != Kind::index;
    const bool cascade = blocked && random_.chance(0.7);
    step.sql = fmt::format("DROP {} {}{}", kind, *name, cascade ? " CASCADE" : "");
    if (blocked && !cascade) {
      step.expected = "2BP01";
      return true;
    }
    step.after.erase(*name);
    for (const std::string& other : gone) step.after.erase(other);
    return true;
  }

  const uint64_t seed_;
  Random random_;
  SimulationCounts& counts_;
  TempDir dir_;
  Faults faults_;
  ManualClock clock_{800'000'000'000'000};
  Upstream upstream_;
  std::shared_ptr<storage::MemoryKv> kv_ = std::make_shared<storage::MemoryKv>();
  std::shared_ptr<storage::MemoryJournal> journal_ = std::make_shared<storage::MemoryJournal>();
  std::unique_ptr<DatabaseImpl> database_;
  std::unique_ptr<Session> session_;
  Model model_;
  std::optional<Model> in_flight_;  // as it is if the statement in flight got to its end
  std::map<std::string, uint64_t> acknowledged_;
  std::vector<std::string> lines_;
  std::string wrong_;
  bool started_ = false;
};

}  // namespace

void SimulationCounts::add(const SimulationCounts& other) {
  statements += other.statements;
  ingested += other.ingested;
  crashes += other.crashes;
  crashes_in_definitions += other.crashes_in_definitions;
  crashes_in_recovery += other.crashes_in_recovery;
  full += other.full;
}

std::string SimulationCounts::text() const {
  return fmt::format(
      "{} statements, {} source transactions, {} crashes ({} in definitions), {} in recovery, "
      "{} refused for lack of room",
      statements, ingested, crashes, crashes_in_definitions, crashes_in_recovery, full);
}

std::string simulate(uint64_t seed, SimulationCounts& counts) {
  Simulation simulation(seed, counts);
  simulation.run();
  return simulation.report();
}

}  // namespace qw::engine::test
