// MemoryKv: a Kv without a disk, with crashes on demand, for tests and simulation.
//
// Multi-version maps: a commit adds versions, readers see the newest one that is not younger than
// they are, versions nobody can see go. Keep the shared_ptr over a "restart" of the Store: what was
// committed is what is on "disk". Internally synchronised.
// Tests: tests/unit/storage/kv_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "storage/commit_fault.h"
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

}  // namespace qw::storage
