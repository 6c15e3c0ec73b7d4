// The oracle of incremental maintenance: random plans over random tables; after every epoch the
// maintained view equals the plan computed from scratch. Changes come split and permuted, the view
// is made before, in the middle of or after the data, and the dataflow is restarted from its log
// and images now and then. In every third case rows only come and the first table has a key, and
// the plan knows it: operators for such input take the place of the general ones.
#include <doctest/doctest.h>

#include <array>
#include <cstdlib>
#include <functional>
#include <map>
#include <numeric>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <fmt/format.h>

#include "sql/catalog.h"
#include "sql/optimizer.h"
#include "src/types/row_codec.h"
#include "tests/unit/views/plans.h"
#include "tests/unit/views/sinks.h"
#include "views/dataflow.h"

namespace qw::views::testing {
namespace {

struct Image {
  Epoch epoch;
  std::vector<std::string> pieces;
};

// Keeps a view's rows, packed, as the engine does.
class KeepingSink final : public DeltaSink {
 public:
  void set_types(std::vector<Type> types) { codec_.emplace(std::move(types)); }
  void push(const Batch& batch) override {
    add_rows(batch, bag);
    Arena arena;
    std::vector<uint32_t> columns;
    for (uint32_t c = 0; c < batch.columns.size(); ++c) columns.push_back(c);
    std::vector<std::string_view> packed(batch.size());
    codec_->pack(batch, columns, arena, packed.data());
    for (uint32_t i = 0; i < batch.size(); ++i) {
      const auto at = rows_.try_emplace(std::string(packed[i])).first;
      at->second += batch.weight(batch.row(i));
      if (at->second == 0) rows_.erase(at);
    }
  }
  // Whether no two rows, and none twice, are equal in these columns.
  bool is_unique(const std::vector<uint32_t>& key) const {
    std::vector<Type> types;
    for (const uint32_t column : key) types.push_back(codec_->types()[column]);
    const RowCodec key_codec(types);
    std::vector<uint32_t> fields(key.size());
    std::iota(fields.begin(), fields.end(), 0U);
    std::set<std::string, std::less<>> seen;
    for (const auto& [packed, weight] : rows_) {
      Arena arena;
      Batch row;
      row.rows = 1;
      const std::string_view bytes = packed;
      codec_->unpack({&bytes, 1}, key, arena, row.columns);
      std::string_view found;
      // No columns are one for all rows.
      if (!key.empty()) key_codec.pack_keys(row, fields, arena, &found);
      if (weight != 1 || !seen.emplace(found).second) return false;
    }
    return true;
  }
  // Batches of some columns with weights.
  void each_batch(const std::vector<uint32_t>& columns,
                  const std::function<void(const Batch&)>& take) const {
    for (auto at = rows_.begin(); at != rows_.end();) {
      Arena arena;
      std::vector<std::string_view> packed;
      std::vector<int64_t> weights;
      for (; at != rows_.end() && packed.size() < 3; ++at) {
        packed.push_back(at->first);
        weights.push_back(at->second);
      }
      Batch batch;
      batch.rows = static_cast<uint32_t>(packed.size());
      batch.weights = weights.data();
      codec_->unpack(packed, columns, arena, batch.columns);
      take(batch);
    }
  }
  Bag bag;

 private:
  std::optional<RowCodec> codec_;
  std::map<std::string, int64_t> rows_;
};

// A database in small: tables, one view, its log.
class Case {
 public:
  // `memory`: what state may take; nullopt = as much as it likes.
  explicit Case(uint64_t seed, std::optional<uint64_t> memory = std::nullopt)
      : dice_(seed), append_only_(seed % 3 == 0), rows_kept_(seed % 2 == 0), memory_(memory) {
    for (uint32_t t = 1; t <= 3; ++t) tables_.push_back({ObjectId{t}, {}});
    plan_ = dice_.plan(1 + dice_.below(3));
    declare_tables();
    sink_.set_types(plan_->schema.types());
  }

  // Whether any state has left memory.
  bool spilled() const { return spilled_; }
  uint64_t loans() const { return loans_ + dataflow_->loans(); }
  // Epochs in which rows of a view that was made went on waiting for their partitions.
  uint32_t released_in_parts() const { return released_in_parts_; }
  // Whether any state has come back from the view's rows.
  bool from_rows() const { return from_rows_; }

  void run() {
    INFO(describe(*plan_));
    for (uint32_t n = dice_.below(30); n != 0; --n) change_table();
    if (!create()) return;
    compare();
    for (int step = 0; step < 8; ++step) {
      epoch();
      compare();
      if (dice_.chance(25)) restart();
    }
    if (!append_only_) clear_all();
    compare();
    if (dice_.chance(50)) restart();
    epoch();
    compare();
  }

 private:
  void declare_tables() {
    sql::Catalog catalog;
    for (const Table& table : tables_) {
      auto relation = std::make_shared<sql::Relation>();
      relation->id = table.id;
      relation->append_only = append_only_;
      for (const Type& type : table_types()) relation->columns.push_back({"", type, false, ""});
      if (append_only_ && table.id == kKeyed) {
        relation->primary_key = {0};
        relation->unique_keys = {{0}};
      }
      catalog.relations[table.id] = std::move(relation);
    }
    sql::compute_properties(*plan_, catalog);
  }

  // A row that table 1 of an append-only case may have beside its others.
  TestRow new_row(const Table& table) {
    while (true) {
      TestRow row = dice_.row();
      if (!append_only_ || table.id != kKeyed) return row;
      row.nulls[0] = false;
      // Some keys are those of the other tables' rows, and there are enough of them.
      if (dice_.chance(50)) row.values[0] = dice_.below(1000);
      const bool taken = std::any_of(table.rows.begin(), table.rows.end(), [&](const auto& entry) {
        return entry.first.values[0] == row.values[0];
      });
      if (!taken) return row;
    }
  }

  Change change_table() {
    Table& table = tables_[dice_.below(3)];
    if (!append_only_ && !table.rows.empty() && dice_.chance(35)) {
      auto it = table.rows.begin();
      std::advance(it, dice_.below(static_cast<uint32_t>(table.rows.size())));
      const Change change{it->first, -1};
      if (--it->second == 0) table.rows.erase(it);
      last_table_ = table.id;
      return change;
    }
    const TestRow row = new_row(table);
    ++table.rows[row];
    last_table_ = table.id;
    return {row, 1};
  }

  void make_dataflow() {
    if (dataflow_ != nullptr) loans_ += dataflow_->loans();
    dataflow_ = std::make_unique<Dataflow>();
    if (memory_) dataflow_->limit_memory(*memory_, {});
  }

  bool create() {
    make_dataflow();
    ViewSpec spec;
    spec.id = kView;
    spec.rows = &sink_;
    spec.errors = &errors_;
    spec.rows_kept = rows_kept_;
    const auto states = dataflow_->add_view(
        spec, *plan_, [this]() -> Result<StateId> { return StateId{++last_state_}; });
    if (!states) FAIL(states.error().to_string());
    states_ = *states;
    hydrate();
    dataflow_->go_live(kView);
    return true;
  }

  // In several epochs, one table after the other, with changes of those that have been read.
  void hydrate() {
    begin();
    for (const ObjectId relation : dataflow_->to_hydrate(kView)) {
      Arena arena;
      std::vector<Change> rows;
      dataflow_->let_wait(kView, true);
      for (const auto& [row, weight] : tables_[relation.value - 1].rows) {
        rows.push_back({row, weight});
        if (rows.size() < 5) continue;
        dataflow_->hydrate(kView, relation, make_batch(rows, arena));
        rows.clear();
        if (dice_.chance(20)) next_epoch();
      }
      if (!rows.empty()) dataflow_->hydrate(kView, relation, make_batch(rows, arena));
      read_.insert(relation);
      if (dice_.chance(40)) hydrate_changes();
    }
    hydrate_changes();
    next_epoch();
    hydrate_changes();
    CHECK(dataflow_->release(kView));
    finish();
  }

  // As the engine does it: what waits comes first, and nothing waits in an epoch with changes.
  void hydrate_changes() {
    while (!dataflow_->release(kView, [&](uint64_t) { return dice_.chance(90); })) {
      ++released_in_parts_;
      next_epoch();
    }
    CHECK_FALSE(dataflow_->waits(kView));
    dataflow_->let_wait(kView, false);
    for (uint32_t n = dice_.below(5); n != 0; --n) {
      const Change change = change_table();
      if (!read_.contains(last_table_)) continue;
      Arena arena;
      dataflow_->hydrate(kView, last_table_, make_batch({change}, arena));
      if (dice_.chance(20)) next_epoch();
    }
    next_epoch();
  }

  void next_epoch() {
    finish();
    begin();
  }

  void begin() {
    ++epoch_.value;
    dataflow_->begin_epoch(epoch_, context_);
  }

  void finish() {
    dataflow_->finish_epoch();
    for (auto& records : dataflow_->take_records()) {
      for (auto& piece : records.pieces) log_.push_back({epoch_, records.state, std::move(piece)});
    }
    for (const StateId state : dataflow_->states()) {
      for (uint32_t p = 0; p < Dataflow::kPartitions; ++p) {
        if (!dice_.chance(3)) continue;
        // As the engine does it: an image that is not stale is right for this epoch, too.
        Image& image = images_[{state, p}];
        if (dataflow_->image_is_stale(state, p)) {
          auto pieces = dataflow_->write_image(state, p);
          if (!pieces) FAIL(pieces.error().to_string());
          image.pieces = std::move(*pieces);
        }
        image.epoch = epoch_;
      }
    }
    const auto broken = dataflow_->broken(kView);
    if (broken) FAIL(broken->to_string());
    // Also of a view that is being made: its rows are stored by such a key.
    for (const auto& key : plan_->properties.unique_keys) CHECK(sink_.is_unique(key));
    spilled_ |= dataflow_->spilled_bytes() != 0;
  }

  void push(std::vector<std::pair<ObjectId, Change>> changes) {
    begin();
    // Any order, any slicing.
    for (size_t i = changes.size(); i > 1; --i) {
      std::swap(changes[i - 1], changes[dice_.below(static_cast<uint32_t>(i))]);
    }
    size_t at = 0;
    while (at < changes.size()) {
      const ObjectId table = changes[at].first;
      std::vector<Change> slice;
      while (at < changes.size() && changes[at].first == table && slice.size() < 4) {
        slice.push_back(changes[at++].second);
      }
      Arena arena;
      dataflow_->push(table, make_batch(slice, arena));
    }
    finish();
  }

  void epoch() {
    std::vector<std::pair<ObjectId, Change>> changes;
    for (uint32_t n = dice_.below(12); n != 0; --n) {
      const Change change = change_table();
      changes.emplace_back(last_table_, change);
    }
    push(std::move(changes));
  }

  void clear_all() {
    std::vector<std::pair<ObjectId, Change>> changes;
    for (Table& table : tables_) {
      for (const auto& [row, weight] : table.rows) changes.push_back({table.id, {row, -weight}});
      table.rows.clear();
    }
    push(std::move(changes));
  }

  void restart() {
    std::map<StateId, uint64_t> hashes;
    for (const StateStatus& state : dataflow_->status()) {
      hashes[state.id] = dataflow_->state_hash(state.id);
    }
    make_dataflow();
    ViewSpec spec;
    spec.id = kView;
    spec.rows = &sink_;
    spec.errors = &errors_;
    spec.rows_kept = rows_kept_;
    spec.recover = true;
    spec.states = states_;
    const auto states =
        dataflow_->add_view(spec, *plan_, [] { return Result<StateId>(StateId{0}); });
    if (!states) FAIL(states.error().to_string());
    for (const auto& unit : dataflow_->recovery_units()) {
      const uint32_t parts = unit.in_parts ? 1 + dice_.below(4) : 1;
      for (uint32_t part = 0; part < parts; ++part) {
        uint64_t partitions = 0;
        for (uint32_t p = part; p < 64; p += parts) partitions |= uint64_t{1} << p;
        if (parts > 1) dataflow_->recover_only(unit, partitions);
        for (const StateId state : unit.states) recover(state);
        if (parts > 1) dataflow_->end_part(unit, context_);
      }
    }
    for (const auto& output : dataflow_->output_states()) {
      from_rows_ = true;
      CHECK(output.view == kView);
      sink_.each_batch(output.columns,
                       [&](const Batch& batch) { dataflow_->load_rows(output.state, batch); });
    }
    dataflow_->finish_recovery(context_);
    CHECK(dataflow_->take_broken().empty());
    for (const auto& [state, hash] : hashes) CHECK(dataflow_->state_hash(state) == hash);
  }

  void recover(StateId state) {
    for (const auto& [where, image] : images_) {
      if (where.first != state) continue;
      for (const auto& piece : image.pieces) {
        const auto loaded = dataflow_->load_image(state, where.second, image.epoch, piece);
        if (!loaded) FAIL(loaded.error().to_string());
      }
    }
    for (const auto& record : log_) {
      if (record.state != state) continue;
      const auto applied = dataflow_->apply_log(state, record.epoch, record.bytes);
      if (!applied) FAIL(applied.error().to_string());
    }
  }

  void compare() {
    const auto expected = run_query(plan_, tables_);
    if (!expected) FAIL(expected.error().to_string());
    if (*expected == sink_.bag) return;
    std::string text = "expected:\n";
    for (const auto& [row, count] : *expected) text += fmt::format("  {} x{}\n", row, count);
    text += "maintained:\n";
    for (const auto& [row, count] : sink_.bag) text += fmt::format("  {} x{}\n", row, count);
    FAIL(text);
  }

  struct Record {
    Epoch epoch;
    StateId state;
    std::string bytes;
  };
  static constexpr ObjectId kView{100}, kKeyed{1};
  Generator dice_;
  bool append_only_, rows_kept_;
  std::optional<uint64_t> memory_;
  bool spilled_ = false, from_rows_ = false;
  uint32_t released_in_parts_ = 0;
  std::set<ObjectId> read_;  // tables that the view has been given
  uint64_t loans_ = 0;       // of dataflows that are gone
  std::vector<Table> tables_;
  std::shared_ptr<sql::Plan> plan_;
  std::unique_ptr<Dataflow> dataflow_;
  KeepingSink sink_;
  NoErrors errors_;
  sql::EvalContext context_;
  Epoch epoch_;
  uint32_t last_state_ = 0;
  ObjectId last_table_;
  std::vector<StateInfo> states_;
  std::vector<Record> log_;
  std::map<std::pair<StateId, uint32_t>, Image> images_;
};

}  // namespace

TEST_CASE("a maintained view equals its plan computed from scratch") {
  int from_rows = 0;
  for (uint64_t seed = 1; seed <= 2000; ++seed) {
    INFO("seed " << seed);
    Case test(seed);
    test.run();
    from_rows += test.from_rows() ? 1 : 0;
  }
  CHECK(from_rows > 5);
}

TEST_CASE("a maintained view whose state leaves memory after every epoch equals its plan") {
  int spilled = 0;
  uint32_t in_parts = 0;
  uint64_t loans = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    INFO("seed " << seed);
    Case test(seed, 0);
    test.run();
    spilled += test.spilled() ? 1 : 0;
    in_parts += test.released_in_parts();
    loans += test.loans();
  }
  CHECK(spilled > 300);
  CHECK(in_parts > 100);
  CHECK(loans > 1000);
}

TEST_CASE("a maintained view of which some state is out of memory equals its plan") {
  int spilled = 0;
  for (uint64_t seed = 1; seed <= 600; ++seed) {
    INFO("seed " << seed);
    Case test(seed, 4000 + seed * 53);
    test.run();
    spilled += test.spilled() ? 1 : 0;
  }
  CHECK(spilled > 100);
}

// The long run (tools/long views): QUICKWATER_COUNT seeds from QUICKWATER_FROM on, a third of them
// without a limit of memory, a third with all state out of it, a third with some.
TEST_CASE("a range of seeds" * doctest::skip()) {
  const char* from = std::getenv("QUICKWATER_FROM");
  const char* count = std::getenv("QUICKWATER_COUNT");
  REQUIRE((from != nullptr && count != nullptr));
  const uint64_t first = std::stoull(from), end = first + std::stoull(count);
  uint64_t spilled = 0;
  for (uint64_t seed = first; seed < end; ++seed) {
    INFO("seed " << seed);
    const std::array<std::optional<uint64_t>, 3> limits{std::nullopt, uint64_t{0},
                                                        4000 + seed % 600 * 53U};
    Case test(seed, limits[seed / 6 % 3]);
    test.run();
    spilled += test.spilled() ? 1U : 0U;
  }
  CHECK(spilled > (end - first) / 10);
  fmt::print("{{\"seeds\": {}, \"spilled\": {}, \"failures\": 0}}\n", end - first, spilled);
}

}  // namespace qw::views::testing
