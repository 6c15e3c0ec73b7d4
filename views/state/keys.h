// KeyEncoder: the key columns of a batch as things that hash tables compare.
//
// Columns of fixed width with at most 16 bytes in sum become 16 bytes inline: widest first, so that
// none straddles a word, the last byte holds the null bits. Where the columns fill it, the null
// bits are in the hash instead (XOR), and keys are the same when words and hashes are. Anything
// else becomes packed key bytes (RowCodec::pack_keys: equal under PostgreSQL's equality exactly if
// the bytes are equal). With `Identity::exact` the packed row itself is the key, so that 1.0
// and 1.00 are two keys.
//   record: inline: [null bits 1 byte, where they are in the hash,] both words as varints
//           packed: size as a varint, bytes
// Immutable. Tests: tests/unit/views/state_test.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "src/base/arena.h"
#include "src/base/hash.h"
#include "src/types/batch.h"
#include "src/types/row_codec.h"

namespace qw::views {

// Inline: the 16 bytes. Packed: address and size of the bytes.
struct KeyWords {
  uint64_t low, high;
  std::string_view bytes() const { return {reinterpret_cast<const char*>(low), high}; }
  static KeyWords of(std::string_view bytes) {
    return {reinterpret_cast<uint64_t>(bytes.data()), bytes.size()};
  }
};

// One key per live row, in order.
struct KeyBatch {
  uint32_t count = 0;
  KeyWords* words = nullptr;
  uint64_t* hashes = nullptr;
};

inline constexpr uint32_t kPartitionBits = 6;
inline constexpr uint32_t kPartitionCount = 1U << kPartitionBits;
inline uint32_t partition_of(uint64_t hash) {
  return static_cast<uint32_t>(hash >> (64 - kPartitionBits));
}

// Of 2^bits parts of a partition, the one with the hash.
inline uint32_t bucket_of(uint64_t hash, uint32_t bits) {
  return bits == 0 ? 0 : static_cast<uint32_t>((hash << kPartitionBits) >> (64 - bits));
}

inline uint64_t hash_words(uint64_t low, uint64_t high) {
  return hash_u64(low ^ (high * 0x9e3779b97f4a7c15U));
}

enum class Identity : uint8_t { equal, exact };

// types[column] for each column.
std::vector<Type> pick_types(std::span<const Type> types, std::span<const uint32_t> columns);

// The rows of a batch by key, so that what holds per key is done once per key.
struct KeyGroups {
  KeyBatch keys;              // each key once, in the order in which they first occur
  uint16_t* of = nullptr;     // per row: which of `keys`
  uint16_t* first = nullptr;  // per key: its first row
};
// `packed`: as KeyEncoder::packed() of whoever made the keys. At most kBatchRowsMax keys.
void group_keys(const KeyBatch& keys, bool packed, Arena& arena, KeyGroups& out);

class KeyEncoder {
 public:
  explicit KeyEncoder(std::vector<Type> types, Identity identity = Identity::equal);

  bool packed() const { return packed_; }
  std::span<const Type> types() const { return types_; }
  // Keys of the live rows; `columns[i]` is the batch column of key column i.
  void encode(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
              KeyBatch& out) const;
  // The key as part of a record, and back, taken off the front of `records`, to which packed keys
  // refer; nullopt: damaged.
  void append(std::string& out, const KeyWords& words, uint64_t hash) const;
  struct Key {
    KeyWords words;
    uint64_t hash;
  };
  std::optional<Key> take(std::string_view& records) const;
  // The key columns of stored keys as flat vectors. Of values with several spellings
  // (has_spellings() in src/types/key_codec.h) the canonical one: which it was is lost.
  void decode(std::span<const KeyWords> keys, const uint64_t* hashes, Arena& arena,
              std::vector<Vector>& out) const;
  // Of a key without NULLs.
  uint64_t hash(const KeyWords& words) const {
    return packed_ ? hash_bytes(words.bytes()) : hash_words(words.low, words.high);
  }

 private:
  void encode_inline(const Batch& batch, std::span<const uint32_t> columns, KeyWords* words,
                     uint8_t* nulls) const;
  uint8_t null_bits(const KeyWords& words, uint64_t hash) const;

  std::vector<Type> types_;
  Identity identity_;
  bool packed_ = false;
  bool full_ = false;             // inline, without a byte for null bits
  std::vector<uint32_t> offset_;  // inline: byte of each column
  RowCodec codec_;
};

}  // namespace qw::views
