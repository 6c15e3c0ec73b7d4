// Limits: every bound of the system in one place. Each has a test that reaches it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace qw::limits {

// Rows of one columnar batch; selection indices are 16 bits.
inline constexpr uint32_t kBatchRowsMax = 4096;
// PostgreSQL's own limits.
inline constexpr uint32_t kColumnsMax = 1600;
inline constexpr uint32_t kNameBytesMax = 63;
inline constexpr uint32_t kParametersMax = 65535;
inline constexpr uint32_t kArrayDimensionsMax = 6;
inline constexpr uint32_t kNumericPrecisionMax = 1000;
inline constexpr uint32_t kNumericScaleMax = 16383;
// A single value or row.
inline constexpr size_t kValueBytesMax = (size_t{1} << 30) - 1;
inline constexpr uint32_t kArrayElementsMax = (1 << 27) - 1;
// SQL text, and how deep any recursive pass over it may go (parser, binder, planner, printer).
inline constexpr size_t kQueryBytesMax = 64 << 20;
inline constexpr uint32_t kNestingMax = 1000;
// LMDB 0.9: the longest key it takes, and the dirty entries of one transaction.
inline constexpr size_t kStoreKeyBytesMax = 511;
inline constexpr size_t kStoreDirtyEntriesMax = 131071;
// Small epochs wait in the journal until the store takes them in.
inline constexpr size_t kJournalBytesMax = 4 << 20;
// Wire: before authentication, after it.
inline constexpr size_t kStartupPacketBytesMax = 10000;
inline constexpr size_t kMessageBytesMax = 256 << 20;
// Rows that wait between threads.
inline constexpr size_t kIngestQueueBytesMax = 64 << 20;
inline constexpr size_t kEpochInputBytesMax = 8 << 20;
inline constexpr uint32_t kConnectionsMax = 5000;

}  // namespace qw::limits
