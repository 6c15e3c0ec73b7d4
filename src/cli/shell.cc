// `quickwater sql` and `quickwater check`: see shell.h.
#include "src/cli/shell.h"

#include <sysexits.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "src/quickwater.h"

namespace qw::cli {
namespace {

int report(const Error& error) {
  fmt::print(stderr, "ERROR:  {}: {}\n", error.code().view(), error.message());
  if (!error.detail().empty()) fmt::print(stderr, "DETAIL:  {}\n", error.detail());
  if (!error.hint().empty()) fmt::print(stderr, "HINT:  {}\n", error.hint());
  return EX_DATAERR;
}

void print_rows(const Schema& columns, const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths;
  for (const Column& column : columns.columns) widths.push_back(column.name.size());
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  }
  std::string rule;
  for (size_t c = 0; c < widths.size(); ++c) {
    fmt::print("{} {:<{}} ", c == 0 ? "" : "|", columns.columns[c].name, widths[c]);
    rule += (c == 0 ? "" : "+") + std::string(widths[c] + 2, '-');
  }
  fmt::print("\n{}\n", rule);
  for (const auto& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      fmt::print("{} {:<{}} ", c == 0 ? "" : "|", row[c], widths[c]);
    }
    fmt::print("\n");
  }
  fmt::print("({} row{})\n", rows.size(), rows.size() == 1 ? "" : "s");
}

// As psql does it: the statements of -c are one implicit transaction, those of a file or of
// standard input each their own.
enum class Commit { together, each };

Result<void> run_text(Session& session, const std::string& text, Commit commit) {
  QW_ASSIGN_OR_RETURN(const auto script, session.parse(text));
  const size_t size = Session::script_size(*script);
  session.commit_at_once(size == 1 || commit == Commit::each);
  for (size_t i = 0; i < size; ++i) {
    QW_ASSIGN_OR_RETURN(const auto portal, session.run(*script, i));
    std::vector<std::vector<std::string>> rows;
    Batch batch;
    while (true) {
      QW_ASSIGN_OR_RETURN(const bool more, portal->next(batch));
      if (!more) break;
      for (uint32_t r = 0; r < batch.size(); ++r) {
        std::vector<std::string> row;
        for (const Vector& vector : batch.columns) {
          row.emplace_back();
          if (!vector.is_null(batch.row(r))) {
            append_text(vector, batch.row(r), session.style(), row.back());
          }
        }
        rows.push_back(std::move(row));
      }
    }
    if (portal->returns_rows())
      print_rows(portal->columns(), rows);
    else
      fmt::print("{}\n", portal->command_tag());
    if (commit == Commit::each) QW_TRY(session.end_script(false));
  }
  return {};
}

}  // namespace

int run_shell(const ShellOptions& options) {
  DatabaseOptions database_options;
  database_options.data_dir =
      options.ephemeral ? std::filesystem::temp_directory_path().string() : options.data_dir;
  database_options.ephemeral = options.ephemeral;
  auto database = Database::open(database_options);
  if (!database) return report(database.error());
  auto session = (*database)->connect({});
  if (!session) return report(session.error());
  (*session)->on_notice([](const Notice& notice) {
    fmt::print(stderr, "{}:  {}\n", notice.severity, notice.error.message());
  });
  std::string text = options.command;
  if (!options.file.empty()) {
    std::ifstream file(options.file);
    if (!file) {
      fmt::print(stderr, "quickwater: cannot read \"{}\"\n", options.file);
      return EX_NOINPUT;
    }
    std::stringstream all;
    all << file.rdbuf();
    text = all.str();
  } else if (text.empty()) {
    std::stringstream all;
    all << std::cin.rdbuf();
    text = all.str();
  }
  auto ran = run_text(**session, text, options.command.empty() ? Commit::each : Commit::together);
  auto ended = (*session)->end_script(!ran);
  if (!ran) return report(ran.error());
  if (!ended) return report(ended.error());
  return EX_OK;
}

int run_check(const std::string& data_dir) {
  DatabaseOptions options;
  options.data_dir = data_dir;
  options.may_create = false;
  auto database = Database::open(options);
  if (!database) return report(database.error());
  const auto findings = (*database)->check();
  if (!findings) return report(findings.error());
  for (const std::string& finding : *findings) fmt::print("{}\n", finding);
  if (findings->empty()) fmt::print("sound\n");
  return findings->empty() ? EX_OK : EX_DATAERR;
}

}  // namespace qw::cli
