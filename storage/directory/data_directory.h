// DataDirectory: the folder of one database and the lock that says whose it is.
//
// The lock is flock() on the file LOCK, which holds the pid of the holder; it goes with the
// process, however that ends. A private directory (ephemeral) is made inside a given folder and
// removed at the end; those that killed processes left behind are removed when the next one is
// made. One owner. Tests: tests/unit/storage/directory_test.cc.
#pragma once

#include <filesystem>
#include <memory>

#include "src/base/result.h"

namespace qw::storage {

inline constexpr const char* kStoreFile = "store.mdb";
inline constexpr const char* kJournalFile = "store.journal";
inline constexpr const char* kCatalogFile = "catalog.db";

// Makes the entries of a directory durable; call after files were made.
Result<void> sync_directory(const std::filesystem::path& path);

class DataDirectory {
 public:
  // Makes the directory when it is missing, if `may_create`. 55006 naming the holder's pid when it
  // is locked; 55000 when it is somebody else's, and then nothing is written into it; XX001 when
  // one of its two files is missing.
  static Result<std::unique_ptr<DataDirectory>> open(const std::filesystem::path& path,
                                                     bool may_create);
  // A new private directory inside `parent`.
  static Result<std::unique_ptr<DataDirectory>> open_private(const std::filesystem::path& parent);
  DataDirectory(const DataDirectory&) = delete;
  DataDirectory& operator=(const DataDirectory&) = delete;
  ~DataDirectory();

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path store_file() const { return path_ / kStoreFile; }
  std::filesystem::path journal_file() const { return path_ / kJournalFile; }
  Result<void> sync() const { return sync_directory(path_); }

 private:
  DataDirectory(std::filesystem::path path, int lock, bool is_private)
      : path_(std::move(path)), lock_(lock), private_(is_private) {}

  std::filesystem::path path_;
  int lock_;
  bool private_;
};

}  // namespace qw::storage
