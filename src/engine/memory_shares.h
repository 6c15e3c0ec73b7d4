// MemoryShares: how --memory-limit is divided.
//
// What has no share of its own (code's own heap, a commit's dirty pages, what an epoch works with)
// lives on the rest, a tenth or so. Tests: tests/e2e/memory_test.py.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "src/base/limits.h"

namespace qw::engine {

struct MemoryShares {
  uint64_t process = 0;
  uint64_t queries = 0;      // all running statements
  uint64_t states = 0;       // operator state; beyond it partitions leave memory
  uint64_t states_max = 0;   // what cannot leave breaks its view beyond that
  uint64_t writes = 0;       // of one transaction
  uint64_t view_output = 0;  // of one view in one epoch
  size_t overlay = 0;        // rows that the base has not taken in yet
  size_t queue = 0, epoch_input = 0;
  size_t message = 0;  // of a client
  // Between epochs, by all relations together so that the next ones find it; twice, as what has
  // been staged leaves some behind, too.
  uint64_t kept = 0;
  // What an epoch is thought to make of all views, beyond which it makes one after the other.
  uint64_t epoch_output = 0;

  static constexpr uint64_t kLimitMin = 64 << 20;

  static MemoryShares of(uint64_t limit) {
    MemoryShares shares;
    shares.process = limit;
    shares.queries = limit / 4;
    shares.states = limit / 8 * 3;
    shares.states_max = limit / 2;
    shares.writes = limit / 8;
    shares.view_output = limit / 8;
    shares.overlay = std::min<size_t>(256 << 20, limit / 8);
    shares.message = std::min<size_t>(limits::kMessageBytesMax, limit / 16);
    shares.queue = std::min<size_t>(limits::kIngestQueueBytesMax, limit / 16);
    shares.kept = limit / 16;
    shares.epoch_output = limit / 8;
    shares.epoch_input = std::min<size_t>(limits::kEpochInputBytesMax, limit / 32);
    return shares;
  }
};

}  // namespace qw::engine
