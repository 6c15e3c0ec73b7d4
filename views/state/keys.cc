// KeyEncoder: column-wise loops per width; see keys.h.
#include "views/state/keys.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "views/state/varint.h"

namespace qw::views {
namespace {

constexpr uint32_t kInlineBytesMax = 16, kInlineColumnsMax = 8;
// Where null bits go in a hash: no table looks for a key by these.
constexpr uint32_t kHashNullShift = 40;

bool inline_type(const Type& type, Identity identity) {
  switch (type.physical()) {
    case Physical::b1:
    case Physical::i1:
    case Physical::i16:
    case Physical::i32:
    case Physical::u32:
    case Physical::i64:
      return true;
    case Physical::f32:
    case Physical::f64:
      return identity == Identity::equal;
    case Physical::wide16:
    case Physical::numeric:
    case Physical::string:
    case Physical::none:
      return false;
  }
  return false;
}

inline uint64_t bits_of(uint8_t value) { return value; }
inline uint64_t bits_of(uint16_t value) { return value; }
inline uint64_t bits_of(uint32_t value) { return value; }
inline uint64_t bits_of(uint64_t value) { return value; }
inline uint64_t bits_of(float value) {
  if (std::isnan(value)) value = std::numeric_limits<float>::quiet_NaN();
  return load<uint32_t>(&(value = value == 0.0F ? 0.0F : value));
}
inline uint64_t bits_of(double value) {
  if (std::isnan(value)) value = std::numeric_limits<double>::quiet_NaN();
  return load<uint64_t>(&(value = value == 0.0 ? 0.0 : value));
}

// `nulls`: where null bits go, per key; null: into the words.
template <typename T>
void put_column(const Batch& batch, const Vector& vector, uint32_t offset, uint32_t null_bit,
                KeyWords* words, uint8_t* nulls) {
  const uint32_t shift = (offset % 8) * 8, count = batch.size();
  const T* values = vector.values<T>();
  const bool high = offset >= 8;
  const uint64_t null_mark = uint64_t{1} << (56 + null_bit);
  if (vector.form == Form::flat && vector.validity == nullptr && batch.selection == nullptr) {
    if (high) {
      for (uint32_t i = 0; i < count; ++i) words[i].high |= bits_of(values[i]) << shift;
    } else {
      for (uint32_t i = 0; i < count; ++i) words[i].low |= bits_of(values[i]) << shift;
    }
    return;
  }
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t slot = vector.slot(batch.row(i));
    if (vector.validity != nullptr && !bit_get(vector.validity, slot)) {
      if (nulls == nullptr) {
        words[i].high |= null_mark;
      } else {
        nulls[i] = static_cast<uint8_t>(nulls[i] | 1U << null_bit);
      }
    } else if (high) {
      words[i].high |= bits_of(values[slot]) << shift;
    } else {
      words[i].low |= bits_of(values[slot]) << shift;
    }
  }
}

template <typename T>
void take_column(std::span<const KeyWords> keys, const uint8_t* nulls, uint32_t offset,
                 uint32_t null_bit, Vector& out, Arena& arena) {
  const uint32_t shift = (offset % 8) * 8, count = static_cast<uint32_t>(keys.size());
  T* values = out.values<T>();
  for (uint32_t i = 0; i < count; ++i) {
    const uint64_t word = offset >= 8 ? keys[i].high : keys[i].low;
    const uint64_t bits = word >> shift;
    std::memcpy(&values[i], &bits, sizeof(T));
    if (nulls[i] >> null_bit & 1U) out.set_null(i, count, arena);
  }
}

}  // namespace

std::vector<Type> pick_types(std::span<const Type> types, std::span<const uint32_t> columns) {
  std::vector<Type> out;
  out.reserve(columns.size());
  for (const uint32_t column : columns) out.push_back(types[column]);
  return out;
}

KeyEncoder::KeyEncoder(std::vector<Type> types, Identity identity)
    : types_(std::move(types)), identity_(identity), codec_(types_) {
  uint32_t bytes = 0;
  for (const Type& type : types_) {
    if (!inline_type(type, identity)) packed_ = true;
    bytes += type.bytes();
  }
  packed_ = packed_ || bytes > kInlineBytesMax || types_.size() > kInlineColumnsMax;
  if (packed_) return;
  full_ = bytes == kInlineBytesMax;
  std::vector<uint32_t> order(types_.size());
  std::iota(order.begin(), order.end(), 0U);
  std::stable_sort(order.begin(), order.end(),
                   [&](uint32_t a, uint32_t b) { return types_[a].bytes() > types_[b].bytes(); });
  offset_.resize(types_.size());
  uint32_t at = 0;
  for (const uint32_t column : order) {
    offset_[column] = at;
    at += types_[column].bytes();
  }
}

void group_keys(const KeyBatch& keys, bool packed, Arena& arena, KeyGroups& out) {
  QW_ASSERT(keys.count <= kBatchRowsMax);
  uint32_t slots = 16;
  while (slots < 2 * keys.count) slots *= 2;
  // Number of the key + 1; small enough to stay in the nearest cache.
  auto* table = arena.allocate_array<uint16_t>(slots);
  std::memset(table, 0, slots * sizeof(uint16_t));
  out.of = arena.allocate_array<uint16_t>(keys.count + 1);
  out.first = arena.allocate_array<uint16_t>(keys.count + 1);
  out.keys.words = arena.allocate_column<KeyWords>(keys.count);
  out.keys.hashes = arena.allocate_column<uint64_t>(keys.count);
  uint32_t found = 0;
  for (uint32_t i = 0; i < keys.count; ++i) {
    const KeyWords& key = keys.words[i];
    const uint64_t hash = keys.hashes[i];
    auto slot = static_cast<uint32_t>(hash >> 16) & (slots - 1);
    for (; table[slot] != 0; slot = (slot + 1) & (slots - 1)) {
      const uint32_t g = table[slot] - 1U;
      if (out.keys.hashes[g] != hash || out.keys.words[g].high != key.high) continue;
      const uint64_t low = out.keys.words[g].low;
      if (low == key.low) break;
      if (packed && std::memcmp(reinterpret_cast<const void*>(low),
                                reinterpret_cast<const void*>(key.low), key.high) == 0) {
        break;
      }
    }
    if (table[slot] == 0) {
      out.keys.words[found] = key;
      out.keys.hashes[found] = hash;
      out.first[found] = static_cast<uint16_t>(i);
      table[slot] = static_cast<uint16_t>(++found);
    }
    out.of[i] = static_cast<uint16_t>(table[slot] - 1U);
  }
  out.keys.count = found;
}

uint8_t KeyEncoder::null_bits(const KeyWords& words, uint64_t hash) const {
  return static_cast<uint8_t>(full_ ? (hash ^ hash_words(words.low, words.high)) >> kHashNullShift
                                    : words.high >> 56);
}

void KeyEncoder::append(std::string& out, const KeyWords& words, uint64_t hash) const {
  if (packed_) {
    append_varint(out, words.high);
    out.append(words.bytes());
    return;
  }
  char bytes[1 + 2 * kVarintBytesMax];
  char* end = bytes;
  if (full_) *end++ = static_cast<char>(null_bits(words, hash));
  end = put_varint(put_varint(end, words.low), words.high);
  out.append(bytes, static_cast<size_t>(end - bytes));
}

std::optional<KeyEncoder::Key> KeyEncoder::take(std::string_view& records) const {
  if (packed_) {
    const auto size = read_varint(records);
    if (!size || *size > records.size()) return std::nullopt;
    const KeyWords words = KeyWords::of(records.substr(0, *size));
    records.remove_prefix(*size);
    return Key{words, hash(words)};
  }
  uint64_t nulls = 0;
  if (full_) {
    if (records.empty()) return std::nullopt;
    nulls = static_cast<uint8_t>(records.front());
    records.remove_prefix(1);
  }
  const auto low = read_varint(records), high = read_varint(records);
  if (!low || !high) return std::nullopt;
  const KeyWords words{*low, *high};
  return Key{words, hash(words) ^ nulls << kHashNullShift};
}

void KeyEncoder::encode_inline(const Batch& batch, std::span<const uint32_t> columns,
                               KeyWords* words, uint8_t* nulls) const {
  for (uint32_t c = 0; c < types_.size(); ++c) {
    const Vector& vector = batch.columns[columns[c]];
    switch (types_[c].physical()) {
      case Physical::b1:
      case Physical::i1:
        put_column<uint8_t>(batch, vector, offset_[c], c, words, nulls);
        break;
      case Physical::i16:
        put_column<uint16_t>(batch, vector, offset_[c], c, words, nulls);
        break;
      case Physical::i32:
      case Physical::u32:
        put_column<uint32_t>(batch, vector, offset_[c], c, words, nulls);
        break;
      case Physical::i64:
        put_column<uint64_t>(batch, vector, offset_[c], c, words, nulls);
        break;
      case Physical::f32:
        put_column<float>(batch, vector, offset_[c], c, words, nulls);
        break;
      case Physical::f64:
        put_column<double>(batch, vector, offset_[c], c, words, nulls);
        break;
      case Physical::wide16:
      case Physical::numeric:
      case Physical::string:
      case Physical::none:
        QW_UNREACHABLE();
    }
  }
}

void KeyEncoder::encode(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                        KeyBatch& out) const {
  QW_ASSERT(columns.size() == types_.size());
  const uint32_t count = batch.size();
  out.count = count;
  out.words = arena.allocate_column<KeyWords>(count);
  out.hashes = arena.allocate_column<uint64_t>(count);
  if (!packed_) {
    std::memset(static_cast<void*>(out.words), 0, sizeof(KeyWords) * count);
    uint8_t* nulls = nullptr;
    for (uint32_t c = 0; full_ && nulls == nullptr && c < types_.size(); ++c) {
      if (batch.columns[columns[c]].validity == nullptr) continue;
      nulls = arena.allocate_array<uint8_t>(count + 1);
      std::memset(nulls, 0, count);
    }
    encode_inline(batch, columns, out.words, nulls);
    for (uint32_t i = 0; i < count; ++i) {
      out.hashes[i] = hash_words(out.words[i].low, out.words[i].high);
    }
    for (uint32_t i = 0; nulls != nullptr && i < count; ++i) {
      out.hashes[i] ^= uint64_t{nulls[i]} << kHashNullShift;
    }
    return;
  }
  auto* bytes = arena.allocate_array<std::string_view>(count);
  if (identity_ == Identity::exact) {
    codec_.pack(batch, columns, arena, bytes);
  } else {
    codec_.pack_keys(batch, columns, arena, bytes);
  }
  for (uint32_t i = 0; i < count; ++i) {
    out.words[i] = KeyWords::of(bytes[i]);
    out.hashes[i] = hash_bytes(bytes[i]);
  }
}

void KeyEncoder::decode(std::span<const KeyWords> keys, const uint64_t* hashes, Arena& arena,
                        std::vector<Vector>& out) const {
  const uint32_t count = static_cast<uint32_t>(keys.size());
  if (packed_) {
    auto* rows = arena.allocate_array<std::string_view>(count);
    for (uint32_t i = 0; i < count; ++i) rows[i] = keys[i].bytes();
    codec_.unpack({rows, count}, {}, arena, out);
    return;
  }
  out.clear();
  auto* nulls = arena.allocate_array<uint8_t>(count + 1);
  for (uint32_t i = 0; i < count; ++i) nulls[i] = null_bits(keys[i], hashes[i]);
  for (uint32_t c = 0; c < types_.size(); ++c) {
    Vector vector = Vector::flat(types_[c], count, arena);
    switch (types_[c].physical()) {
      case Physical::b1:
      case Physical::i1:
        take_column<uint8_t>(keys, nulls, offset_[c], c, vector, arena);
        break;
      case Physical::i16:
        take_column<uint16_t>(keys, nulls, offset_[c], c, vector, arena);
        break;
      case Physical::i32:
      case Physical::u32:
      case Physical::f32:
        take_column<uint32_t>(keys, nulls, offset_[c], c, vector, arena);
        break;
      case Physical::i64:
      case Physical::f64:
        take_column<uint64_t>(keys, nulls, offset_[c], c, vector, arena);
        break;
      case Physical::wide16:
      case Physical::numeric:
      case Physical::string:
      case Physical::none:
        QW_UNREACHABLE();
    }
    out.push_back(vector);
  }
}

}  // namespace qw::views
