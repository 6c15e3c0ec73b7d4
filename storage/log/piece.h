// Pieces: byte strings of the log and of images, cut into blobs of at most 1 MiB.
//
// A blob's value is: checksum (8), flags (1), zero (3), raw size (4), payload. Flag 1: the payload
// is LZ4; flag 2: the piece goes on in the next blob. Compression is tried on a sample and kept
// where it halves the bytes: a core is dearer than the disk here. Stateless writer, one-thread
// reader. Tests: tests/unit/storage/piece_test.cc.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/result.h"
#include "storage/kv.h"

namespace qw::storage {

inline constexpr size_t kBlobBytesMax = 1 << 20;
inline constexpr size_t kBlobHeaderBytes = 16;

struct PieceSize {
  uint32_t blobs = 0;
  uint64_t bytes = 0;  // of stored values
};

// Writes a piece as consecutive blobs; `key(n)` gives the key of the n-th one. The key is used
// until the next call. An empty piece is one empty blob.
Result<PieceSize> write_piece(KvWrite& txn, Table table, PutMode mode, std::string_view piece,
                              const std::function<std::string_view(uint32_t blob)>& key,
                              std::string& scratch);

// A blob whose checksum is right.
struct Blob {
  std::string_view payload;
  uint32_t raw_size = 0;
  bool compressed = false;
  bool goes_on = false;
};
// XX001 when it is damaged; the caller says where.
Result<Blob> open_blob(Table table, const KvEntry& entry);
// Writes its raw_size bytes to `to`; XX001 as above.
Result<void> expand_blob(Table table, const Blob& blob, char* to);

// Joins blobs to pieces again.
class PieceReader {
 public:
  explicit PieceReader(Table table) : table_(table) {}
  // The piece that this blob completes, valid until the next call (or as long as the transaction);
  // nothing while it goes on. XX001 when the blob is damaged; the caller says where.
  Result<std::optional<std::string_view>> add(const KvEntry& blob);
  bool inside_piece() const { return inside_; }

 private:
  Table table_;
  std::string joined_, expanded_;
  bool inside_ = false;
};

}  // namespace qw::storage
