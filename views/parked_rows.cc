// ParkedRows: see parked_rows.h.
#include "views/parked_rows.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"
#include "src/base/limits.h"
#include "views/state/state.h"

namespace qw::views {
namespace {

// Of one partition, at most about: what is given without a question whether it is enough.
constexpr size_t kPieceBytes = 64 << 10;

}  // namespace

ParkedRows::ParkedRows(const Spillable& unit, storage::SpillFile& file, size_t bytes_max)
    : file_(file), bytes_max_(bytes_max) {
  for (uint32_t port = 0; port < kPortsMax; ++port) codecs_.emplace_back(unit.row_types(port));
}

ParkedRows::~ParkedRows() {
  for (uint32_t p = 0; p < kPartitionCount; ++p) forget(p);
}

Result<void> ParkedRows::add(uint32_t port, const Batch& batch, const uint8_t* partitions) {
  QW_ASSERT(port < kPortsMax && batch.columns.size() == codecs_[port].types().size());
  arena_.reset();
  const uint32_t count = batch.size();
  columns_.resize(batch.columns.size());
  for (uint32_t c = 0; c < columns_.size(); ++c) columns_[c] = c;
  auto* packed = arena_.allocate_array<std::string_view>(count);
  codecs_[port].pack(batch, columns_, arena_, packed);
  for (uint32_t i = 0; i < count; ++i) {
    Rows& rows = rows_[port][partitions[i]];
    std::string& bytes = rows.bytes;
    const size_t before = bytes.size();
    append_varint(bytes, zigzag(batch.weight(batch.row(i))));
    append_varint(bytes, packed[i].size());
    bytes.append(packed[i]);
    bytes_ += bytes.size() - before;
    waiting_ |= uint64_t{1} << partitions[i];
    ++counts_[partitions[i]];
    if (bytes.size() >= kPieceBytes) QW_TRY(write(rows));
  }
  return bytes_ > bytes_max_ ? write_all() : Result<void>();
}

Result<void> ParkedRows::write_all() {
  for (auto& of_port : rows_) {
    for (Rows& rows : of_port) {
      if (!rows.bytes.empty()) QW_TRY(write(rows));
    }
  }
  return {};
}

Result<void> ParkedRows::write(Rows& rows) {
  QW_ASSIGN_OR_RETURN(const auto extent, file_.write(rows.bytes));
  bytes_ -= rows.bytes.size();
  rows.written.push_back(extent);
  std::string().swap(rows.bytes);
  return {};
}

void ParkedRows::give(const Piece& piece, const Taker& taker) const {
  std::string_view records = piece.records;
  const RowCodec& codec = codecs_[piece.port];
  std::vector<std::string_view> rows;
  std::vector<int64_t> weights;
  Arena arena;
  while (!records.empty()) {
    rows.clear();
    weights.clear();
    while (!records.empty() && rows.size() < limits::kBatchRowsMax) {
      const auto weight = read_varint(records);
      const auto size = read_varint(records);
      QW_ASSERT(weight && size && *size <= records.size());
      rows.push_back(records.substr(0, *size));
      weights.push_back(unzigzag(*weight));
      records.remove_prefix(*size);
    }
    arena.reset();
    Batch batch;
    batch.rows = static_cast<uint32_t>(rows.size());
    codec.unpack(rows, {}, arena, batch.columns);
    const bool plain =
        std::all_of(weights.begin(), weights.end(), [](int64_t w) { return w == 1; });
    batch.weights = plain ? nullptr : weights.data();
    taker(piece.port, batch);
  }
}

Result<bool> ParkedRows::take(uint32_t partition, const Taker& taker, const Enough& enough) {
  const auto any = [&] {
    return std::any_of(rows_.begin(), rows_.end(),
                       [&](const auto& of_port) { return !of_port[partition].empty(); });
  };
  while (any()) {
    for (uint32_t port = 0; port < kPortsMax; ++port) {
      Rows& rows = rows_[port][partition];
      while (!rows.empty()) {
        QW_ASSIGN_OR_RETURN(std::string records, take_piece(rows));
        give({port, std::move(records)}, taker);
        if (enough && enough() && any()) return false;
      }
    }
  }
  forget(partition);
  return true;
}

Result<std::vector<ParkedRows::Piece>> ParkedRows::take_pieces(uint32_t partition) {
  std::vector<Piece> pieces;
  for (uint32_t port = 0; port < kPortsMax; ++port) {
    Rows& rows = rows_[port][partition];
    while (!rows.empty()) {
      QW_ASSIGN_OR_RETURN(std::string records, take_piece(rows));
      pieces.push_back({port, std::move(records)});
    }
  }
  forget(partition);
  return pieces;
}

// The oldest ones.
Result<std::string> ParkedRows::take_piece(Rows& rows) {
  std::string piece;
  if (rows.written.empty()) {
    bytes_ -= std::min(bytes_, rows.bytes.size());
    piece.swap(rows.bytes);
    return piece;
  }
  const storage::SpillFile::Extent extent = rows.written.front();
  rows.written.pop_front();
  const Result<void> read = file_.read(extent, piece);
  file_.release(extent);
  QW_TRY(read);
  return piece;
}

void ParkedRows::forget(uint32_t partition) {
  for (auto& of_port : rows_) {
    Rows& rows = of_port[partition];
    for (const auto& extent : rows.written) file_.release(extent);
    bytes_ -= std::min(bytes_, rows.bytes.size());
    rows = Rows();
  }
  waiting_ &= ~(uint64_t{1} << partition);
  counts_[partition] = 0;
}

}  // namespace qw::views
