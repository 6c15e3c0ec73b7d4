// RowCodec: see row_codec.h.
//
// Packing is three column-wise passes: lengths of variable parts, one allocation for all rows, then
// values. The switch over the physical type runs once per column and batch.
#include "src/types/row_codec.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/types/array.h"
#include "src/types/interval.h"
#include "src/types/jsonb.h"
#include "src/types/numeric.h"
#include "src/types/row_index.h"
#include "src/types/str.h"

namespace qw {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

struct alignas(8) Sixteen {
  uint64_t low = 0, high = 0;
};

bool has_variable_part(Physical physical) {
  return physical == Physical::string || physical == Physical::numeric;
}

template <typename T>
T canonical_float(T value) {
  if (std::isnan(value)) return std::numeric_limits<T>::quiet_NaN();
  return value + T{0};  // -0 becomes 0
}

std::string_view without_trailing_blanks(std::string_view text) {
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

// The canonical form of one canonicalised string value (see row_codec.h).
std::string_view canonical_bytes(Type type, std::string_view bytes, Arena& arena) {
  if (type.id == TypeId::bpchar) return without_trailing_blanks(bytes);
  if (type.id == TypeId::jsonb) return jsonb::canonical(bytes, arena);
  if (type.id == TypeId::array) return array::canonical(bytes, arena);
  return bytes;
}
bool has_canonical_bytes(Type type) {
  return type.id == TypeId::bpchar || type.id == TypeId::jsonb || type.id == TypeId::array;
}

// A column whose equal values have equal bytes, sharing `vector`'s shape.
Vector canonical_column(const Vector& vector, const Batch& batch, Arena& arena) {
  Vector out = vector;
  const uint32_t live = batch.size();
  const auto stored = [&](auto&& convert) {
    // Only live rows are touched: others may hold anything.
    uint32_t top = 0;
    visit_slots(vector, batch, [&](auto slot) {
      for (uint32_t i = 0; i < live; ++i) top = std::max(top, slot(i) + 1);
    });
    out.data = arena.allocate(size_t{top} * 16 + 64, 64);
    visit_slots(vector, batch, [&](auto slot) {
      for (uint32_t i = 0; i < live; ++i) {
        const uint32_t at = slot(i);
        if (vector.validity == nullptr || bit_get(vector.validity, at)) convert(at);
      }
    });
  };
  if (vector.type.physical() == Physical::numeric) {
    stored([&](uint32_t at) {
      const Numeric value = vector.values<Numeric>()[at];
      out.values<Numeric>()[at] =
          value.is_narrow() && value.scale() == 0 ? value : numeric::trim_scale(value, arena);
    });
  } else if (vector.type.id == TypeId::interval) {
    stored([&](uint32_t at) {
      out.values<Interval>()[at] = interval::canonical(vector.values<Interval>()[at]);
    });
  } else if (has_canonical_bytes(vector.type)) {
    stored([&](uint32_t at) {
      const Str& value = vector.values<Str>()[at];
      // The inline bytes of a Str move with it, so the view must be of the source slot.
      out.values<Str>()[at] = Str(canonical_bytes(vector.type, value.view(), arena));
    });
  }
  return out;
}

bool needs_canonical_column(Type type) {
  return type.physical() == Physical::numeric || type.id == TypeId::interval ||
         has_canonical_bytes(type);
}

template <typename T, bool keys, typename Slot>
void pack_fixed_loop(const Vector& vector, uint32_t rows_count, uint32_t offset, char* const* rows,
                     const Slot& slot) {
  const T* values = vector.values<T>();
  const uint64_t* validity = vector.validity;
  const auto read = [values](uint32_t at) {
    if constexpr (keys && std::is_floating_point_v<T>) {
      return canonical_float(values[at]);
    } else {
      return values[at];
    }
  };
  if (validity == nullptr) {
    for (uint32_t i = 0; i < rows_count; ++i) store<T>(rows[i] + offset, read(slot(i)));
  } else {
    for (uint32_t i = 0; i < rows_count; ++i) {
      const uint32_t at = slot(i);
      store<T>(rows[i] + offset, bit_get(validity, at) ? read(at) : T{});
    }
  }
}

template <typename T, bool keys>
void pack_fixed(const Vector& vector, const Batch& batch, uint32_t offset, char* const* rows) {
  visit_slots(vector, batch, [&](auto slot) {
    pack_fixed_loop<T, keys>(vector, batch.size(), offset, rows, slot);
  });
}

template <bool keys>
void pack_fixed_column(const Vector& vector, const Batch& batch, uint32_t offset,
                       char* const* rows) {
  switch (vector.type.physical()) {
    case Physical::b1:
    case Physical::i1:
      return pack_fixed<uint8_t, keys>(vector, batch, offset, rows);
    case Physical::i16:
      return pack_fixed<uint16_t, keys>(vector, batch, offset, rows);
    case Physical::i32:
    case Physical::u32:
      return pack_fixed<uint32_t, keys>(vector, batch, offset, rows);
    case Physical::i64:
      return pack_fixed<uint64_t, keys>(vector, batch, offset, rows);
    case Physical::f32:
      return pack_fixed<float, keys>(vector, batch, offset, rows);
    case Physical::f64:
      return pack_fixed<double, keys>(vector, batch, offset, rows);
    case Physical::wide16:
      return pack_fixed<Sixteen, keys>(vector, batch, offset, rows);
    case Physical::numeric:  // in pack_variable(): a wide one's address must not be stored
    case Physical::string:
    case Physical::none:
      return;
  }
}

void pack_nulls(const Vector& vector, const Batch& batch, uint32_t field, char* const* rows) {
  if (vector.validity == nullptr) return;
  const uint32_t byte = field / 8;
  const auto mask = static_cast<unsigned char>(1U << (field % 8));
  visit_slots(vector, batch, [&](auto slot) {
    for (uint32_t i = 0; i < batch.size(); ++i) {
      if (bit_get(vector.validity, slot(i))) continue;
      rows[i][byte] = static_cast<char>(static_cast<unsigned char>(rows[i][byte]) | mask);
    }
  });
}

// Adds the bytes of a variable column's parts to `sizes`.
void add_sizes(const Vector& vector, const Batch& batch, uint32_t* sizes) {
  const uint32_t live = batch.size();
  const uint64_t* validity = vector.validity;
  visit_slots(vector, batch, [&](auto slot) {
    if (vector.type.physical() == Physical::numeric) {
      const Numeric* values = vector.values<Numeric>();
      for (uint32_t i = 0; i < live; ++i) {
        const uint32_t at = slot(i);
        if (validity != nullptr && !bit_get(validity, at)) continue;
        if (values[at].is_wide()) [[unlikely]]
          sizes[i] += static_cast<uint32_t>(values[at].limbs().size());
      }
      return;
    }
    const Str* values = vector.values<Str>();
    if (validity == nullptr) {
      for (uint32_t i = 0; i < live; ++i) sizes[i] += values[slot(i)].size();
    } else {
      for (uint32_t i = 0; i < live; ++i) {
        const uint32_t at = slot(i);
        sizes[i] += bit_get(validity, at) ? values[at].size() : 0;
      }
    }
  });
}

}  // namespace

RowCodec::RowCodec(std::vector<Type> types) : types_(std::move(types)) {
  const auto columns = static_cast<uint32_t>(types_.size());
  null_bytes_ = (columns + 7) / 8;
  uint32_t at = null_bytes_;
  for (const Type& type : types_) {
    const Physical physical = type.physical();
    variable_index_.push_back(has_variable_part(physical) ? variable_count_++ : kNone);
    const uint32_t bytes = physical == Physical::string ? 0 : type.bytes();
    const uint32_t alignment = std::min<uint32_t>(std::max<uint32_t>(bytes, 1), 8);
    at = (at + alignment - 1) / alignment * alignment;
    fixed_offset_.push_back(at);
    at += bytes;
  }
  if (variable_count_ != 0) at = (at + 3) / 4 * 4;
  ends_offset_ = at;
  fixed_row_bytes_ = variable_count_ == 0 ? at : 0;
}

template <bool keys>
void RowCodec::pack_variable(const Vector& vector, const Batch& batch, uint32_t field,
                             Arena& /*arena*/, char* const* rows, uint32_t* cursors) const {
  const uint32_t live = batch.size();
  const uint32_t end_at = ends_offset_ + 4 * variable_index_[field];
  const uint64_t* validity = vector.validity;
  visit_slots(vector, batch, [&](auto slot) {
    if (vector.type.physical() == Physical::numeric) {
      const Numeric* values = vector.values<Numeric>();
      const uint32_t offset = fixed_offset_[field];
      for (uint32_t i = 0; i < live; ++i) {
        const uint32_t at = slot(i);
        Int128 raw = 0;
        if (validity == nullptr || bit_get(validity, at)) {
          raw = values[at].raw();
          if (values[at].is_wide()) [[unlikely]] {
            const std::string_view limbs = values[at].limbs();
            std::memcpy(rows[i] + cursors[i], limbs.data(), limbs.size());
            cursors[i] += static_cast<uint32_t>(limbs.size());
            raw = static_cast<Int128>(static_cast<uint64_t>(raw));
          }
        }
        store<Int128>(rows[i] + offset, raw);
        store<uint32_t>(rows[i] + end_at, cursors[i]);
      }
      return;
    }
    const Str* values = vector.values<Str>();
    for (uint32_t i = 0; i < live; ++i) {
      const uint32_t at = slot(i);
      if (validity == nullptr || bit_get(validity, at)) {
        const Str& value = values[at];
        const uint32_t size = value.size();
        std::memcpy(rows[i] + cursors[i], value.data(), size);
        cursors[i] += size;
      }
      store<uint32_t>(rows[i] + end_at, cursors[i]);
    }
  });
}

template <bool keys>
void RowCodec::pack_rows(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                         std::string_view* out) const {
  QW_ASSERT(columns.size() == types_.size());
  QW_ASSERT(batch.size() <= kBatchRowsMax);
  const uint32_t live = batch.size();
  const uint32_t base = ends_offset_ + 4 * variable_count_;
  std::vector<Vector> converted;
  if constexpr (keys) {
    converted.reserve(columns.size());
    for (const uint32_t column : columns) {
      const Vector& vector = batch.columns[column];
      converted.push_back(
          needs_canonical_column(vector.type) ? canonical_column(vector, batch, arena) : vector);
    }
  }
  const auto column_of = [&](uint32_t field) -> const Vector& {
    if constexpr (keys) return converted[field];
    return batch.columns[columns[field]];
  };

  // Uninitialised on purpose: only the first `live` entries are used.
  std::array<uint32_t, kBatchRowsMax> sizes;  // NOLINT
  std::array<char*, kBatchRowsMax> rows;      // NOLINT
  std::fill_n(sizes.begin(), live, base);
  const auto fields = static_cast<uint32_t>(types_.size());
  for (uint32_t f = 0; f < fields; ++f) {
    if (variable_index_[f] != kNone) add_sizes(column_of(f), batch, sizes.data());
  }
  size_t total = 0;
  for (uint32_t i = 0; i < live; ++i) total += sizes[i];
  char* at = static_cast<char*>(arena.allocate(total, 8));
  for (uint32_t i = 0; i < live; ++i) {
    rows[i] = at;
    out[i] = {at, sizes[i]};
    at += sizes[i];
    // Null bits and alignment gaps must be defined: rows are compared as bytes.
    std::memset(rows[i], 0, base);
    sizes[i] = base;  // from here on the cursor into the variable bytes
  }
  for (uint32_t f = 0; f < fields; ++f) {
    const Vector& vector = column_of(f);
    QW_ASSERT(vector.type.physical() == types_[f].physical());
    pack_nulls(vector, batch, f, rows.data());
    if (variable_index_[f] != kNone) {
      pack_variable<keys>(vector, batch, f, arena, rows.data(), sizes.data());
    } else {
      pack_fixed_column<keys>(vector, batch, fixed_offset_[f], rows.data());
    }
  }
}

void RowCodec::pack(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                    std::string_view* out) const {
  pack_rows<false>(batch, columns, arena, out);
}

void RowCodec::pack_keys(const Batch& batch, std::span<const uint32_t> columns, Arena& arena,
                         std::string_view* out) const {
  pack_rows<true>(batch, columns, arena, out);
}

namespace {

template <typename T>
void unpack_fixed(std::span<const std::string_view> rows, uint32_t offset, Vector& out) {
  T* values = out.values<T>();
  for (size_t i = 0; i < rows.size(); ++i) values[i] = load<T>(rows[i].data() + offset);
}

}  // namespace

void RowCodec::unpack_field(std::span<const std::string_view> rows, uint32_t field,
                            Vector& out) const {
  const uint32_t offset = fixed_offset_[field];
  const uint32_t base = ends_offset_ + 4 * variable_count_;
  const uint32_t index = variable_index_[field];
  const uint32_t end_at = ends_offset_ + 4 * index;
  const auto part = [&](std::string_view row) {
    const uint32_t begin = index == 0 ? base : load<uint32_t>(row.data() + end_at - 4);
    const uint32_t end = load<uint32_t>(row.data() + end_at);
    QW_ASSERT(begin >= base && begin <= end && end <= row.size());
    return std::string_view(row.data() + begin, end - begin);
  };
  switch (types_[field].physical()) {
    case Physical::b1:
    case Physical::i1:
      return unpack_fixed<uint8_t>(rows, offset, out);
    case Physical::i16:
      return unpack_fixed<uint16_t>(rows, offset, out);
    case Physical::i32:
    case Physical::u32:
    case Physical::f32:
      return unpack_fixed<uint32_t>(rows, offset, out);
    case Physical::i64:
    case Physical::f64:
      return unpack_fixed<uint64_t>(rows, offset, out);
    case Physical::wide16:
      return unpack_fixed<Sixteen>(rows, offset, out);
    case Physical::numeric: {
      auto* values = out.values<Numeric>();
      for (size_t i = 0; i < rows.size(); ++i) {
        Numeric value = Numeric::from_raw(load<Int128>(rows[i].data() + offset));
        if (value.is_wide()) [[unlikely]]
          value = Numeric::wide(value.wide_negative(), value.scale(), part(rows[i]));
        values[i] = value;
      }
      return;
    }
    case Physical::string: {
      Str* values = out.values<Str>();
      for (size_t i = 0; i < rows.size(); ++i) values[i] = Str(part(rows[i]));
      return;
    }
    case Physical::none:
      return;
  }
}

void RowCodec::unpack(std::span<const std::string_view> rows, std::span<const uint32_t> fields,
                      Arena& arena, std::vector<Vector>& out) const {
  const auto count = static_cast<uint32_t>(rows.size());
  const uint32_t base = ends_offset_ + 4 * variable_count_;
  for (const std::string_view row : rows) QW_ASSERT(row.size() >= base);
  out.clear();
  const auto wanted = static_cast<uint32_t>(fields.empty() ? types_.size() : fields.size());
  out.reserve(wanted);
  for (uint32_t w = 0; w < wanted; ++w) {
    const uint32_t field = fields.empty() ? w : fields[w];
    QW_ASSERT(field < types_.size());
    Vector vector = Vector::flat(types_[field], count, arena);
    unpack_field(rows, field, vector);
    const uint32_t byte = field / 8;
    const auto mask = static_cast<unsigned char>(1U << (field % 8));
    unsigned char any = 0;
    for (const std::string_view row : rows) {
      any = static_cast<unsigned char>(any | static_cast<unsigned char>(row[byte]));
    }
    if ((any & mask) != 0) {
      uint64_t* bits = vector.ensure_validity(count, arena);
      for (uint32_t i = 0; i < count; ++i) {
        if ((static_cast<unsigned char>(rows[i][byte]) & mask) != 0) bit_clear(bits, i);
      }
    }
    out.push_back(vector);
  }
}

bool RowCodec::valid(std::string_view row) const {
  const uint32_t base = ends_offset_ + 4 * variable_count_;
  if (row.size() < base) return false;
  if (variable_count_ == 0) return row.size() == base;
  uint32_t begin = base;
  for (size_t f = 0; f < types_.size(); ++f) {
    if (variable_index_[f] == kNone) continue;
    const uint32_t end = load<uint32_t>(row.data() + ends_offset_ + 4 * variable_index_[f]);
    if (end < begin || end > row.size()) return false;
    if (types_[f].physical() == Physical::numeric) {
      const Numeric value = Numeric::from_raw(load<Int128>(row.data() + fixed_offset_[f]));
      const size_t limbs = value.is_wide() ? value.limbs().size() : 0;
      if (limbs != end - begin || limbs % 8 != 0) return false;
    }
    begin = end;
  }
  return begin == row.size();
}

}  // namespace qw
