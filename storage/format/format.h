// Format: keys, values and checksums as they lie in the environment. README.md draws the bytes.
//
// Every stored value starts with 8 bytes of xxh3 over (table, key, rest of the value), so that a
// value that LMDB returns for the wrong key is as detectable as a flipped bit.
// Stateless; any thread. Tests: tests/unit/storage/format_test.cc.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "src/base/ids.h"
#include "src/base/limits.h"
#include "src/base/result.h"
#include "storage/kv.h"

namespace qw::storage {

// What LMDB and the disk write at once.
inline constexpr uint64_t kPageBytes = 4096;
inline uint64_t whole_pages(uint64_t size) {
  return (size + kPageBytes - 1) / kPageBytes * kPageBytes;
}

inline constexpr uint32_t kFormatVersion = 6;
inline constexpr size_t kChecksumBytes = 8;

inline uint64_t checksum(Table table, std::string_view key, std::string_view rest) {
  return hash_bytes(rest, hash_bytes(key, static_cast<uint64_t>(table) + 1));
}

// Writes the checksum of a value whose other bytes are already in place.
inline void seal(Table table, std::string_view key, char* value, size_t size) {
  store<uint64_t>(value, checksum(table, key, {value + kChecksumBytes, size - kChecksumBytes}));
}

// The value without its checksum, or nothing when it is damaged.
inline std::optional<std::string_view> unseal(Table table, std::string_view key,
                                              std::string_view value) {
  if (value.size() < kChecksumBytes) return std::nullopt;
  const std::string_view rest = value.substr(kChecksumBytes);
  if (load<uint64_t>(value.data()) != checksum(table, key, rest)) return std::nullopt;
  return rest;
}

// -- rows: key = object id, then the relation's key; value = checksum, row.
// A key over kRowKeyBytesMax is stored as its first kRowKeyPrefixBytes and 128 bits of hash, always
// 511 bytes long, which no short key is; its value is: checksum, key size (4), key, row.

inline constexpr size_t kObjectBytes = 4;
inline constexpr size_t kRowKeyHashBytes = 16;
inline constexpr size_t kRowKeyPrefixBytes =
    limits::kStoreKeyBytesMax - kObjectBytes - kRowKeyHashBytes;
inline constexpr size_t kRowKeyBytesMax = limits::kStoreKeyBytesMax - kObjectBytes - 1;
static_assert(kRowKeyPrefixBytes == 491 && kRowKeyBytesMax == 506);

// The physical key of a row, built in place: no allocation.
class RowKey {
 public:
  RowKey(ObjectId relation, std::string_view key) { assign(relation, key); }
  explicit RowKey(ObjectId relation) { assign(relation, {}); }

  void assign(ObjectId relation, std::string_view key) {
    store_be<uint32_t>(bytes_, relation.value);
    is_long_ = key.size() > kRowKeyBytesMax;
    if (!is_long_) {
      if (!key.empty()) std::memcpy(bytes_ + kObjectBytes, key.data(), key.size());
      size_ = kObjectBytes + key.size();
      return;
    }
    std::memcpy(bytes_ + kObjectBytes, key.data(), kRowKeyPrefixBytes);
    const XXH128_hash_t hash = XXH3_128bits(key.data(), key.size());
    store_be<uint64_t>(bytes_ + kObjectBytes + kRowKeyPrefixBytes, hash.high64);
    store_be<uint64_t>(bytes_ + kObjectBytes + kRowKeyPrefixBytes + 8, hash.low64);
    size_ = limits::kStoreKeyBytesMax;
  }

  std::string_view view() const { return {bytes_, size_}; }
  bool is_long() const { return is_long_; }

 private:
  size_t size_;
  bool is_long_;
  char bytes_[limits::kStoreKeyBytesMax];
};

inline ObjectId row_relation(std::string_view physical_key) {
  return ObjectId{load_be<uint32_t>(physical_key.data())};
}

inline bool is_long_row_key(std::string_view physical_key) {
  return physical_key.size() == limits::kStoreKeyBytesMax;
}

// Size of the stored value of a row.
inline size_t row_value_size(std::string_view key, std::string_view row) {
  return kChecksumBytes + (key.size() > kRowKeyBytesMax ? 4 + key.size() : 0) + row.size();
}

// Writes the stored value of a row into `to`, row_value_size() bytes.
void write_row_value(const RowKey& physical, std::string_view key, std::string_view row, char* to);

struct RowParts {
  std::string_view key, row;
};
// Key and row of an entry of the rows table; XX001 naming the relation when it is damaged.
Result<RowParts> read_row(const KvEntry& entry);

inline constexpr SqlState kDamaged = "XX001";
Error damaged_row(ObjectId relation);
// The same for an error of what holds the rows, if damage is what it says.
Error of_relation(Error error, ObjectId relation);

// -- log: key = epoch, kind, id, part (17 bytes, big-endian).

enum class LogKind : uint8_t { relation = 1, state = 2 };

struct LogStream {
  LogKind kind = LogKind::relation;
  uint32_t id = 0;
  auto operator<=>(const LogStream&) const = default;
};

inline constexpr size_t kLogKeyBytes = 17;
struct LogKey {
  char bytes[kLogKeyBytes];
  LogKey(Epoch epoch, LogStream stream, uint32_t part) {
    store_be<uint64_t>(bytes, epoch.value);
    bytes[8] = static_cast<char>(stream.kind);
    store_be<uint32_t>(bytes + 9, stream.id);
    store_be<uint32_t>(bytes + 13, part);
  }
  std::string_view view() const { return {bytes, kLogKeyBytes}; }
};
struct LogPosition {
  Epoch epoch;
  LogStream stream;
  uint32_t part = 0;
};
std::optional<LogPosition> parse_log_key(std::string_view key);

// -- image: key = state, partition, chunk (12 bytes, big-endian).

inline constexpr size_t kImageKeyBytes = 12;
struct ImageKey {
  char bytes[kImageKeyBytes];
  ImageKey(StateId state, uint32_t partition, uint32_t chunk) {
    store_be<uint32_t>(bytes, state.value);
    store_be<uint32_t>(bytes + 4, partition);
    store_be<uint32_t>(bytes + 8, chunk);
  }
  std::string_view view() const { return {bytes, kImageKeyBytes}; }
};

// -- meta: one byte of class, then the name; value = checksum, fields.

inline constexpr char kMetaFormat = 'F';        // format version (4)
inline constexpr char kMetaEpoch = 'E';         // epoch (8), log entries (8), log bytes (8)
inline constexpr char kMetaIdentity = 'N';      // random (8): what the catalog knows the store by
inline constexpr char kMetaRelation = 'R';      // relation -> RelationRecord
inline constexpr char kMetaImage = 'I';         // state, partition -> ImageRecord
inline constexpr char kMetaState = 'S';         // state -> partition count (4)
inline constexpr char kMetaDropRelation = 'D';  // relation whose rows are being erased
inline constexpr char kMetaDropState = 'T';     // state whose images are being erased
inline constexpr char kMetaUser = 'u';          // EpochWrite::meta

inline std::string meta_key(char meta_class) { return std::string(1, meta_class); }
inline std::string meta_key(char meta_class, uint32_t id) {
  std::string key(1, meta_class);
  append_be<uint32_t>(key, id);
  return key;
}
inline std::string meta_key(char meta_class, uint32_t id, uint32_t sub) {
  std::string key = meta_key(meta_class, id);
  append_be<uint32_t>(key, sub);
  return key;
}
inline std::string meta_user_key(std::string_view name) {
  std::string key(1, kMetaUser);
  key += name;
  return key;
}

struct EpochRecord {
  uint64_t epoch = 0, log_entries = 0, log_bytes = 0;
};
struct RelationRecord {
  int64_t rows = 0, copies = 0;
  uint64_t base_rows = 0, base_bytes = 0, folded = 0;
};
struct ImageRecord {
  uint64_t epoch = 0, bytes = 0;
  uint32_t chunks = 0, reserved = 0;
};

// Stores `value` (trivially copyable, or bytes) under a meta key.
Result<void> put_meta(KvWrite& txn, std::string_view key, std::string_view value);
template <typename T>
Result<void> put_meta_record(KvWrite& txn, std::string_view key, const T& record) {
  static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
  return put_meta(txn, key, {reinterpret_cast<const char*>(&record), sizeof(T)});
}
Result<std::string_view> read_meta(std::string_view key, std::string_view value);
template <typename T>
Result<T> read_meta_record(std::string_view key, std::string_view value) {
  QW_ASSIGN_OR_RETURN(const std::string_view bytes, read_meta(key, value));
  if (bytes.size() != sizeof(T)) return fail(data_corrupted("meta record has a wrong size"));
  return load<T>(bytes.data());
}

}  // namespace qw::storage
