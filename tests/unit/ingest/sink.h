// CollectingSink: keeps what a source pushes, for assertions. Declared before its source, whose
// thread calls it until the source is gone.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "ingest/source.h"

namespace qw::ingest {

class CollectingSink final : public SourceSink {
 public:
  bool push(SourceTxn txn) override {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    txns_.push_back(std::move(txn));
    changed_.notify_all();
    return !closed_;
  }
  void status(const SourceStatus& status) override {
    const std::lock_guard lock(mutex_);
    status_ = status;
    changed_.notify_all();
  }
  // Waits until `done` holds of what has come; false after `seconds`.
  bool wait(const std::function<bool(const std::vector<SourceTxn>&, const SourceStatus&)>& done,
            int seconds = 30) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(seconds),
                             [&] { return done(txns_, status_); });
  }
  void close() {
    const std::lock_guard lock(mutex_);
    closed_ = true;
  }
  std::vector<SourceTxn> take() {
    const std::lock_guard lock(mutex_);
    return std::exchange(txns_, {});
  }
  SourceStatus last_status() {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<SourceTxn> txns_;  // guarded by mutex_, as all below
  SourceStatus status_;
  bool closed_ = false;
};

}  // namespace qw::ingest
