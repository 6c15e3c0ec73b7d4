// Epoch record: a staged epoch as bytes, for the journal. storage/README.md draws them.
// Stateless; any thread. Tests: tests/unit/storage/journal_test.cc.
#pragma once

#include <string>
#include <string_view>

#include "src/base/result.h"
#include "storage/store/store_impl.h"

namespace qw::storage {

// Whether the epoch is of the kind a record can hold: rows, state records and positions.
bool has_record(const EpochWrite& write);
void append_record(std::string& to, const StagedEpoch::Impl& staged);
// XX001 when it is not sound.
Result<StagedEpoch::Impl> read_record(Epoch epoch, std::string_view record);

}  // namespace qw::storage
