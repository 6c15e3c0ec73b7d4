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

Result<std::string_view> PieceReader::payload(std::string_view value) {
  const std::string_view bytes = value.substr(kBlobHeaderBytes);
  const auto raw_size = load<uint32_t>(value.data() + 12);
  if ((static_cast<uint8_t>(value[8]) & kLz4) == 0) {
    if (bytes.size() != raw_size) return fail(damaged_blob(table_));
    return bytes;
  }
  if (raw_size > kBlobBytesMax) return fail(damaged_blob(table_));
  expanded_.resize(raw_size);
  const int size = LZ4_decompress_safe(bytes.data(), expanded_.data(),
                                       static_cast<int>(bytes.size()), static_cast<int>(raw_size));
  if (size != static_cast<int>(raw_size)) return fail(damaged_blob(table_));
  return std::string_view(expanded_);
}

Result<std::optional<std::string_view>> PieceReader::add(const KvEntry& blob) {
  if (blob.value.size() < kBlobHeaderBytes || !unseal(table_, blob.key, blob.value)) {
    return fail(damaged_blob(table_));
  }
  const bool goes_on = (static_cast<uint8_t>(blob.value[8]) & kGoesOn) != 0;
  QW_ASSIGN_OR_RETURN(const std::string_view bytes, payload(blob.value));
  if (!inside_ && !goes_on) return bytes;
  if (!inside_) joined_.clear();
  joined_ += bytes;
  inside_ = goes_on;
  if (goes_on) return std::nullopt;
  return std::string_view(joined_);
}

}  // namespace qw::storage
