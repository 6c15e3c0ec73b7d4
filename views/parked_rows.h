// ParkedRows: changes that wait in front of a node until their partition of its state is in memory.
//
// Under a memory limit the rows of an epoch whose partitions are elsewhere gather here, by
// partition, so that each of those is brought back once per epoch, however the rows came. In front
// of a view that is being made they may wait over many epochs, in the order in which they came.
// Many rows go to the spill file themselves. Epoch thread. Tests: tests/unit/views/oracle_test.cc.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include "src/base/arena.h"
#include "src/base/result.h"
#include "src/types/batch.h"
#include "src/types/row_codec.h"
#include "storage/spill_file.h"
#include "views/state/residency.h"

namespace qw::views {

class ParkedRows {
 public:
  static constexpr uint32_t kPortsMax = 2;

  ParkedRows(const Spillable& unit, storage::SpillFile& file, size_t bytes_max);
  ParkedRows(const ParkedRows&) = delete;
  ParkedRows& operator=(const ParkedRows&) = delete;
  ~ParkedRows();

  // partitions[i] is that of the i-th live row.
  Result<void> add(uint32_t port, const Batch& batch, const uint8_t* partitions);
  // Those that have rows.
  uint64_t partitions() const { return waiting_; }
  // Gives the partition's rows, in batches that are valid during the call, and forgets them; also
  // those that come to wait meanwhile. Ends early when `enough` says so, asked now and then: false.
  using Taker = std::function<void(uint32_t port, const Batch& batch)>;
  using Enough = std::function<bool()>;
  Result<bool> take(uint32_t partition, const Taker& taker, const Enough& enough = {});
  void forget(uint32_t partition);
  // At most so many wait.
  uint64_t rows(uint32_t partition) const { return counts_[partition]; }
  // The same in two steps, for a few rows: all that wait now, in memory, and what is in a piece.
  struct Piece {
    uint32_t port;
    std::string records;
  };
  Result<std::vector<Piece>> take_pieces(uint32_t partition);
  void give(const Piece& piece, const Taker& taker) const;

 private:
  // Rows with weights, as a RowState's records.
  struct Rows {
    std::deque<storage::SpillFile::Extent> written;
    std::string bytes;  // of later rows
    bool empty() const { return written.empty() && bytes.empty(); }
  };
  Result<void> write_all();
  Result<void> write(Rows& rows);
  Result<std::string> take_piece(Rows& rows);

  storage::SpillFile& file_;
  size_t bytes_max_;
  std::vector<RowCodec> codecs_;  // by port
  std::array<std::array<Rows, kPartitionCount>, kPortsMax> rows_;
  uint64_t waiting_ = 0;
  std::array<uint64_t, kPartitionCount> counts_{};
  size_t bytes_ = 0;
  Arena arena_;
  std::vector<uint32_t> columns_;
};

}  // namespace qw::views
