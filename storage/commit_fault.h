// CommitFault: what simulations and tests let become of a commit. Thread contract: plain value.
// Tests: tests/unit/storage/kv_test.cc, tests/unit/storage/catalog_test.cc.
#pragma once

#include <cstdint>

namespace qw::storage {

enum class CommitFault : uint8_t {
  none,
  lost,  // the commit fails and nothing of it is there afterwards
  kept,  // the commit fails, but a restart finds it (the sync came through, the answer did not)
  full   // no room: the commit fails with 53100 and nothing of it is there
};

}  // namespace qw::storage
