// Generator: deterministic rows from a seed and an event number, for demos, tests and benchmarks.
//
// Event n always gives the same rows for the same parameters, so a position is an event number and
// resuming is exact. Pull-style and without threads; the load generator sources drive one,
// benchmarks call next() themselves. Strings point to immutable memory of the process or into the
// txn's arena. One thread at a time. Tests: tests/unit/ingest/generator_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "ingest/change.h"
#include "ingest/source.h"
#include "src/base/result.h"

namespace qw::ingest {

struct GeneratorOptions {
  uint64_t seed = 0;
  // Event time of event 0 (microseconds since 2000-01-01 UTC) and events per second of event time.
  int64_t start_us = 0;
  double event_rate = 100'000;
  // COUNTER: rows that live at once; 0 = all.
  uint64_t cardinality_max = 0;
  // NEXMARK: share of bids on the four hot channels (Flink 0.5, Feldera 0.99).
  double hot_channel_ratio = 0.5;
  // NEXMARK: false = views may not count on it that rows only ever come (none are removed).
  bool append_only = true;
  // KEY VALUE: how many keys, and the bytes of a row's payload.
  static constexpr uint64_t kValueBytesMax = 4096;
  uint64_t keys = 1'000'000;
  uint64_t value_bytes = 36;
};

class Generator {
 public:
  static Result<std::unique_ptr<Generator>> create(SourceKind kind,
                                                   const GeneratorOptions& options);
  Generator() = default;
  Generator(const Generator&) = delete;
  Generator& operator=(const Generator&) = delete;
  virtual ~Generator();

  virtual const std::vector<SourceTable>& tables() const = 0;
  // Appends the rows of events [first, first + count) to `txn`, which has an arena.
  virtual void next(uint64_t first, uint64_t count, SourceTxn& txn) = 0;
};

}  // namespace qw::ingest
