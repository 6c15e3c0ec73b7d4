// Pieces: see piece.h.
#include "storage/log/piece.h"

#include <lz4.h>

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "storage/format/format.h"

namespace qw::storage {
namespace {

constexpr uint8_t kLz4 = 1, kGoesOn = 2;
constexpr size_t kCompressMin = 1024;
constexpr size_t kSampleBytes = 16 << 10;

// Compresses into `scratch` and returns the size, or 0 where it does not pay.
size_t compress(std::string_view bytes, std::string& scratch) {
  if (bytes.size() < kCompressMin) return 0;
  scratch.resize(std::max(scratch.size(), size_t{LZ4_COMPRESSBOUND(kBlobBytesMax)}));
  const auto halves = [&](std::string_view part) -> size_t {
    const int size =
        LZ4_compress_default(part.data(), scratch.data(), static_cast<int>(part.size()),
                             static_cast<int>(part.size() / 2));
    return static_cast<size_t>(std::max(size, 0));
  };
  if (bytes.size() > 2 * kSampleBytes && halves(bytes.substr(0, kSampleBytes)) == 0) return 0;
  return halves(bytes);
}

Error damaged_blob(Table table) {
  return data_corrupted(table == Table::log ? "stored log entry is damaged"
                                            : "stored image is damaged")
      .with_hint("Run quickwater check, and restore the data directory from a backup.");
}

}  // namespace

Result<PieceSize> write_piece(KvWrite& txn, Table table, PutMode mode, std::string_view piece,
                              const std::function<std::string_view(uint32_t)>& key,
                              std::string& scratch) {
  PieceSize written;
  do {
    const std::string_view raw = piece.substr(0, kBlobBytesMax);
    piece.remove_prefix(raw.size());
    const size_t compressed = compress(raw, scratch);
    const std::string_view payload =
        compressed == 0 ? raw : std::string_view(scratch).substr(0, compressed);
    const std::string_view blob_key = key(written.blobs);
    const size_t size = kBlobHeaderBytes + payload.size();
    QW_ASSIGN_OR_RETURN(const KvSlot slot, txn.put(table, blob_key, size, mode));
    std::memset(slot.bytes, 0, kBlobHeaderBytes);
    slot.bytes[8] = static_cast<char>((compressed == 0 ? 0 : kLz4) | (piece.empty() ? 0 : kGoesOn));
    store<uint32_t>(slot.bytes + 12, static_cast<uint32_t>(raw.size()));
    if (!payload.empty()) {
      std::memcpy(slot.bytes + kBlobHeaderBytes, payload.data(), payload.size());
    }
    seal(table, blob_key, slot.bytes, size);
    ++written.blobs;
    written.bytes += size;
  } while (!piece.empty());
  return written;
}

Result<Blob> open_blob(Table table, const KvEntry& entry) {
  if (entry.value.size() < kBlobHeaderBytes || !unseal(table, entry.key, entry.value)) {
    return fail(damaged_blob(table));
  }
  const auto flags = static_cast<uint8_t>(entry.value[8]);
  const Blob blob{entry.value.substr(kBlobHeaderBytes), load<uint32_t>(entry.value.data() + 12),
                  (flags & kLz4) != 0, (flags & kGoesOn) != 0};
  const bool fits =
      blob.compressed ? blob.raw_size <= kBlobBytesMax : blob.raw_size == blob.payload.size();
  if (!fits) return fail(damaged_blob(table));
  return blob;
}

Result<void> expand_blob(Table table, const Blob& blob, char* to) {
  if (!blob.compressed) {
    std::copy(blob.payload.begin(), blob.payload.end(), to);
    return {};
  }
  const int size =
      LZ4_decompress_safe(blob.payload.data(), to, static_cast<int>(blob.payload.size()),
                          static_cast<int>(blob.raw_size));
  if (size != static_cast<int>(blob.raw_size)) return fail(damaged_blob(table));
  return {};
}

Result<std::optional<std::string_view>> PieceReader::add(const KvEntry& entry) {
  QW_ASSIGN_OR_RETURN(const Blob blob, open_blob(table_, entry));
  std::string_view bytes = blob.payload;
  if (blob.compressed) {
    expanded_.resize(blob.raw_size);
    QW_TRY(expand_blob(table_, blob, expanded_.data()));
    bytes = expanded_;
  }
  if (!inside_ && !blob.goes_on) return bytes;
  if (!inside_) joined_.clear();
  joined_ += bytes;
  inside_ = blob.goes_on;
  if (blob.goes_on) return std::nullopt;
  return std::string_view(joined_);
}

}  // namespace qw::storage
