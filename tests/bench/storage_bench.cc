// storage_bench DIR: what the store reaches alone, one JSON line per figure.
//
//   empty_commit   an epoch that writes one meta value, synced: p50 and p99
//   log_commit     an epoch of 1 MiB of state records, synced
//   append_rows    rows of 60 bytes in key order, epochs of 10,000
//   random_upsert  rows of 60 bytes under uniform random keys, epochs of 10,000
//   scan, get      of the relation those left
//   recover_log    state records handed to a sink that does nothing; rows of 60 bytes
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "src/base/bytes.h"
#include "src/base/clock.h"
#include "src/base/log.h"
#include "src/base/random.h"
#include "storage/store.h"

namespace qw::storage {
namespace {

constexpr ObjectId kAppended{16384}, kRandom{16385};
constexpr StateId kState{1};
constexpr size_t kRowBytes = 60;

void print(std::string_view name, std::string_view metric, double value, std::string_view unit) {
  fmt::print(
      "{{\"bench\":\"storage\",\"case\":\"{}\",\"metric\":\"{}\",\"value\":{:.4g},"
      "\"unit\":\"{}\"}}\n",
      name, metric, value, unit);
}

template <typename T>
T must(Result<T> result) {
  if (!result) {
    log::error("{}", result.error().to_string());
    std::abort();
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

class Bench {
 public:
  explicit Bench(const std::string& dir) {
    options_.dir = dir;
    options_.clock = &clock_;
    store_ = must(Store::open(options_));
  }

  void commits(std::string_view name, size_t bytes, int rounds) {
    std::vector<int64_t> times;
    Random random(1);
    std::string piece(bytes, '\0');
    for (size_t i = 0; i + 8 <= bytes; i += 8) store<uint64_t>(piece.data() + i, random.next());
    for (int i = 0; i < rounds; ++i) {
      EpochWrite write = next();
      write.meta.push_back({"position", "0/1234"});
      if (bytes > 0) write.state_logs.push_back({kState, {piece}});
      if (bytes > 0 && i % 50 == 49) write.images.push_back({kState, 0, 1, {"image"}});
      const int64_t begun = clock_.monotonic_us();
      must(store_->commit(std::move(write)));
      times.push_back(clock_.monotonic_us() - begun);
    }
    std::sort(times.begin(), times.end());
    const size_t p99 = times.size() * 99 / 100;
    print(name, "p50", static_cast<double>(times[times.size() / 2]) / 1000, "ms");
    print(name, "p99", static_cast<double>(times[p99]) / 1000, "ms");
  }

  void upserts(std::string_view name, ObjectId relation, uint64_t rows, bool in_order) {
    constexpr uint64_t kEpochRows = 10000;
    Random random(2);
    const std::string row(kRowBytes - 16, 'r');
    const int64_t begun = clock_.monotonic_us(), cpu = process_cpu_us();
    uint64_t at = 0;
    for (uint64_t done = 0; done < rows; done += kEpochRows) {
      std::vector<std::string> keys(kEpochRows, std::string(16, '\0'));
      for (std::string& key : keys) {
        store_be<uint64_t>(key.data(), in_order ? ++at : random.below(rows));
      }
      std::sort(keys.begin(), keys.end());
      keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
      EpochWrite write = next();
      RelationDelta delta;
      delta.relation = relation;
      for (const std::string& key : keys) delta.changes.push_back(RowChange::put(key, row));
      write.relations.push_back(std::move(delta));
      must(store_->commit(std::move(write)));
    }
    rate(name, rows, clock_.monotonic_us() - begun, process_cpu_us() - cpu);
    const StoreStats stats = store_->stats();
    print(name, "written_per_row_byte",
          static_cast<double>(stats.committed_bytes) / static_cast<double>(rows * kRowBytes), "");
  }

  void reads(ObjectId relation, uint64_t rows) {
    const Snapshot snapshot = must(store_->snapshot());
    int64_t begun = clock_.monotonic_us(), cpu = process_cpu_us();
    Cursor cursor = must(snapshot.scan(relation));
    std::vector<RowView> batch(2048);
    uint64_t seen = 0;
    for (size_t count = batch.size(); count == batch.size();) {
      count = must(cursor.next(batch));
      seen += count;
    }
    rate("scan", seen, clock_.monotonic_us() - begun, process_cpu_us() - cpu);
    constexpr uint64_t kGets = 200000;
    Random random(3);
    begun = clock_.monotonic_us();
    cpu = process_cpu_us();
    for (uint64_t i = 0; i < kGets; ++i) {
      std::string key(16, '\0');
      store_be<uint64_t>(key.data(), random.below(rows));
      (void)must(snapshot.get(relation, key));
    }
    rate("get", kGets, clock_.monotonic_us() - begun, process_cpu_us() - cpu);
  }

  void recovery(uint64_t rows) {
    const std::string piece(kRowBytes * 10000, 's');
    for (uint64_t done = 0; done < rows; done += 100000) {
      EpochWrite write = next();
      write.state_logs.push_back({StateId{2}, std::vector<std::string>(10, piece)});
      must(store_->commit(std::move(write)));
    }
    store_.reset();
    const int64_t begun = clock_.monotonic_us(), cpu = process_cpu_us();
    store_ = must(Store::open(options_));
    print("open", "time", static_cast<double>(clock_.monotonic_us() - begun) / 1000, "ms");
    uint64_t bytes = 0;
    must(store_->recover_state(
        StateId{2}, [](uint32_t, Epoch, std::string_view) { return Result<void>(); },
        [&](Epoch, std::string_view log) {
          bytes += log.size();
          return Result<void>();
        }));
    rate("recover_log", bytes / kRowBytes, clock_.monotonic_us() - begun, process_cpu_us() - cpu);
  }

 private:
  EpochWrite next() {
    EpochWrite write;
    write.epoch = Epoch{store_->epoch().value + 1};
    return write;
  }
  static void rate(std::string_view name, uint64_t rows, int64_t wall_us, int64_t cpu_us) {
    const auto count = static_cast<double>(rows);
    print(name, "rows_per_second", count * 1e6 / static_cast<double>(std::max<int64_t>(wall_us, 1)),
          "1/s");
    print(name, "rows_per_cpu_second",
          count * 1e6 / static_cast<double>(std::max<int64_t>(cpu_us, 1)), "1/s");
  }

  SystemClock clock_;
  StoreOptions options_;
  std::unique_ptr<Store> store_;
};

}  // namespace
}  // namespace qw::storage

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  const uint64_t rows = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1000000;
  qw::storage::Bench bench(argv[1]);
  bench.commits("empty_commit", 0, 500);
  bench.commits("log_commit_1MiB", 1 << 20, 200);
  bench.upserts("append_rows", qw::storage::kAppended, rows, true);
  bench.upserts("random_upsert", qw::storage::kRandom, rows, false);
  bench.reads(qw::storage::kRandom, rows);
  bench.recovery(rows);
  return 0;
}
