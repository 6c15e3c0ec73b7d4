// Runner for SQL logic tests: see slt.h.
#include "src/cli/slt.h"

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "src/quickwater.h"

namespace qw::cli {
namespace {

struct Record {
  enum class Kind : uint8_t { ok, error, query, other } kind = Kind::other;
  size_t line = 0;
  std::string header;
  std::string sqlstate, message;  // error
  bool sorted = false;            // query
  std::string sql;
  std::vector<std::string> expected;
  std::vector<std::string> lines;  // as written, for --update
};

std::vector<std::string> words(const std::string& line) {
  std::istringstream in(line);
  std::vector<std::string> out;
  for (std::string word; in >> word;) out.push_back(word);
  return out;
}

Record parse_record(std::vector<std::string> lines, size_t line) {
  Record record;
  record.line = line;
  size_t at = 0;
  while (at < lines.size() && lines[at].starts_with('#')) ++at;
  if (at < lines.size()) {
    record.header = lines[at];
    const std::vector<std::string> parts = words(lines[at]);
    ++at;
    if (parts.size() >= 2 && parts[0] == "statement") {
      record.kind = parts[1] == "ok" ? Record::Kind::ok : Record::Kind::error;
      if (parts.size() > 2) record.sqlstate = parts[2];
      for (size_t i = 3; i < parts.size(); ++i) {
        record.message += (i == 3 ? "" : " ") + parts[i];
      }
    } else if (!parts.empty() && parts[0] == "query") {
      record.kind = Record::Kind::query;
      record.sorted = std::find(parts.begin(), parts.end(), "rowsort") != parts.end();
    }
  }
  bool answer = false;
  for (; at < lines.size(); ++at) {
    if (lines[at] == "----")
      answer = true;
    else if (answer)
      record.expected.push_back(lines[at]);
    else
      record.sql += (record.sql.empty() ? "" : "\n") + lines[at];
  }
  record.lines = std::move(lines);
  return record;
}

std::vector<Record> parse_file(const std::string& path) {
  std::ifstream file(path);
  std::vector<Record> records;
  std::vector<std::string> lines;
  size_t number = 0, first = 1;
  std::string line;
  const auto finish = [&] {
    if (!lines.empty()) records.push_back(parse_record(std::exchange(lines, {}), first));
    first = number + 1;
  };
  while (std::getline(file, line)) {
    ++number;
    if (line.empty())
      finish();
    else
      lines.push_back(line);
  }
  ++number;
  finish();
  return records;
}

Result<void> collect(Session& session, const std::string& sql, std::vector<std::string>& rows) {
  QW_ASSIGN_OR_RETURN(const auto script, session.parse(sql));
  const size_t size = Session::script_size(*script);
  session.commit_at_once(size == 1);
  for (size_t i = 0; i < size; ++i) {
    QW_ASSIGN_OR_RETURN(const auto portal, session.run(*script, i));
    Batch batch;
    while (true) {
      QW_ASSIGN_OR_RETURN(const bool more, portal->next(batch));
      if (!more) break;
      for (uint32_t r = 0; r < batch.size(); ++r) {
        std::string row;
        for (size_t c = 0; c < batch.columns.size(); ++c) {
          if (c != 0) row += ' ';
          const size_t before = row.size();
          if (batch.columns[c].is_null(batch.row(r)))
            row += "NULL";
          else
            append_text(batch.columns[c], batch.row(r), session.style(), row);
          if (row.size() == before) row += "(empty)";
        }
        rows.push_back(std::move(row));
      }
    }
  }
  return {};
}

Result<void> execute(Session& session, const std::string& sql, std::vector<std::string>& rows) {
  auto ran = collect(session, sql, rows);
  auto ended = session.end_script(!ran);
  return ran ? ended : ran;
}

// What is wrong with the record's outcome; empty = nothing.
std::string judge(const Record& record, const Result<void>& result,
                  const std::vector<std::string>& rows) {
  switch (record.kind) {
    case Record::Kind::other:
      return "unknown record: " + record.header;
    case Record::Kind::ok:
      return result ? "" : result.error().to_string();
    case Record::Kind::error:
      if (result) return "succeeded, expected error " + record.sqlstate;
      if (!record.sqlstate.empty() && result.error().code().view() != record.sqlstate) {
        return "expected " + record.sqlstate + ", got " + result.error().to_string();
      }
      if (result.error().message().find(record.message) == std::string::npos) {
        return "expected message with \"" + record.message + "\", got " +
               result.error().to_string();
      }
      return "";
    case Record::Kind::query:
      break;
  }
  if (!result) return result.error().to_string();
  if (rows == record.expected) return "";
  std::string text = fmt::format("expected {} rows, got {}", record.expected.size(), rows.size());
  for (size_t i = 0; i < std::max(rows.size(), record.expected.size()); ++i) {
    const std::string* want = i < record.expected.size() ? &record.expected[i] : nullptr;
    const std::string* got = i < rows.size() ? &rows[i] : nullptr;
    if (want != nullptr && got != nullptr && *want == *got) continue;
    if (want != nullptr) text += "\n    - " + *want;
    if (got != nullptr) text += "\n    + " + *got;
  }
  return text;
}

void write_updated(const std::string& path, const std::vector<Record>& records) {
  std::ofstream file(path);
  for (size_t i = 0; i < records.size(); ++i) {
    if (i != 0) file << '\n';
    for (const std::string& line : records[i].lines) file << line << '\n';
  }
}

// The record's lines with the rows that came instead of those expected.
void replace_expected(Record& record, const std::vector<std::string>& rows) {
  const auto divider = std::find(record.lines.begin(), record.lines.end(), "----");
  record.lines.erase(divider, record.lines.end());
  record.lines.emplace_back("----");
  record.lines.insert(record.lines.end(), rows.begin(), rows.end());
}

void run_file(const std::string& path, bool update, SltResult& total) {
  std::vector<Record> records = parse_file(path);
  DatabaseOptions options;
  options.data_dir = "/tmp";
  options.ephemeral = true;
  auto database = Database::open(options);
  auto session = database ? (*database)->connect({})
                          : Result<std::unique_ptr<Session>>(fail(database.error()));
  if (!session) {
    fmt::print("{}: {}\n", path, session.error().to_string());
    ++total.failed;
    return;
  }
  size_t failed = 0, ran = 0;
  for (Record& record : records) {
    if (record.header.empty()) continue;  // comments only
    if (record.header == "halt") break;
    std::vector<std::string> rows;
    const Result<void> result = execute(**session, record.sql, rows);
    if (record.sorted) {
      std::sort(rows.begin(), rows.end());
      std::sort(record.expected.begin(), record.expected.end());
    }
    ++ran;
    const std::string wrong = judge(record, result, rows);
    if (wrong.empty()) continue;
    if (update && record.kind == Record::Kind::query && result) {
      replace_expected(record, rows);
      continue;
    }
    ++failed;
    fmt::print("{}:{}: {}\n", path, record.line, wrong);
  }
  total.failed += failed;
  total.passed += ran - failed;
  if (update) write_updated(path, records);
  fmt::print("{}: {} passed, {} failed\n", path, ran - failed, failed);
}

}  // namespace

SltResult run_slt(const std::vector<std::string>& paths, bool update) {
  SltResult total;
  for (const std::string& path : paths) run_file(path, update, total);
  return total;
}

}  // namespace qw::cli
