// `quickwater bench upsert|backfill|recovery`: what rows at random keys cost, in this process.
//
// All three are fed by LOAD GENERATOR KEY VALUE: first every key once, then updates of uniformly
// random keys. Rows are about 60 bytes. Durable unless said otherwise.
#pragma once

#include <cstdint>
#include <string>

namespace qw::bench {

struct StateOptions {
  uint64_t keys = 1'000'000;
  uint64_t updates = 500'000;
  uint64_t batch_rows = 10'000;  // per transaction of the source: the smallest epoch
  std::string data_dir;          // "" = a private one under the temporary directory
};

// Updates of a table with an aggregate view over it.
int run_upsert(const StateOptions& options);
// New views over a table that is there: an aggregate, a join.
int run_backfill(const StateOptions& options);
// Opening what a killed process left: to the first answer of a view whose state is a group per key,
// beside one whose state is an index of all rows.
int run_recovery(const StateOptions& options);

}  // namespace qw::bench
