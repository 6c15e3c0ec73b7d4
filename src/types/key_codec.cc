// KeyCodec: see key_codec.h.
//
// Fixed-width fields have a known number of bytes, so a batch is encoded column-wise: sizes, one
// allocation, then each column's bytes at its row's cursor. Variable fields are measured first;
// the rare ones (numeric, arrays, jsonb) are built in a scratch string.
#include "src/types/key_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <utility>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/types/array.h"
#include "src/types/interval.h"
#include "src/types/jsonb.h"
#include "src/types/numeric.h"
#include "src/types/row_index.h"
#include "src/types/str.h"
#include "src/types/uuid.h"

namespace qw {
namespace {

// Tags around the value's own: NULL sorts before or after every value.
constexpr char kNullFirst = 0, kValue = 1, kNullLast = 2;

char null_tag(SortOrder order) { return order.nulls_first ? kNullFirst : kNullLast; }

template <typename T>
auto ordered_bits(T value) {
  if constexpr (std::is_floating_point_v<T>) {
    using Bits = std::conditional_t<sizeof(T) == 4, uint32_t, uint64_t>;
    constexpr Bits sign = Bits{1} << (sizeof(T) * 8 - 1);
    if (std::isnan(value)) return static_cast<Bits>(~Bits{0});
    const auto bits = std::bit_cast<Bits>(value + T{0});  // -0 becomes 0
    return static_cast<Bits>((bits & sign) != 0 ? ~bits : bits | sign);
  } else if constexpr (std::is_same_v<T, bool>) {
    return static_cast<uint8_t>(value);
  } else if constexpr (std::is_signed_v<T>) {
    using Bits = std::make_unsigned_t<T>;
    constexpr auto sign = static_cast<Bits>(Bits{1} << (sizeof(T) * 8 - 1));
    return static_cast<Bits>(static_cast<Bits>(value) ^ sign);
  } else {
    return value;
  }
}

// Bytes of a fixed-width value in a key, without the tag; 0 = variable.
uint32_t fixed_key_bytes(Type type) {
  switch (type.physical()) {
    case Physical::b1:
    case Physical::i1:
      return 1;
    case Physical::i16:
      return 2;
    case Physical::i32:
    case Physical::u32:
    case Physical::f32:
      return 4;
    case Physical::i64:
    case Physical::f64:
      return 8;
    case Physical::wide16:
      return type.id == TypeId::timetz ? 12 : 16;
    case Physical::numeric:
    case Physical::string:
    case Physical::none:
      return 0;
  }
  return 0;
}

void store_wide(TypeId id, const void* value, char* to) {
  if (id == TypeId::uuid) {
    std::memcpy(to, value, 16);
  } else if (id == TypeId::timetz) {
    const auto time = load<TimeTz>(value);
    store_be(to, ordered_bits(time.us + int64_t{time.zone} * 1'000'000));
    store_be(to + 8, ordered_bits(time.zone));
  } else {
    const Int128 span = interval::span_us(load<Interval>(value));
    const UInt128 bits = static_cast<UInt128>(span) ^ (UInt128{1} << 127);
    store_be(to, static_cast<uint64_t>(bits >> 64));
    store_be(to + 8, static_cast<uint64_t>(bits));
  }
}

void invert(char* bytes, size_t size) {
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<char>(~bytes[i]);
}

std::string_view key_text(Type type, std::string_view text) {
  if (type.id != TypeId::bpchar) return text;
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// Types whose key is their escaped bytes.
bool plain_bytes(Type type) {
  return type.physical() == Physical::string && type.id != TypeId::jsonb &&
         type.id != TypeId::array && type.id != TypeId::int2vector && type.id != TypeId::oidvector;
}

size_t escaped_size(std::string_view text) {
  return text.size() + static_cast<size_t>(std::count(text.begin(), text.end(), '\0')) + 2;
}

char* store_escaped(std::string_view text, char* to) {
  const void* zero = text.empty() ? nullptr : std::memchr(text.data(), 0, text.size());
  if (zero == nullptr) [[likely]] {
    if (!text.empty()) std::memcpy(to, text.data(), text.size());
    to += text.size();
  } else {
    for (const char c : text) {
      *to++ = c;
      if (c == '\0') *to++ = '\xff';
    }
  }
  *to++ = '\0';
  *to++ = '\0';
  return to;
}

// The value part of a variable field that is not plain bytes.
void append_built(Type type, const void* cell, std::string& out) {
  if (type.physical() == Physical::numeric) return numeric::append_key(load<Numeric>(cell), out);
  const std::string_view bytes = static_cast<const Str*>(cell)->view();
  if (type.id == TypeId::jsonb) return jsonb::append_key(bytes, out);
  array::append_key(bytes, out);
}

using Cursors = std::array<char*, kBatchRowsMax>;

template <typename T>
void encode_fixed(const Vector& vector, const Batch& batch, SortOrder order, Cursors& cursors) {
  const uint64_t* validity = vector.validity;
  using Bits = decltype(ordered_bits(T{}));
  const Bits flip = order.descending ? static_cast<Bits>(~Bits{0}) : Bits{0};
  const T* values = vector.values<T>();
  const char absent = null_tag(order);
  visit_slots(vector, batch, [&](auto slot) {
    for (uint32_t i = 0; i < batch.size(); ++i) {
      const uint32_t at = slot(i);
      char* to = cursors[i];
      if (validity != nullptr && !bit_get(validity, at)) {
        *to = absent;
        cursors[i] = to + 1;
        continue;
      }
      *to = kValue;
      store_be(to + 1, static_cast<Bits>(ordered_bits(values[at]) ^ flip));
      cursors[i] = to + 1 + sizeof(Bits);
    }
  });
}

void encode_wide(const Vector& vector, const Batch& batch, SortOrder order, Cursors& cursors) {
  const uint32_t bytes = fixed_key_bytes(vector.type);
  visit_slots(vector, batch, [&](auto slot) {
    for (uint32_t i = 0; i < batch.size(); ++i) {
      const uint32_t at = slot(i);
      char* to = cursors[i];
      if (vector.validity != nullptr && !bit_get(vector.validity, at)) {
        *to = null_tag(order);
        cursors[i] = to + 1;
        continue;
      }
      *to = kValue;
      store_wide(vector.type.id, static_cast<const char*>(vector.data) + size_t{at} * 16, to + 1);
      if (order.descending) invert(to + 1, bytes);
      cursors[i] = to + 1 + bytes;
    }
  });
}

void encode_bytes(const Vector& vector, const Batch& batch, SortOrder order, Cursors& cursors) {
  const Str* values = vector.values<Str>();
  visit_slots(vector, batch, [&](auto slot) {
    for (uint32_t i = 0; i < batch.size(); ++i) {
      const uint32_t at = slot(i);
      char* to = cursors[i];
      if (vector.validity != nullptr && !bit_get(vector.validity, at)) {
        *to = null_tag(order);
        cursors[i] = to + 1;
        continue;
      }
      *to = kValue;
      cursors[i] = store_escaped(key_text(vector.type, values[at].view()), to + 1);
      if (order.descending) invert(to + 1, static_cast<size_t>(cursors[i] - to - 1));
    }
  });
}

// Values built ahead of the allocation: `ends[i]` bounds row i's part of `bytes`.
struct Built {
  std::string bytes;
  std::vector<size_t> ends;
};

void encode_built(const Vector& vector, const Batch& batch, SortOrder order, const Built& built,
                  Cursors& cursors) {
  visit_slots(vector, batch, [&](auto slot) {
    for (uint32_t i = 0; i < batch.size(); ++i) {
      char* to = cursors[i];
      if (vector.validity != nullptr && !bit_get(vector.validity, slot(i))) {
        *to = null_tag(order);
        cursors[i] = to + 1;
        continue;
      }
      const size_t begin = i == 0 ? 0 : built.ends[i - 1], size = built.ends[i] - begin;
      *to = kValue;
      std::memcpy(to + 1, built.bytes.data() + begin, size);
      if (order.descending) invert(to + 1, size);
      cursors[i] = to + 1 + size;
    }
  });
}

void encode_column(const Vector& vector, const Batch& batch, SortOrder order, const Built& built,
                   Cursors& cursors) {
  switch (vector.type.physical()) {
    case Physical::b1:
      return encode_fixed<bool>(vector, batch, order, cursors);
    case Physical::i1:
      return encode_fixed<uint8_t>(vector, batch, order, cursors);
    case Physical::i16:
      return encode_fixed<int16_t>(vector, batch, order, cursors);
    case Physical::i32:
      return encode_fixed<int32_t>(vector, batch, order, cursors);
    case Physical::u32:
      return encode_fixed<uint32_t>(vector, batch, order, cursors);
    case Physical::i64:
      return encode_fixed<int64_t>(vector, batch, order, cursors);
    case Physical::f32:
      return encode_fixed<float>(vector, batch, order, cursors);
    case Physical::f64:
      return encode_fixed<double>(vector, batch, order, cursors);
    case Physical::wide16:
      return encode_wide(vector, batch, order, cursors);
    case Physical::numeric:
      return encode_built(vector, batch, order, built, cursors);
    case Physical::string:
      if (plain_bytes(vector.type)) return encode_bytes(vector, batch, order, cursors);
      return encode_built(vector, batch, order, built, cursors);
    case Physical::none:
      return;
  }
}

// Adds each row's bytes for this field, tag included.
void add_sizes(const Vector& vector, const Batch& batch, Built& built, size_t* sizes) {
  const uint32_t fixed = fixed_key_bytes(vector.type);
  const uint32_t live = batch.size();
  if (fixed != 0) {
    for (uint32_t i = 0; i < live; ++i) sizes[i] += 1 + fixed;
    return;
  }
  visit_slots(vector, batch, [&](auto slot) {
    for (uint32_t i = 0; i < live; ++i) {
      const uint32_t at = slot(i);
      const bool valid = vector.validity == nullptr || bit_get(vector.validity, at);
      if (plain_bytes(vector.type)) {
        sizes[i] += 1;
        if (valid) sizes[i] += escaped_size(key_text(vector.type, vector.values<Str>()[at].view()));
        continue;
      }
      const size_t before = built.bytes.size();
      if (valid) {
        append_built(vector.type, static_cast<const char*>(vector.data) + size_t{at} * 16,
                     built.bytes);
      }
      built.ends.push_back(built.bytes.size());
      sizes[i] += 1 + built.bytes.size() - before;
    }
  });
}

}  // namespace

KeyCodec::KeyCodec(std::vector<Field> fields) : fields_(std::move(fields)) {}

void KeyCodec::encode(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                      std::string_view* out) const {
  QW_ASSERT(columns.size() == fields_.size());
  QW_ASSERT(batch.size() <= kBatchRowsMax);
  const uint32_t live = batch.size();
  std::array<size_t, kBatchRowsMax> sizes;  // NOLINT: the first `live` are set below
  Cursors cursors;                          // NOLINT
  std::fill_n(sizes.begin(), live, size_t{0});
  std::vector<Built> built(fields_.size());
  for (size_t f = 0; f < fields_.size(); ++f) {
    add_sizes(batch.columns[columns[f]], batch, built[f], sizes.data());
  }
  size_t total = 0;
  for (uint32_t i = 0; i < live; ++i) total += sizes[i];
  char* at = static_cast<char*>(arena.allocate(total, 8));
  std::array<char*, kBatchRowsMax> begins;  // NOLINT
  for (uint32_t i = 0; i < live; ++i) {
    begins[i] = cursors[i] = at;
    at += sizes[i];
  }
  for (size_t f = 0; f < fields_.size(); ++f) {
    const Vector& vector = batch.columns[columns[f]];
    QW_ASSERT(vector.type.physical() == fields_[f].type.physical());
    encode_column(vector, batch, fields_[f].order, built[f], cursors);
  }
  for (uint32_t i = 0; i < live; ++i) {
    // Shorter than measured where a fixed-width field is NULL.
    out[i] = {begins[i], static_cast<size_t>(cursors[i] - begins[i])};
  }
}

void KeyCodec::append(std::span<const Datum> values, std::string& out) const {
  QW_ASSERT(values.size() <= fields_.size());
  if (values.empty()) return;
  Arena arena;
  Batch batch;
  batch.rows = 1;
  std::vector<uint32_t> columns;
  std::vector<Field> fields;
  for (size_t f = 0; f < values.size(); ++f) {
    Datum value = values[f];
    // An untyped NULL takes the field's type.
    if (value.is_null()) value = Datum::null(fields_[f].type);
    batch.columns.push_back(value.to_vector(arena));
    columns.push_back(static_cast<uint32_t>(f));
    fields.push_back(fields_[f]);
  }
  std::string_view key;
  KeyCodec(std::move(fields)).encode(batch, columns, arena, &key);
  out += key;
}

std::string KeyCodec::after_prefix(std::string_view prefix) {
  std::string out(prefix);
  while (!out.empty()) {
    const auto last = static_cast<unsigned char>(out.back());
    if (last != 0xff) {
      out.back() = static_cast<char>(last + 1);
      return out;
    }
    out.pop_back();
  }
  return out;
}

std::vector<Datum> distinct_by_key(const Type& type, std::span<const Datum> values) {
  const KeyCodec codec({{type, {}}});
  std::map<std::string, const Datum*> found;
  for (const Datum& value : values) {
    if (value.is_null()) continue;
    std::string key;
    codec.append({&value, 1}, key);
    found.emplace(std::move(key), &value);
  }
  std::vector<Datum> distinct;
  for (const auto& [key, value] : found) distinct.push_back(*value);
  return distinct;
}

bool has_spellings(const Type& type) {
  switch (type.physical()) {
    case Physical::b1:
    case Physical::i1:
    case Physical::i16:
    case Physical::i32:
    case Physical::u32:
    case Physical::i64:
    case Physical::none:
      return false;
    case Physical::f32:
    case Physical::f64:
    case Physical::numeric:
      return true;
    case Physical::wide16:
      return type.id != TypeId::uuid;
    case Physical::string:
      // Arrays, records and jsonb may hold numerics or floats inside; char(n) is padded.
      return type.id != TypeId::text && type.id != TypeId::varchar && type.id != TypeId::bytea &&
             type.id != TypeId::name;
  }
  return true;
}

}  // namespace qw
