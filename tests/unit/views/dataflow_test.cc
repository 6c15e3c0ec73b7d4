// Several views over the same tables and over each other: in turns or all at once, dropped in any
// order, brought back in any order. The oracle tests have one view each.
#include <doctest/doctest.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/types/row_codec.h"
#include "tests/unit/views/plans.h"
#include "tests/unit/views/sinks.h"
#include "views/dataflow.h"

namespace qw::views::testing {
namespace {

// What a view has put out: all of it, and that of the running epoch.
class KeptOutput final : public DeltaSink {
 public:
  explicit KeptOutput(std::vector<Type> types) : codec_(std::move(types)) {}
  void push(const Batch& batch) override {
    CHECK_FALSE(ended);
    add_rows(batch, bag);
    Arena arena;
    std::vector<uint32_t> columns;
    for (uint32_t c = 0; c < batch.columns.size(); ++c) columns.push_back(c);
    std::vector<std::string_view> packed(batch.size());
    codec_.pack(batch, columns, arena, packed.data());
    for (uint32_t i = 0; i < batch.size(); ++i) {
      rows_.emplace_back(packed[i]);
      weights_.push_back(batch.weight(batch.row(i)));
    }
  }
  void begin_epoch() {
    rows_.clear();
    weights_.clear();
    ended = false;
  }
  void give(const std::function<void(const Batch&)>& take) const {
    if (rows_.empty()) return;
    Arena arena;
    const std::vector<std::string_view> packed(rows_.begin(), rows_.end());
    std::vector<uint32_t> columns;
    for (uint32_t c = 0; c < codec_.types().size(); ++c) columns.push_back(c);
    Batch batch;
    batch.rows = static_cast<uint32_t>(packed.size());
    batch.weights = weights_.data();
    codec_.unpack(packed, columns, arena, batch.columns);
    take(batch);
  }
  Bag bag;
  bool ended = false;

 private:
  RowCodec codec_;
  std::vector<std::string> rows_;
  std::vector<int64_t> weights_;
};

struct Made {
  std::shared_ptr<sql::Plan> plan;
  std::unique_ptr<KeptOutput> output;
  std::vector<StateInfo> states;
};

class Database final : public ViewTurns {
 public:
  Database() { dataflow_ = std::make_unique<Dataflow>(); }

  void create(uint32_t id, sql::PlanPtr plan) {
    Made& view = views_[ObjectId{id}];
    view.plan = std::move(plan);
    view.output = std::make_unique<KeptOutput>(view.plan->schema.types());
    view.states = add(ObjectId{id}, false);
    begin(false);
    for (const ObjectId relation : dataflow_->to_hydrate(ObjectId{id})) {
      Arena arena;
      if (views_.contains(relation)) REQUIRE(views_.at(relation).output->bag.empty());
      const auto& rows = tables_[relation];
      if (!rows.empty()) dataflow_->hydrate(ObjectId{id}, relation, make_batch(rows, arena));
    }
    CHECK(dataflow_->release(ObjectId{id}));
    finish();
    dataflow_->go_live(ObjectId{id});
  }

  void drop(uint32_t id) {
    for (const StateId state : dataflow_->remove_view(ObjectId{id})) {
      std::erase_if(log_, [&](const Record& record) { return record.state == state; });
    }
    views_.erase(ObjectId{id});
  }

  void epoch(const std::map<uint32_t, std::vector<Change>>& changes, bool in_turns) {
    begin(in_turns);
    for (const auto& [table, rows] : changes) {
      auto& all = tables_[ObjectId{table}];
      all.insert(all.end(), rows.begin(), rows.end());
      Arena arena;
      if (in_turns) {
        changed_[ObjectId{table}] = rows;
      } else {
        dataflow_->push(ObjectId{table}, make_batch(rows, arena));
      }
    }
    finish();
    changed_.clear();
  }

  // Views come back in this order.
  void restart(const std::vector<uint32_t>& order) {
    std::map<StateId, uint64_t> hashes;
    for (const StateId state : dataflow_->states()) hashes[state] = dataflow_->state_hash(state);
    dataflow_ = std::make_unique<Dataflow>();
    for (const uint32_t id : order) add(ObjectId{id}, true);
    for (const Record& record : log_) {
      const auto applied = dataflow_->apply_log(record.state, record.epoch, record.bytes);
      if (!applied) FAIL(applied.error().to_string());
    }
    dataflow_->finish_recovery(context_);
    CHECK(dataflow_->states().size() == hashes.size());
    for (const auto& [state, hash] : hashes) CHECK(dataflow_->state_hash(state) == hash);
  }

  // Against the plan over the tables, for views over tables.
  void compare(uint32_t id) {
    const Made& view = views_.at(ObjectId{id});
    std::vector<Table> tables;
    for (uint32_t t = 1; t <= 3; ++t) {
      tables.push_back({ObjectId{t}, {}});
      for (const Change& change : tables_[ObjectId{t}]) {
        int64_t& count = tables.back().rows[change.row];
        count += change.weight;
        if (count == 0) tables.back().rows.erase(change.row);
      }
    }
    const auto expected = run_query(view.plan, tables);
    if (!expected) FAIL(expected.error().to_string());
    CHECK(*expected == bag(id));
  }
  const Bag& bag(uint32_t id) const { return views_.at(ObjectId{id}).output->bag; }
  Dataflow& dataflow() { return *dataflow_; }

 private:
  void begin(ObjectId view) override {
    for (const auto& [table, rows] : changed_) {
      Arena arena;
      if (!rows.empty()) dataflow_->push(table, make_batch(rows, arena), view);
    }
    for (const auto& [read, made] : views_) {
      if (!made.output->ended || !dataflow_->reads(read, view)) continue;
      made.output->give([&](const Batch& batch) { dataflow_->push(read, batch, view); });
    }
  }
  void end(ObjectId view) override {
    const KeptOutput& output = *views_.at(view).output;
    views_.at(view).output->ended = true;
    output.give([&](const Batch& batch) { dataflow_->push(view, batch, ObjectId{0}); });
  }

  std::vector<StateInfo> add(ObjectId id, bool recover) {
    const Made& view = views_.at(id);
    ViewSpec spec;
    spec.id = id;
    spec.rows = view.output.get();
    spec.errors = &errors_;
    spec.recover = recover;
    spec.states = view.states;
    const auto states = dataflow_->add_view(
        spec, *view.plan, [this]() -> Result<StateId> { return StateId{++last_state_}; });
    if (!states) FAIL(states.error().to_string());
    return *states;
  }
  void begin(bool in_turns) {
    ++epoch_.value;
    for (auto& [id, view] : views_) view.output->begin_epoch();
    dataflow_->begin_epoch(epoch_, context_, in_turns ? this : nullptr);
  }
  void finish() {
    dataflow_->finish_epoch();
    for (auto& records : dataflow_->take_records()) {
      for (auto& piece : records.pieces) log_.push_back({epoch_, records.state, std::move(piece)});
    }
    CHECK(dataflow_->take_broken().empty());
  }

  struct Record {
    Epoch epoch;
    StateId state;
    std::string bytes;
  };
  std::unique_ptr<Dataflow> dataflow_;
  std::map<ObjectId, Made> views_;
  std::map<ObjectId, std::vector<Change>> tables_, changed_;
  std::vector<Record> log_;
  NoErrors errors_;
  sql::EvalContext context_;
  Epoch epoch_;
  uint32_t last_state_ = 0;
};

sql::PlanPtr join_with(uint32_t right) {
  sql::Join join;
  join.keys = {{0, 0, false}};
  return join_plan(std::move(join), right, false);
}

// Rows come, and some of them go again.
std::map<uint32_t, std::vector<Change>> some_changes(
    Generator& dice, std::map<uint32_t, std::vector<Change>>& there) {
  std::map<uint32_t, std::vector<Change>> changes;
  for (uint32_t n = 1 + dice.below(12); n != 0; --n) {
    const uint32_t table = 1 + dice.below(3);
    auto& rows = there[table];
    if (!rows.empty() && dice.chance(35)) {
      const uint32_t at = dice.below(static_cast<uint32_t>(rows.size()));
      changes[table].push_back({rows[at].row, -1});
      rows.erase(rows.begin() + at);
    } else {
      rows.push_back({dice.row(), 1});
      changes[table].push_back(rows.back());
    }
  }
  return changes;
}

}  // namespace

TEST_CASE("views in turns are what they are all at once") {
  for (uint64_t seed = 0; seed < 40; ++seed) {
    CAPTURE(seed);
    Database turns, together;
    Generator dice(seed);
    std::map<uint32_t, std::vector<Change>> there;
    for (Database* database : {&turns, &together}) {
      database->create(101, distinct_plan());
      database->create(102, join_with(2));    // makes an index of table 2
      database->create(103, join_with(2));    // shares it
      database->create(104, join_with(101));  // over a view, whose index it makes
      database->create(105, join_with(101));
      database->create(106, aggregate_plan({0}, 1, false));
    }
    for (int step = 0; step < 10; ++step) {
      const auto changes = some_changes(dice, there);
      turns.epoch(changes, true);
      together.epoch(changes, false);
      for (uint32_t id = 101; id <= 106; ++id) {
        if (step >= 5 && (id == 102 || id == 104)) continue;
        CHECK(turns.bag(id) == together.bag(id));
        if (id != 104 && id != 105) turns.compare(id);
      }
      if (step != 4) continue;
      for (Database* database : {&turns, &together}) {
        database->drop(102);  // what it made is nobody's now
        database->drop(104);
      }
    }
  }
}

TEST_CASE("views that share an index come back in any order") {
  size_t rows = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    Database database;
    Generator dice(seed);
    std::map<uint32_t, std::vector<Change>> there;
    for (uint32_t id = 101; id <= 103; ++id) database.create(id, join_with(2));
    for (int step = 0; step < 9; ++step) {
      database.epoch(some_changes(dice, there), false);
      for (uint32_t id = 101; id <= 103; ++id) database.compare(id);
      if (step == 3) database.restart({103, 101, 102});
      if (step == 6) database.restart({101, 102, 103});
    }
    rows += database.bag(103).size();
  }
  CHECK(rows > 100);
}

TEST_CASE("what feeds a shared index goes with the last view that uses it") {
  for (const bool maker_first : {true, false}) {
    Database database;
    database.create(101, join_with(2));
    database.create(102, join_with(2));
    CHECK(database.dataflow().reads(ObjectId{2}));
    database.drop(maker_first ? 101 : 102);
    CHECK(database.dataflow().reads(ObjectId{2}));
    database.drop(maker_first ? 102 : 101);
    for (uint32_t table = 1; table <= 3; ++table) {
      CHECK_FALSE(database.dataflow().reads(ObjectId{table}));
    }
    CHECK(database.dataflow().states().empty());
  }
}

}  // namespace qw::views::testing
