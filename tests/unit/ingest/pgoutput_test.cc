// pgoutput messages made by hand after PostgreSQL's protocol documentation, their rows, and
// positions.
#include <array>
#include <string>

#include <doctest/doctest.h>

#include "ingest/postgres/catalog.h"
#include "ingest/postgres/pgoutput.h"
#include "ingest/postgres/position.h"
#include "ingest/postgres/row_decoder.h"
#include "src/base/bytes.h"
#include "src/base/random.h"
#include "src/types/text.h"

namespace qw::ingest {

namespace {

constexpr uint32_t kInt4 = 23, kText = 25;

std::string cstring(std::string_view text) { return std::string(text) + '\0'; }

std::string tuple(const std::vector<std::string>& values) {
  std::string out;
  append_be<uint16_t>(out, static_cast<uint16_t>(values.size()));
  for (const std::string& value : values) {
    if (value == "NULL") {
      out += 'n';
    } else if (value == "TOAST") {
      out += 'u';
    } else {
      out += 't';
      append_be<uint32_t>(out, static_cast<uint32_t>(value.size()));
      out += value;
    }
  }
  return out;
}

struct RelationColumn {
  std::string name;
  uint32_t type;
  bool key;
};

std::string relation(uint32_t oid, char identity, const std::vector<RelationColumn>& columns) {
  std::string out = "R";
  append_be<uint32_t>(out, oid);
  out += cstring("public") + cstring("t") + identity;
  append_be<uint16_t>(out, static_cast<uint16_t>(columns.size()));
  for (const RelationColumn& column : columns) {
    out += column.key ? '\1' : '\0';
    out += cstring(column.name);
    append_be<uint32_t>(out, column.type);
    append_be<int32_t>(out, -1);
  }
  return out;
}

std::string change(char tag, const std::string& parts) {
  std::string out(1, tag);
  append_be<uint32_t>(out, 7);
  return out + parts;
}

PgMessage parse(const std::string& bytes) {
  PgMessage message;
  const auto parsed = parse_pgoutput(bytes, message);
  REQUIRE_MESSAGE(parsed.has_value(), parsed.error().message());
  return message;
}

// A table t(id int primary key, name text, big text), its relation map, and what was written.
struct Bench {
  PgTable pg;
  SourceTable table;
  RelationMap map;
  TableWriter writer{0, {Type(TypeId::int4), Type(TypeId::text), Type(TypeId::text)}};
  ArenaPool pool;
  SourceTxn txn;

  explicit Bench(char identity, bool keyed = true)
      : pg(make_pg(identity)), table(make_table(keyed)), map(make_map(identity)) {
    txn.arena = pool.take();
    writer.begin(txn);
  }
  static PgTable make_pg(char identity) {
    PgTable pg;
    pg.oid = 7;
    pg.schema = "public";
    pg.name = "t";
    pg.identity = identity;
    pg.columns = {{"id", 1, kInt4, -1}, {"name", 2, kText, -1}, {"big", 3, kText, -1}};
    return pg;
  }
  static SourceTable make_table(bool keyed) {
    SourceTable table;
    table.columns = {
        {"id", TypeId::int4, false}, {"name", TypeId::text, true}, {"big", TypeId::text, true}};
    if (keyed) table.primary_key = {0};
    return table;
  }
  RelationMap make_map(char identity) const {
    // Columns in another order and one more than we know.
    const PgMessage message = parse(relation(7, identity,
                                             {{"name", kText, false},
                                              {"added", kInt4, false},
                                              {"id", kInt4, true},
                                              {"big", kText, false}}));
    auto made = RelationMap::make(pg, table, message.relation);
    REQUIRE(made.has_value());
    return std::move(*made);
  }
  Result<void> apply(const std::string& bytes) {
    const PgMessage message = parse(bytes);
    if (message.tag == PgTag::insert) return map.insert(message, writer);
    if (message.tag == PgTag::update) return map.update(message, writer);
    return map.remove(message, writer);
  }
  // "put(1,a,kept)" per row.
  std::string rows() {
    writer.finish();
    std::string out;
    for (const TableChunk& chunk : txn.chunks) {
      if (chunk.truncate) out += "truncate ";
      for (uint32_t row = 0; row < chunk.rows; row++) {
        static constexpr std::array<const char*, 5> kNames = {"insert", "put", "remove", "move",
                                                              "remove_row"};
        out += kNames[static_cast<size_t>(chunk.op(row))];
        out += '(';
        for (uint32_t c = 0; c < chunk.columns.size(); c++) {
          if (c > 0) out += ',';
          if (chunk.is_kept(c, row)) {
            out += "kept";
          } else if (chunk.columns[c].is_null(row)) {
            out += "-";
          } else {
            append_text(chunk.columns[c], row, TextStyle(), out);
          }
        }
        out += ") ";
      }
    }
    return out;
  }
};

// Tuples in the relation's order: name, added, id, big.
std::string wire(const std::string& id, const std::string& name, const std::string& big) {
  return tuple({name, "9", id, big});
}
std::string key(const std::string& id) { return tuple({"NULL", "NULL", id, "NULL"}); }

}  // namespace

TEST_CASE("begin, commit, truncate carry their positions") {
  std::string begin = "B";
  append_be<uint64_t>(begin, 0x0000000100000010);
  append_be<int64_t>(begin, 1234);
  append_be<uint32_t>(begin, 99);
  PgMessage message = parse(begin);
  CHECK(message.tag == PgTag::begin);
  CHECK(format_lsn(message.final_lsn) == "1/10");
  CHECK(message.commit_us == 1234);
  CHECK(message.xid == 99);
  std::string commit = "C";
  commit += '\0';
  append_be<uint64_t>(commit, 5);
  append_be<uint64_t>(commit, 6);
  append_be<int64_t>(commit, 7);
  message = parse(commit);
  CHECK(message.commit_lsn == 5);
  CHECK(message.end_lsn == 6);
  std::string truncate = "T";
  append_be<uint32_t>(truncate, 2);
  truncate += '\1';
  append_be<uint32_t>(truncate, 7);
  append_be<uint32_t>(truncate, 8);
  CHECK(parse(truncate).truncated == std::vector<uint32_t>{7, 8});
}

TEST_CASE("identity DEFAULT: rows by key, unchanged TOAST is kept, a key change moves the row") {
  Bench bench('d');
  CHECK(bench.apply(change('I', "N" + wire("1", "a", "NULL"))).has_value());
  CHECK(bench.apply(change('U', "N" + wire("1", "b", "TOAST"))).has_value());
  CHECK(bench.apply(change('U', "K" + key("1") + "N" + wire("2", "b", "TOAST"))).has_value());
  CHECK(bench.apply(change('D', "K" + key("2"))).has_value());
  CHECK(bench.rows() == "insert(1,a,-) put(1,b,kept) move(1,-,-) put(2,b,kept) remove(2,-,-) ");
}

TEST_CASE("an old key with the same value is no key change; a kept key comes from it") {
  Bench bench('d');
  CHECK(bench.apply(change('U', "K" + key("1") + "N" + wire("TOAST", "b", "x"))).has_value());
  CHECK(bench.apply(change('U', "K" + key("1") + "N" + wire("1", "b", "x"))).has_value());
  CHECK(bench.rows() == "put(1,b,x) put(1,b,x) ");
}

TEST_CASE("identity FULL: unchanged TOAST comes from the old row") {
  Bench bench('f');
  CHECK(bench.apply(change('U', "O" + wire("1", "a", "large") + "N" + wire("1", "b", "TOAST")))
            .has_value());
  CHECK(bench.apply(change('U', "O" + wire("1", "b", "large") + "N" + wire("3", "b", "TOAST")))
            .has_value());
  CHECK(bench.apply(change('D', "O" + wire("3", "b", "large"))).has_value());
  CHECK(bench.rows() == "put(1,b,large) move(1,-,-) put(3,b,large) remove(3,-,-) ");
}

TEST_CASE("a table without a key removes whole rows") {
  Bench bench('f', /*keyed=*/false);
  CHECK(bench.apply(change('I', "N" + wire("1", "a", "x"))).has_value());
  CHECK(bench.apply(change('U', "O" + wire("1", "a", "x") + "N" + wire("1", "b", "TOAST")))
            .has_value());
  CHECK(bench.apply(change('D', "O" + wire("1", "b", "x"))).has_value());
  CHECK(bench.rows() == "insert(1,a,x) remove_row(1,a,x) insert(1,b,x) remove_row(1,b,x) ");
  CHECK(!bench.apply(change('D', "K" + key("1"))).has_value());
}

TEST_CASE("a changed or missing column is named; an added one is ignored") {
  const PgTable pg = Bench::make_pg('d');
  const SourceTable table = Bench::make_table(true);
  const auto why = [&](const std::string& bytes) {
    const auto made = RelationMap::make(pg, table, parse(bytes).relation);
    return made ? std::string() : made.error().message();
  };
  CHECK(why(relation(7, 'd',
                     {{"id", kInt4, true}, {"name", kText, false}, {"big", kText, false}})) == "");
  CHECK(
      why(relation(7, 'd', {{"id", kText, true}, {"name", kText, false}, {"big", kText, false}})) ==
      "the type of column \"id\" was changed upstream");
  CHECK(
      why(relation(7, 'd', {{"id", kInt4, true}, {"nome", kText, false}, {"big", kText, false}})) ==
      "column \"name\" was dropped or renamed upstream");
}

TEST_CASE("a value that does not parse names its column") {
  Bench bench('d');
  const auto bad = bench.apply(change('I', "N" + wire("x", "a", "b")));
  REQUIRE(!bad.has_value());
  CHECK(bad.error().message().starts_with("column \"id\": "));
}

TEST_CASE("cut and damaged messages are errors, never reads beyond the end") {
  const std::vector<std::string> messages = {
      relation(7, 'd', {{"id", kInt4, true}, {"name", kText, false}}),
      change('U', "K" + key("1") + "N" + wire("2", "b", "TOAST")),
      change('D', "O" + wire("3", "b", "large")),
      change('I', "N" + wire("1", "a", "NULL")),
  };
  PgMessage message;
  Random random(3);
  for (const std::string& whole : messages) {
    for (size_t cut = 0; cut < whole.size(); cut++) {
      CHECK(!parse_pgoutput(std::string_view(whole).substr(0, cut), message).has_value());
    }
    CHECK(!parse_pgoutput(whole + "x", message).has_value());
    for (int round = 0; round < 5'000; round++) {
      std::string bad = whole;
      bad[random.below(bad.size())] = static_cast<char>(random.below(256));
      static_cast<void>(parse_pgoutput(bad, message));
    }
  }
  CHECK(!parse_pgoutput("Z", message).has_value());
}

TEST_CASE("a rewrite that changes rows is told from one that does not") {
  TableState before;
  before.form = {100, 7, 3, 11, 0, 0};
  before.label_texts = {"20 low", "22 high"};
  PgTableForm known;
  static_cast<void>(rewrite_problem(known, before));
  const auto problem = [&](const auto& change) {
    PgTableForm was = known;
    TableState now = before;
    change(now);
    const std::string text = rewrite_problem(was, now);
    CHECK(rewrite_problem(was, now).empty());  // it has been told
    return text;
  };
  CHECK(problem([](TableState&) {}).empty());
  // VACUUM FULL, TRUNCATE; SET DEFAULT; ADD COLUMN with a volatile default; a new label.
  CHECK(problem([](TableState& now) { now.form.file = 101; }).empty());
  CHECK(problem([](TableState& now) { now.form.definitions = 12; }).empty());
  CHECK(problem([](TableState& now) {
          now.form.file = 101;
          now.form.toast = 8;
          now.form.columns = 4;
        }).empty());
  CHECK(problem([](TableState& now) { now.label_texts.emplace_back("24 top"); }).empty());
  CHECK(problem([](TableState& now) {
          now.form.file = 101;
          now.form.definitions = 12;
        }).find("column was altered") != std::string::npos);
  CHECK(problem([](TableState& now) {
          now.form.file = 102;
          now.form.toast = 8;
        }).find("ALTER TABLE") != std::string::npos);
  CHECK(problem([](TableState& now) {
          now.label_texts = {"20 small", "22 high", "24 top"};
        }).find("enum") != std::string::npos);
}

TEST_CASE("positions and descriptors survive their bytes") {
  PgPosition position;
  position.system_id = "7312345678901234567";
  position.timeline = 2;
  position.database = "shop";
  position.resume = 0x1'0000'0abcU;
  position.tables = {{5, 8, {}, ""}, {6, 9, {1, 2, 3, 4, 5, 6}, "stopped"}};
  const auto read = PgPosition::decode(position.encode());
  REQUIRE(read.has_value());
  CHECK(read->system_id == position.system_id);
  CHECK(read->resume == position.resume);
  CHECK(read->tables[1].files == 9);
  CHECK(read->tables[1].form == position.tables[1].form);
  CHECK(read->tables[1].error == "stopped");
  CHECK(!PgPosition::decode("").has_value());
  CHECK(!PgPosition::decode(position.encode().substr(0, 20)).has_value());
  const PgTable table = Bench::make_pg('i');
  const auto described = PgTable::decode(table.encode());
  REQUIRE(described.has_value());
  CHECK(described->columns.size() == 3);
  CHECK(described->columns[2].name == "big");
  CHECK(described->identity == 'i');
  CHECK(parse_lsn("16/B374D848").value() == 0x16'B374D848U);
  CHECK(!parse_lsn("16B374D848").has_value());
  CHECK(!parse_lsn("16/").has_value());
}

}  // namespace qw::ingest
