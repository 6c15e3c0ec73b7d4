// LogDirectory: what lies in the log and in the images, in memory, so that neither has to be
// searched.
//
// Every stream (a relation's deltas, a state's records) has the epochs whose entries recovery still
// needs. What a fold or an image makes obsolete becomes garbage, erased in key order, in slices.
// Bound to the commit thread (the store's commit mutex). Tests: tests/unit/storage/store_test.cc.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <tuple>
#include <vector>

#include "src/base/result.h"
#include "storage/format/format.h"
#include "storage/kv.h"

namespace qw::storage {

class LogDirectory {
 public:
  struct Ref {
    Epoch epoch;
    uint32_t parts = 0;
    uint64_t bytes = 0;
  };

  // Epochs of a stream come in ascending order; parts of one epoch add up.
  void add(LogStream stream, Epoch epoch, uint32_t parts, uint64_t bytes);
  // Entries up to `epoch` are no longer needed.
  void release(LogStream stream, Epoch epoch);
  void release_all(LogStream stream);
  const std::deque<Ref>* find(LogStream stream) const;
  uint64_t bytes_of(LogStream stream) const;

  // Erases up to `entries_max` obsolete entries; returns how many.
  Result<size_t> collect(KvWrite& txn, size_t entries_max);
  // Enough garbage to make erasing worth its pages.
  bool wants_collection() const;

  // Everything that lies in the log, garbage included.
  uint64_t entries() const { return entries_; }
  uint64_t bytes() const { return bytes_; }
  const std::map<LogStream, std::deque<Ref>>& streams() const { return streams_; }

 private:
  struct Garbage {
    Epoch epoch;
    LogStream stream;
    uint32_t parts = 0;
    uint64_t bytes = 0;
    bool operator<(const Garbage& other) const {
      return std::tie(epoch, stream) < std::tie(other.epoch, other.stream);
    }
  };
  void discard(LogStream stream, const Ref& ref);

  std::map<LogStream, std::deque<Ref>> streams_;
  std::set<Garbage> garbage_;
  uint64_t garbage_bytes_ = 0;
  uint64_t entries_ = 0, bytes_ = 0;
};

}  // namespace qw::storage
