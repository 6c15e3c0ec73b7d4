// Binary wire forms: see binary.h.
#include "src/types/binary.h"

#include <cstring>
#include <string>

#include <fmt/format.h>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "src/base/limits.h"
#include "src/base/utf8.h"
#include "src/types/array.h"
#include "src/types/datetime.h"
#include "src/types/interval.h"
#include "src/types/jsonb.h"
#include "src/types/numeric.h"
#include "src/types/text.h"
#include "src/types/uuid.h"

namespace qw {
namespace {

Error short_message() { return protocol_violation("insufficient data left in message"); }
Error bad_format() { return invalid_binary_representation("incorrect binary data format"); }

void append_integer_vector(std::string_view bytes, std::string& out) {
  array::append_binary(bytes, out);
}

void append_string(Type type, std::string_view bytes, std::string& out) {
  if (type.id == TypeId::jsonb) {
    out += '\1';
    return jsonb::append_text(bytes, out);
  }
  if (type.id == TypeId::array) return array::append_binary(bytes, out);
  if (type.id == TypeId::record) return record::append_binary(bytes, out);
  if (type.id == TypeId::int2vector || type.id == TypeId::oidvector) {
    return append_integer_vector(bytes, out);
  }
  out += bytes;
}

template <typename T>
Result<T> read_exact(std::string_view bytes) {
  if (bytes.size() < sizeof(T)) return fail(short_message());
  if (bytes.size() > sizeof(T)) return fail(bad_format());
  return load_be<T>(bytes.data());
}

template <typename T>
Result<void> put_integer(std::string_view bytes, void* out) {
  QW_ASSIGN_OR_RETURN(const T value, read_exact<T>(bytes));
  store<T>(out, value);
  return {};
}

Result<std::string_view> parse_string(Type type, std::string_view bytes, Arena& arena) {
  if (type.id == TypeId::bytea) return bytes;
  if (type.id == TypeId::array) return array::from_binary(type, bytes, arena);
  if (type.id == TypeId::int2vector) {
    return array::from_binary(Type::array_of(TypeId::int2), bytes, arena);
  }
  if (type.id == TypeId::oidvector) {
    return array::from_binary(Type::array_of(TypeId::oid), bytes, arena);
  }
  if (type.id == TypeId::record) {
    return fail(feature_not_supported("input of anonymous composite types is not implemented"));
  }
  if (type.id == TypeId::jsonb) {
    if (bytes.empty()) return fail(short_message());
    if (bytes[0] != 1) {
      return fail(internal_error(fmt::format("unsupported jsonb version number {}",
                                             static_cast<unsigned char>(bytes[0]))));
    }
    bytes.remove_prefix(1);
  }
  QW_TRY(check_utf8(bytes));
  if (type.id == TypeId::json || type.id == TypeId::jsonb || type.id == TypeId::varchar ||
      type.id == TypeId::bpchar || type.id == TypeId::name) {
    Vector one = Vector::flat(type, 1, arena);
    QW_TRY(parse_text_into(one, 0, bytes, TextStyle{}, arena));
    const std::string_view value = one.values<Str>()->view();
    return std::string_view(arena.copy(value), value.size());
  }
  return bytes;
}

Result<void> parse_temporal(Type type, std::string_view bytes, void* out) {
  if (type.id == TypeId::date) {
    QW_ASSIGN_OR_RETURN(const auto value, read_exact<int32_t>(bytes));
    if (datetime::date_finite(value) && !datetime::date_valid(value)) {
      return fail(datetime_field_overflow("date out of range"));
    }
    store<int32_t>(out, value);
    return {};
  }
  QW_ASSIGN_OR_RETURN(int64_t value, read_exact<int64_t>(bytes));
  if (type.id == TypeId::time) {
    if (value < 0 || value > datetime::kUsPerDay) {
      return fail(datetime_field_overflow("time out of range"));
    }
    value = datetime::round_time(value, type.typmod);
  } else {
    if (datetime::timestamp_finite(value) && !datetime::timestamp_valid(value)) {
      return fail(datetime_field_overflow("timestamp out of range"));
    }
    QW_ASSIGN_OR_RETURN(value, datetime::round_timestamp(value, type.typmod));
  }
  store<int64_t>(out, value);
  return {};
}

Result<void> parse_wide(Type type, std::string_view bytes, void* out) {
  const size_t size = type.id == TypeId::timetz ? 12 : 16;
  if (bytes.size() < size) return fail(short_message());
  if (bytes.size() > size) return fail(bad_format());
  if (type.id == TypeId::uuid) {
    std::memcpy(out, bytes.data(), 16);
    return {};
  }
  if (type.id == TypeId::timetz) {
    TimeTz value;
    value.us = load_be<int64_t>(bytes.data());
    value.zone = load_be<int32_t>(bytes.data() + 8);
    if (value.us < 0 || value.us > datetime::kUsPerDay) {
      return fail(datetime_field_overflow("time out of range"));
    }
    constexpr int32_t zone_limit = 16 * 3600;
    if (value.zone <= -zone_limit || value.zone >= zone_limit) {
      return fail(Error("22009", "time zone displacement out of range"));
    }
    value.us = datetime::round_time(value.us, type.typmod);
    store<TimeTz>(out, value);
    return {};
  }
  Interval value;
  value.us = load_be<int64_t>(bytes.data());
  value.days = load_be<int32_t>(bytes.data() + 8);
  value.months = load_be<int32_t>(bytes.data() + 12);
  QW_ASSIGN_OR_RETURN(value, interval::apply_typmod(value, type.typmod));
  store<Interval>(out, value);
  return {};
}

Result<void> parse_i64(Type type, std::string_view bytes, void* out) {
  if (type.id == TypeId::int8 || type.id == TypeId::pg_lsn) return put_integer<int64_t>(bytes, out);
  if (type.id != TypeId::tid) return parse_temporal(type, bytes, out);
  if (bytes.size() != 6) return fail(bytes.size() < 6 ? short_message() : bad_format());
  const int64_t block = load_be<uint32_t>(bytes.data());
  store<int64_t>(out, (block << 16) | load_be<uint16_t>(bytes.data() + 4));
  return {};
}

Result<void> parse_cell(Type type, std::string_view bytes, Arena& arena, void* out) {
  switch (type.physical()) {
    case Physical::b1: {
      QW_ASSIGN_OR_RETURN(const auto value, read_exact<uint8_t>(bytes));
      store<bool>(out, value != 0);
      return {};
    }
    case Physical::i1:
      return put_integer<uint8_t>(bytes, out);
    case Physical::i16:
      return put_integer<int16_t>(bytes, out);
    case Physical::i32:
      if (type.id == TypeId::date) return parse_temporal(type, bytes, out);
      return put_integer<int32_t>(bytes, out);
    case Physical::u32:
    case Physical::f32:
      return put_integer<uint32_t>(bytes, out);
    case Physical::i64:
      return parse_i64(type, bytes, out);
    case Physical::f64:
      return put_integer<uint64_t>(bytes, out);
    case Physical::wide16:
      return parse_wide(type, bytes, out);
    case Physical::numeric: {
      QW_ASSIGN_OR_RETURN(Numeric value, numeric::from_binary(bytes, arena));
      QW_ASSIGN_OR_RETURN(value, numeric::apply_typmod(value, type.typmod, arena));
      store<Numeric>(out, value);
      return {};
    }
    case Physical::string: {
      QW_ASSIGN_OR_RETURN(const std::string_view value, parse_string(type, bytes, arena));
      store<Str>(out, Str::copy(value, arena));
      return {};
    }
    case Physical::none:
      break;
  }
  return fail(
      feature_not_supported(fmt::format("cannot accept a value of type {}", type.sql_name())));
}

void append_wide(const Vector& vector, uint32_t row, std::string& out) {
  if (vector.type.id == TypeId::uuid) {
    const Uuid& value = vector.at<Uuid>(row);
    out.append(reinterpret_cast<const char*>(value.bytes.data()), value.bytes.size());
    return;
  }
  if (vector.type.id == TypeId::timetz) {
    const TimeTz& value = vector.at<TimeTz>(row);
    append_be<int64_t>(out, value.us);
    append_be<int32_t>(out, value.zone);
    return;
  }
  const Interval& value = vector.at<Interval>(row);
  append_be<int64_t>(out, value.us);
  append_be<int32_t>(out, value.days);
  append_be<int32_t>(out, value.months);
}

}  // namespace

void append_binary(const Vector& vector, uint32_t row, std::string& out) {
  switch (vector.type.physical()) {
    case Physical::b1:
      out += vector.at<bool>(row) ? '\1' : '\0';
      return;
    case Physical::i1:
      out += vector.at<char>(row);
      return;
    case Physical::i16:
      return append_be<int16_t>(out, vector.at<int16_t>(row));
    case Physical::i32:
    case Physical::u32:
    case Physical::f32:
      return append_be<uint32_t>(out, vector.at<uint32_t>(row));
    case Physical::i64:
      if (vector.type.id == TypeId::tid) {
        const int64_t value = vector.at<int64_t>(row);
        append_be<uint32_t>(out, static_cast<uint32_t>(value >> 16));
        append_be<uint16_t>(out, static_cast<uint16_t>(value));
        return;
      }
      return append_be<int64_t>(out, vector.at<int64_t>(row));
    case Physical::f64:
      return append_be<uint64_t>(out, vector.at<uint64_t>(row));
    case Physical::wide16:
      return append_wide(vector, row, out);
    case Physical::numeric:
      return numeric::append_binary(vector.at<Numeric>(row), out);
    case Physical::string:
      return append_string(vector.type, vector.at<Str>(row).view(), out);
    case Physical::none:
      return;
  }
}

Result<Datum> from_binary(Type type, std::string_view bytes) {
  Arena arena;
  Vector one = Vector::flat(type, 1, arena);
  QW_TRY(parse_cell(type, bytes, arena, one.data));
  return Datum::from(one, 0);
}

Result<void> parse_binary_into(Vector& vector, uint32_t row, std::string_view bytes, Arena& arena) {
  QW_ASSERT(vector.form == Form::flat);
  return parse_cell(vector.type, bytes, arena,
                    static_cast<char*>(vector.data) + size_t{row} * vector.type.bytes());
}

}  // namespace qw
