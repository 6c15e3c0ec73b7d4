// Key value: a table of many keys whose rows change at random: the load of a cache, a session
// store, an inventory.
//
// Events 0 .. keys-1 insert each key once, in order; every later event puts a new value under a
// uniformly random key. A row has two numbers and a payload of `value_bytes` letters. Everything is
// a pure function of (seed, n). Tests: tests/unit/ingest/generator_test.cc.
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/generators/generators.h"
#include "src/base/random.h"
#include "src/types/str.h"

namespace qw::ingest {

namespace {

constexpr uint64_t kPoolBytes = 16 << 10;

// Immutable letters that payloads are slices of; one per process, never freed.
const std::string& letters() {
  static const std::string pool = [] {
    Random random(0x6b76U);
    std::string text(kPoolBytes + GeneratorOptions::kValueBytesMax, ' ');
    for (char& letter : text) letter = static_cast<char>('a' + random.below(26));
    return text;
  }();
  return pool;
}

class KeyValue final : public Generator {
 public:
  explicit KeyValue(const GeneratorOptions& options)
      : options_(options), writer_(0, {TypeId::int8, TypeId::int8, TypeId::text}) {
    SourceTable table;
    table.name = "key_value";
    table.upstream = table.name;
    table.columns = {{"key", TypeId::int8, false},
                     {"value", TypeId::int8, false},
                     {"payload", TypeId::text, false}};
    table.primary_key = {0};
    tables_.push_back(std::move(table));
  }

  const std::vector<SourceTable>& tables() const override { return tables_; }

  void next(uint64_t first, uint64_t count, SourceTxn& txn) override {
    writer_.begin(txn);
    const std::string& pool = letters();
    for (uint64_t event = first; event < first + count; event++) {
      EventRandom random(options_.seed, event);
      const bool fresh = event < options_.keys;
      const uint32_t row = writer_.add(fresh ? RowOp::insert : RowOp::put);
      writer_.set<int64_t>(0, row,
                           static_cast<int64_t>(fresh ? event : random.below(options_.keys)));
      writer_.set<int64_t>(1, row, static_cast<int64_t>(random.below(1'000'000)));
      writer_.set<Str>(
          2, row,
          Str(std::string_view(pool).substr(random.below(kPoolBytes), options_.value_bytes)));
    }
    writer_.finish();
  }

 private:
  const GeneratorOptions options_;
  std::vector<SourceTable> tables_;
  TableWriter writer_;
};

}  // namespace

std::unique_ptr<Generator> make_key_value(const GeneratorOptions& options) {
  return std::make_unique<KeyValue>(options);
}

}  // namespace qw::ingest
