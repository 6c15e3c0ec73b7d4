// MemoryKv: a Kv without a disk, with crashes on demand, for tests and simulation.
//
// Multi-version maps: a commit adds versions, readers see the newest one that is not younger than
// they are, versions nobody can see go. Keep the shared_ptr over a "restart" of the Store: what was
// committed is what is on "disk". Internally synchronised.
// Tests: tests/unit/storage/kv_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "storage/commit_fault.h"
#include "storage/journal/journal.h"
#include "storage/kv.h"

namespace qw::storage {

class MemoryKv final : public Kv {
 public:
  MemoryKv();
  ~MemoryKv() override;
  // Asked before each commit, with the version it would make.
  void set_fault(std::function<CommitFault(uint64_t version)> fault);
  // Flips one bit of a stored value, as a bad disk would. False when there is no such key.
  bool flip_bit(Table table, std::string_view key, size_t bit);

  Result<std::unique_ptr<KvRead>> begin_read() override;
  Result<std::unique_ptr<KvWrite>> begin_write() override;
  Result<void> check_syncs() override { return {}; }
  Result<uint32_t> check_readers() override { return 0U; }
  Result<KvStats> stats() override;
  Result<void> copy_to(const std::string& dir) override;

  struct Impl;

 private:
  std::shared_ptr<Impl> impl_;
};

// The journal that goes with it, to be kept over a "restart" as well. One thread at a time.
class MemoryJournal final : public Journal {
 public:
  // Asked before each append.
  void set_fault(std::function<CommitFault()> fault) { fault_ = std::move(fault); }

  Result<void> replay(Epoch last, const Visit& visit) override;
  Result<bool> append(Epoch epoch, std::string_view record) override;
  void restart() override { records_.clear(); }

 private:
  static constexpr size_t kRecordsMax = 20;
  std::function<CommitFault()> fault_;
  std::map<Epoch, std::string> records_;
};

}  // namespace qw::storage
