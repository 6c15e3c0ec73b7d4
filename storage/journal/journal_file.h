// JournalFile: the journal of a data directory. storage/README.md draws its bytes.
//
// Records begin at blocks and are written one after the other from the front, over what the rounds
// before have left there. The first block that holds no record of the next epoch ends the journal;
// a whole record of a later epoch behind it means that one before it has been damaged. The store's
// identity is part of every checksum, so another store's records are none.
// One thread at a time. Tests: tests/unit/storage/journal_test.cc.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>

#include "storage/journal/journal.h"
#include "storage/kv.h"

namespace qw::storage {

class JournalFile final : public Journal {
 public:
  // Makes the file of a new store, in place of what may be there, and syncs it; its directory's
  // entry is the caller's to sync.
  static Result<std::unique_ptr<JournalFile>> create(const std::filesystem::path& file,
                                                     uint64_t identity, Durability durability);
  // XX001 when the file is missing, damaged, or another store's.
  static Result<std::unique_ptr<JournalFile>> open(const std::filesystem::path& file,
                                                   uint64_t identity, Durability durability);
  ~JournalFile() override;

  Result<void> replay(Epoch last, const Visit& visit) override;
  Result<bool> append(Epoch epoch, std::string_view record) override;
  void restart() override;

 private:
  JournalFile(std::filesystem::path file, uint64_t identity, Durability durability, int fd)
      : file_(std::move(file)), identity_(identity), durability_(durability), fd_(fd) {}
  // False: no room.
  Result<bool> confirm();
  Result<bool> extend(uint64_t end);
  // False: no room.
  Result<bool> write_at(uint64_t at, std::string_view bytes);

  const std::filesystem::path file_;
  const uint64_t identity_;
  const Durability durability_;
  const int fd_;
  uint64_t end_ = 0;    // where the next record goes
  uint64_t bytes_ = 0;  // of the file
  std::string buffer_;
  std::string unconfirmed_;  // blocks that replay() found and that are not known to be durable
};

}  // namespace qw::storage
