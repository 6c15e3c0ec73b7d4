// storage_kill [rounds] [seed]: kill -9 at random moments, reopen, compare.
//
// A child commits epochs and says so on a pipe after each; the parent kills it at a random moment
// (also while it is still recovering), reopens the same directory and demands an epoch at or after
// the last acknowledged one, with exactly the content that epoch has. Then the next child goes on
// from there.
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "src/base/log.h"
#include "src/base/random.h"
#include "storage/store.h"
#include "tests/crash/workload.h"

namespace qw::storage::crash {
namespace {

constexpr uint64_t kEpochsMax = 4000;  // then a fresh directory

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

int run(int rounds, uint64_t seed) {
  std::string dir = (std::filesystem::temp_directory_path() / "qw-kill-XXXXXX").string();
  if (mkdtemp(dir.data()) == nullptr) return 2;
  Random random(seed);
  StoreOptions options;
  options.dir = dir;
  options.fold = FoldPolicy::cost;
  options.overlay_bytes_max = 1 << 20;
  options.slice_pages_max = 32;
  uint64_t acknowledged = 0, epochs = 0;
  int failures = 0;
  for (int round = 0; round < rounds && failures == 0; ++round) {
    if (acknowledged > kEpochsMax) {
      std::filesystem::remove_all(dir);
      acknowledged = 0;
    }
    options.fold = round % 3 == 0 ? FoldPolicy::shuffled : FoldPolicy::cost;
    options.salt = seed;
    const uint64_t last = run_and_kill(options, seed, random);
    if (last == ~uint64_t{0}) ++failures;
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
      epochs += epoch.value - std::min(epoch.value, acknowledged);
      acknowledged = epoch.value;
    }
    if (!found.empty()) {
      ++failures;
      log::error("round {}, seed {}: {}", round, seed, found);
    }
  }
  std::filesystem::remove_all(dir);
  fmt::print("{{\"test\":\"storage_kill\",\"rounds\":{},\"epochs\":{},\"failures\":{}}}\n", rounds,
             acknowledged, failures);
  return failures == 0 ? 0 : 1;
}

}  // namespace
}  // namespace qw::storage::crash

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 40;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  return qw::storage::crash::run(rounds, seed);
}
