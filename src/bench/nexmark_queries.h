// The queries of Nexmark as SELECTs over person, auction and bid. Immutable.
#pragma once

#include <span>
#include <string_view>

namespace qw::bench {

struct NexmarkQuery {
  std::string_view name;
  std::string_view sql;
  bool proctime = false;    // reads when rows were taken in
  bool append_only = true;  // false: as over tables whose rows may change
};

std::span<const NexmarkQuery> nexmark_queries();

}  // namespace qw::bench
