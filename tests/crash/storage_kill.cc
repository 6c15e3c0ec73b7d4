// storage_kill [--from N] [--count N]: kill -9 at random moments, reopen, compare.
//
// Rounds go in series of kSeries over one directory, each with a seed of its own; a range is made
// of whole series.
//
// A child commits epochs and says so on a pipe after each; the parent kills it at a random moment
// (also while it is still recovering), reopens the same directory and demands an epoch at or after
// the last acknowledged one, with exactly the content that epoch has. Then the next child goes on
// from there.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "src/base/log.h"
#include "src/base/random.h"
#include "storage/store.h"
#include "tests/crash/range.h"
#include "tests/crash/workload.h"

namespace qw::storage::crash {
namespace {

constexpr uint64_t kSeries = 40;

[[noreturn]] void child(const StoreOptions& options, uint64_t seed, int acknowledge) {
  auto store = Store::open(options);
  if (!store) _exit(3);
  Workload workload(seed);
  workload.run_to((*store)->epoch());
  for (;;) {
    if (!(*store)->commit(workload.next())) _exit(4);
    const uint64_t epoch = (*store)->epoch().value;
    if (write(acknowledge, &epoch, sizeof(epoch)) != sizeof(epoch)) _exit(5);
    if (epoch % 7 == 0 && !(*store)->maintain()) _exit(6);
  }
}

// Kills a fresh child after a random while; returns the last epoch it acknowledged.
uint64_t run_and_kill(const StoreOptions& options, uint64_t seed, Random& random) {
  std::array<int, 2> fds{};
  if (pipe(fds.data()) != 0) std::abort();
  const pid_t pid = fork();
  if (pid == 0) {
    close(fds[0]);
    child(options, seed, fds[1]);
  }
  close(fds[1]);
  uint64_t last = 0;
  // Some die while they open, most after some epochs and a little more.
  uint64_t wanted = random.chance(0.1) ? 0 : 1 + random.below(60);
  while (wanted > 0) {
    uint64_t epoch = 0;
    if (read(fds[0], &epoch, sizeof(epoch)) != sizeof(epoch)) break;
    last = epoch;
    --wanted;
  }
  usleep(static_cast<useconds_t>(random.below(3000)));
  kill(pid, SIGKILL);
  int status = 0;
  waitpid(pid, &status, 0);
  for (uint64_t epoch = 0; read(fds[0], &epoch, sizeof(epoch)) == sizeof(epoch);) last = epoch;
  close(fds[0]);
  if (WIFEXITED(status)) log::error("the child failed: exit code {}", WEXITSTATUS(status));
  return WIFEXITED(status) ? ~uint64_t{0} : last;
}

struct Outcome {
  uint64_t rounds = 0, epochs = 0, failures = 0;
};

Outcome run_series(uint64_t seed, uint64_t rounds) {
  std::string dir = (std::filesystem::temp_directory_path() / "qw-kill-XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) std::abort();
  Random random(seed);
  StoreOptions options;
  options.dir = dir;
  options.fold = FoldPolicy::cost;
  options.overlay_bytes_max = 1 << 20;
  options.slice_pages_max = 32;
  uint64_t acknowledged = 0;
  Outcome outcome;
  for (uint64_t round = 0; round < rounds && outcome.failures == 0; ++round) {
    ++outcome.rounds;
    options.fold = round % 3 == 0 ? FoldPolicy::shuffled : FoldPolicy::cost;
    options.salt = seed;
    const uint64_t last = run_and_kill(options, seed, random);
    if (last == ~uint64_t{0}) {
      ++outcome.failures;
      break;
    }
    acknowledged = std::max(acknowledged, last);
    auto store = Store::open(options);
    std::string found = store ? std::string() : store.error().to_string();
    if (store) {
      const Epoch epoch = (*store)->epoch();
      if (epoch.value < acknowledged || epoch.value > acknowledged + 1) {
        found = fmt::format("epoch {} after {} was acknowledged", epoch, acknowledged);
      }
      Workload workload(seed);
      workload.run_to(epoch);
      if (found.empty()) found = workload.compare(**store);
      acknowledged = epoch.value;
    }
    if (!found.empty()) {
      ++outcome.failures;
      log::error("round {}, seed {}: {}", round, seed, found);
    }
  }
  std::filesystem::remove_all(dir);
  outcome.epochs = acknowledged;
  return outcome;
}

}  // namespace
}  // namespace qw::storage::crash

int main(int argc, char** argv) {
  using namespace qw::storage::crash;
  const Range range = parse_range(argc, argv, kSeries);
  Outcome all;
  for (uint64_t done = 0; done < range.count; done += kSeries) {
    const Outcome one =
        run_series((range.first + done) / kSeries + 1, std::min(kSeries, range.count - done));
    all.rounds += one.rounds;
    all.epochs += one.epochs;
    all.failures += one.failures;
  }
  fmt::print(
      "{{\"test\":\"storage_kill\",\"from\":{},\"count\":{},\"rounds\":{},\"epochs\":{},"
      "\"failures\":{}}}\n",
      range.first, range.count, all.rounds, all.epochs, all.failures);
  return all.failures == 0 ? 0 : 1;
}
