// AdvisoryLocks: pg_advisory_lock() and its kin: locks whose meaning is the applications' business.
//
// A lock belongs to a session, counts how often it was taken, and is released by unlocking as
// often, at the end of the session, or at the end of the transaction for the transaction kind.
// Internally synchronised.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>

namespace qw::engine {

class AdvisoryLocks {
 public:
  enum class Life : uint8_t { session, transaction };
  enum class Outcome : uint8_t { taken, busy, cancelled };

  // Waits, if asked to, until the lock is free or `cancelled` turns true.
  Outcome take(int32_t owner, int64_t key, Life life, bool wait,
               const std::atomic<bool>& cancelled);
  // False: this session does not hold it.
  bool release(int32_t owner, int64_t key);
  void release_all(int32_t owner);
  void end_transaction(int32_t owner);

 private:
  struct Held {
    int32_t owner = 0;
    uint32_t session = 0, transaction = 0;  // times taken
  };
  // With mutex_ held.
  void drop(int32_t owner, uint32_t Held::*count);

  std::mutex mutex_;
  std::condition_variable freed_;
  std::map<int64_t, Held> held_;  // guarded by mutex_
};

}  // namespace qw::engine
