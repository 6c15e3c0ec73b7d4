// ingest_driver: one Source against a real peer, its rows mirrored in memory, told what to do by
// lines.
//
//   ingest_driver kind=postgres name=s conn.host=127.0.0.1 conn.port=5432 opt.publication=p
//   ingest_driver kind=kafka name=s conn.broker=... opt.topic=t col=id:int8 col=name:text pk=0
//                 key=json value=json envelope=upsert include=offset:o
//
// Commands on stdin, one answer line each on stdout ("ok ..." or "error ..."); `rows` ends with
// ".":
//   describe | start | restart | crash | stop | drop | rows T | count T | sum T COLUMN | status |
//   lag
// `restart` goes on at the last position taken; `crash` at a position some pushes ago, with the
// rows of then. The mirror applies what RowOp says, and asserts what the engine relies on: an
// insert finds no row with its key, a kept column finds one.
#include <atomic>
#include <chrono>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "ingest/source.h"
#include "src/base/thread.h"
#include "src/types/text.h"

namespace qw::ingest {

namespace {

using Row = std::vector<std::optional<std::string>>;

std::string escaped(const std::optional<std::string>& value) {
  if (!value) return "\\N";
  std::string out;
  for (const char letter : *value) {
    switch (letter) {
      case '\t':
        out += "\\t";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\\':
        out += "\\\\";
        break;
      default:
        out += letter;
        break;
    }
  }
  return out;
}

struct MirrorTable {
  std::vector<uint32_t> key;
  std::map<std::string, Row> keyed;
  std::map<Row, int64_t> keyless;
};

struct State {
  std::vector<MirrorTable> tables;
  std::string position;
  bool ready = true;
};

class Mirror final : public SourceSink {
 public:
  void reset(const std::vector<SourceTable>& tables) {
    state_.tables.clear();
    for (const SourceTable& table : tables) state_.tables.push_back({table.primary_key, {}, {}});
    state_.position.clear();
  }
  bool push(SourceTxn txn) override {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    for (const TableChunk& chunk : txn.chunks) apply(chunk);
    if (txn.snapshot && !txn.snapshot_done && !txn.position.empty())
      problem("a position amid a snapshot");
    if (!txn.position.empty()) state_.position = txn.position;
    if (txn.snapshot_done) snapshot_done_ = true;
    pushes_++;
    if (pushes_ % 7 == 0 && !txn.position.empty()) older_ = state_;
    return true;
  }
  void status(const SourceStatus& status) override {
    const std::lock_guard lock(mutex_);
    status_ = status;
  }

  std::mutex mutex_;
  State state_, older_;
  SourceStatus status_;
  std::string problem_;
  uint64_t pushes_ = 0;
  bool closed_ = false, snapshot_done_ = false;

 private:
  void problem(const std::string& what) {
    if (problem_.empty()) problem_ = what;
  }
  static std::optional<std::string> value(const TableChunk& chunk, uint32_t column, uint32_t row) {
    if (chunk.columns[column].is_null(row)) return std::nullopt;
    std::string text;
    append_text(chunk.columns[column], row, TextStyle(), text);
    return text;
  }
  static std::string key_of(const MirrorTable& table, const TableChunk& chunk, uint32_t row) {
    std::string key;
    for (const uint32_t column : table.key) key += escaped(value(chunk, column, row)) + '\t';
    return key;
  }
  void apply(const TableChunk& chunk) {
    MirrorTable& table = state_.tables.at(chunk.table);
    if (chunk.truncate) {
      table.keyed.clear();
      table.keyless.clear();
    }
    std::optional<Row> moved;
    for (uint32_t row = 0; row < chunk.rows; row++) {
      const RowOp op = chunk.op(row);
      Row fresh;
      for (uint32_t column = 0; column < chunk.columns.size(); column++) {
        fresh.push_back(value(chunk, column, row));
      }
      if (table.key.empty()) {
        if (op == RowOp::insert) {
          table.keyless[fresh]++;
        } else if (op != RowOp::remove_row || --table.keyless[fresh] < 0) {
          problem("a keyless row removed that is not there");
        } else if (table.keyless[fresh] == 0) {
          table.keyless.erase(fresh);
        }
        continue;
      }
      const std::string key = key_of(table, chunk, row);
      const auto found = table.keyed.find(key);
      if (op == RowOp::remove || op == RowOp::move) {
        if (op == RowOp::move)
          moved = found == table.keyed.end() ? std::nullopt : std::optional(found->second);
        if (found != table.keyed.end()) table.keyed.erase(found);
        continue;
      }
      const bool after_move = row > 0 && chunk.op(row - 1) == RowOp::move;
      const Row* stored = after_move ? (moved ? &*moved : nullptr)
                                     : (found == table.keyed.end() ? nullptr : &found->second);
      for (uint32_t column = 0; column < chunk.columns.size(); column++) {
        if (!chunk.is_kept(column, row)) continue;
        if (stored == nullptr) {
          problem("a kept column without a stored row");
        } else {
          fresh[column] = (*stored)[column];
        }
      }
      if (op == RowOp::insert && found != table.keyed.end())
        problem("an insert of a key that is there: " + key);
      table.keyed[key] = std::move(fresh);
    }
  }
};

std::optional<SourceKind> kind_of(const std::string& name) {
  if (name == "kafka") return SourceKind::kafka;
  if (name == "postgres") return SourceKind::postgres;
  return std::nullopt;
}

Format format_of(const std::string& name) {
  static const std::map<std::string, Format> kNames = {{"json", Format::json},
                                                       {"text", Format::text},
                                                       {"bytes", Format::bytes},
                                                       {"csv", Format::csv}};
  return kNames.at(name);
}

SourceConfig parse_config(int argc, char** argv) {
  SourceConfig config;
  config.id = ObjectId{16400};
  config.database_id = "driver";
  for (int n = 1; n < argc; n++) {
    const std::string word = argv[n];
    const size_t equals = word.find('=');
    const std::string name = word.substr(0, equals), value = word.substr(equals + 1);
    const size_t colon = value.find(':');
    if (name == "kind") config.kind = *kind_of(value);
    if (name == "name") config.name = value;
    if (name == "id") config.database_id = value;
    if (name.starts_with("conn.")) config.connection[name.substr(5)] = value;
    if (name.starts_with("opt.")) config.options[name.substr(4)] = value;
    if (name == "secret") config.secrets.insert(value);
    if (name == "col") {
      config.columns.push_back(
          {value.substr(0, colon), *Type::from_name(value.substr(colon + 1)), true});
    }
    if (name == "pk") config.primary_key.push_back(static_cast<uint32_t>(std::stoul(value)));
    if (name == "key") config.key_format = format_of(value);
    if (name == "value") config.value_format = format_of(value);
    if (name == "envelope") config.envelope = value == "upsert" ? Envelope::upsert : Envelope::none;
    if (name == "include") {
      static const std::map<std::string, IncludeKind> kKinds = {
          {"key", IncludeKind::key},
          {"partition", IncludeKind::partition},
          {"offset", IncludeKind::offset},
          {"timestamp", IncludeKind::timestamp},
          {"headers", IncludeKind::headers}};
      config.include.push_back({kKinds.at(value.substr(0, colon)),
                                colon == std::string::npos ? "" : value.substr(colon + 1)});
    }
    if (name == "table") {
      config.all_tables = false;
      const size_t dot = value.find('.');
      config.tables.push_back({value.substr(0, dot), value.substr(dot + 1), ""});
    }
  }
  return config;
}

class Driver {
 public:
  explicit Driver(SourceConfig config) : config_(std::move(config)) {}

  void run() {
    std::string line;
    while (std::getline(std::cin, line)) {
      std::istringstream words(line);
      std::string verb, table, column;
      words >> verb >> table >> column;
      if (verb == "quit") return;
      command(verb, table, column);
      std::cout << std::endl;
    }
  }

 private:
  void command(const std::string& verb, const std::string& table, const std::string& column) {
    if (verb == "describe") return describe();
    if (verb == "start") {
      mirror_.reset(tables_);
      return start("");
    }
    if (verb == "stop") {
      drop_source();
      std::cout << "ok";
      return;
    }
    if (verb == "restart") return start(mirror_.state_.position);
    if (verb == "crash") {
      drop_source();
      if (!mirror_.older_.position.empty()) mirror_.state_ = mirror_.older_;
      return start(mirror_.state_.position);
    }
    if (verb == "drop") {
      const auto dropped = source_->drop_upstream();
      std::cout << (dropped ? "ok" : "error " + dropped.error().to_string());
      return;
    }
    const std::lock_guard lock(mirror_.mutex_);
    if (!mirror_.problem_.empty()) {
      std::cout << "error " << mirror_.problem_;
    } else if (verb == "status") {
      std::cout << "ok " << to_string(mirror_.status_.state) << "|" << mirror_.status_.message
                << "|" << mirror_.status_.hint;
      for (const TableStatus& each : mirror_.status_.tables) std::cout << "|" << each.error;
    } else if (verb == "lag") {
      std::cout << "ok " << mirror_.status_.lag << " " << (mirror_.snapshot_done_ ? 1 : 0) << " "
                << mirror_.pushes_;
    } else {
      question(verb, table, column);
    }
  }

  void question(const std::string& verb, const std::string& name, const std::string& column) {
    const MirrorTable* found = nullptr;
    uint32_t at = 0;
    for (uint32_t n = 0; n < tables_.size(); n++) {
      if (tables_[n].name != name) continue;
      found = &mirror_.state_.tables[n];
      for (uint32_t c = 0; c < tables_[n].columns.size(); c++) {
        if (tables_[n].columns[c].name == column) at = c;
      }
    }
    if (found == nullptr) {
      std::cout << "error no table " << name;
      return;
    }
    int64_t count = 0, sum = 0;
    const auto each = [&](const Row& row, int64_t times) {
      count += times;
      if (verb == "sum" && row[at]) sum += times * std::stoll(*row[at]);
      for (int64_t n = 0; verb == "rows" && n < times; n++) {
        std::string line;
        for (const auto& value : row)
          line += (line.empty() && &value == row.data() ? "" : "\t") + escaped(value);
        std::cout << line << "\n";
      }
    };
    for (const auto& [key, row] : found->keyed) each(row, 1);
    for (const auto& [row, times] : found->keyless) each(row, times);
    if (verb == "rows") {
      std::cout << ".";
    } else {
      std::cout << "ok " << (verb == "sum" ? sum : count);
    }
  }

  void describe() {
    auto source = Source::create(config_, clock_);
    if (!source) {
      std::cout << "error " << source.error().to_string();
      return;
    }
    auto tables = (*source)->describe();
    if (!tables) {
      std::cout << "error " << tables.error().to_string();
      return;
    }
    tables_ = *tables;
    config_.stored_tables = tables_;
    std::cout << "ok";
    for (const SourceTable& table : tables_) {
      std::cout << " " << table.name << "(";
      for (const Column& column : table.columns)
        std::cout << column.name << ":" << column.type.type_name() << ",";
      std::cout << ")";
    }
    for (const auto& [text, hint] : (*source)->warnings()) std::cout << " [" << text << "]";
  }

  void drop_source() {
    const std::lock_guard lock(source_mutex_);
    source_.reset();
  }

  void start(const std::string& position) {
    drop_source();
    auto source = Source::create(config_, clock_);
    if (!source) {
      std::cout << "error " << source.error().to_string();
      return;
    }
    const std::lock_guard lock(source_mutex_);
    source_ = std::move(*source);
    Result<void> started;
    if (auto described = source_->describe(); !described) started = fail(described.error());
    if (started) started = source_->start(position, mirror_);
    std::cout << (started ? "ok" : "error " + started.error().to_string());
    // The mirror is as durable as it gets.
    if (started && !acknowledger_.joinable())
      acknowledger_ = Thread("ack", [this] { acknowledge(); });
  }

  void acknowledge() {
    while (!done_) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      // Only what a crash would go back to.
      std::string position;
      {
        const std::lock_guard lock(mirror_.mutex_);
        position = mirror_.older_.position;
      }
      const std::lock_guard lock(source_mutex_);
      if (source_ != nullptr && !position.empty()) source_->acknowledge(position);
    }
  }

 public:
  ~Driver() {
    done_ = true;
    acknowledger_.join();
    drop_source();
  }

 private:
  SourceConfig config_;
  SystemClock clock_;
  std::vector<SourceTable> tables_;
  Mirror mirror_;
  std::mutex source_mutex_;
  std::unique_ptr<Source> source_;  // guarded by source_mutex_
  std::atomic<bool> done_ = false;
  Thread acknowledger_;
};

}  // namespace

}  // namespace qw::ingest

int main(int argc, char** argv) {
  qw::ingest::Driver driver(qw::ingest::parse_config(argc, argv));
  driver.run();
  return 0;
}
