// See measured.h.
#include "src/bench/measured.h"

#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "src/base/clock.h"
#include "src/base/memory_budget.h"
#include "src/base/pages.h"

namespace qw::bench {
namespace {

uint64_t anonymous_bytes() {
  std::ifstream status("/proc/self/status");
  std::string word;
  while (status >> word) {
    if (word != "RssAnon:") continue;
    uint64_t kilobytes = 0;
    status >> kilobytes;
    return kilobytes * 1024;
  }
  return 0;
}

}  // namespace

void figure(std::string_view bench, std::string_view which, std::string_view metric, double value,
            std::string_view unit) {
  fmt::print(R"({{"bench":"{}","case":"{}","metric":"{}","value":{:.6g},"unit":"{}"}})"
             "\n",
             bench, which, metric, value, unit);
  std::fflush(stdout);
}

Result<std::string> run_sql(Session& session, const std::string& sql) {
  QW_ASSIGN_OR_RETURN(const auto script, session.parse(sql));
  std::string value;
  for (size_t i = 0; i < Session::script_size(*script); ++i) {
    QW_ASSIGN_OR_RETURN(const auto portal, session.run(*script, i));
    Batch batch;
    bool first = true;
    while (true) {
      QW_ASSIGN_OR_RETURN(const bool more, portal->next(batch));
      if (!more) break;
      if (!first || batch.empty()) continue;
      first = false;
      value.clear();
      const uint32_t row = batch.row(0);
      if (!batch.columns[0].is_null(row)) {
        append_text(batch.columns[0], row, session.style(), value);
      }
    }
    QW_TRY(session.end_script(false));
  }
  return value;
}

Result<Measured> drain(Measurement& measurement, uint64_t rows) {
  SystemClock clock;
  Measured out;
  const int64_t cpu_us = process_cpu_us(), wall_us = clock.monotonic_us();
  int64_t sampled_us = 0;
  measurement.hold_sources = false;
  while (measurement.rows_committed < rows) {
    ::usleep(500);
    // A failed epoch would have us wait for ever; its error is in the log.
    if (measurement.failed) return fail(internal_error("the engine has stopped"));
    if (clock.monotonic_us() - sampled_us < 20'000) continue;
    sampled_us = clock.monotonic_us();
    out.peak_bytes = std::max(out.peak_bytes, anonymous_bytes());
  }
  out.cpu_us = static_cast<double>(process_cpu_us() - cpu_us);
  out.wall_us = static_cast<double>(clock.monotonic_us() - wall_us);
  out.peak_bytes = std::max(out.peak_bytes, anonymous_bytes());
  return out;
}

void warm_memory(uint64_t rows) {
  constexpr uint64_t kBytesPerRow = 256;
  const size_t bytes = std::min(rows * kBytesPerRow, available_memory() / 4);
  char* pages = map_pages(bytes);
  touch_pages(pages, bytes);
  unmap_pages(pages, bytes);
}

std::string fresh_dir(const std::string& wanted) {
  const std::string base =
      wanted.empty() ? (std::filesystem::temp_directory_path() / "quickwater-bench").string()
                     : wanted;
  return fmt::format("{}-{}", base, ::getpid());
}

int in_child(const std::string& name, const std::string& dir, Directory after,
             const std::function<Result<void>(const std::string& dir)>& work) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto ran = work(dir);
    if (!ran) fmt::print(stderr, "bench {}: {}\n", name, ran.error().to_string());
    std::fflush(stdout);
    ::_exit(ran ? EX_OK : EX_SOFTWARE);
  }
  int status = -1;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (after == Directory::remove) {
    std::error_code ignored;
    std::filesystem::remove_all(dir, ignored);
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EX_SOFTWARE;
}

}  // namespace qw::bench
