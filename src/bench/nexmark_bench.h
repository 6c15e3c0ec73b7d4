// `quickwater bench nexmark`: Nexmark's queries as materialized views, in this process, durable.
//
// Each case runs in a process of its own (peak memory is its own): the generator source feeds the
// view through the engine as it is; figures are events per CPU-second of the whole process less
// what the generator costs by itself, which is measured in the same process. The rows of person,
// auction and bid go to the view only, as with the peers that we compare with; `keep_input` keeps
// them as a server does. `dropped`: what the view gives out is counted and goes nowhere.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qw::bench {

struct NexmarkOptions {
  std::vector<std::string> queries;          // empty = all
  std::vector<std::string> outputs{"kept"};  // kept, dropped
  std::vector<std::string> rates{"1e7"};     // events per second of event time
  uint64_t events = 1'000'000;
  uint64_t batch_events = 20'000;  // per transaction of the source
  double hot_channel_ratio = 0.5;
  std::string data_dir;  // "" = a private one under the temporary directory
  bool keep_input = false;
  bool check = false;  // keeps the input and recomputes the view afterwards
  bool ephemeral = false;
  bool list = false;  // the names of the queries, and no more
};

// Prints one JSON line per figure; returns a sysexits code.
int run_nexmark(const NexmarkOptions& options);

}  // namespace qw::bench
