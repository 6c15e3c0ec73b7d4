// ExactNumeric; see exact_numeric.h.
#include "views/state/exact_numeric.h"

#include "views/state/state.h"

namespace qw::views {

void Int256::add_product(Int128 value, int64_t weight) {
  const bool negative = (value < 0) != (weight < 0);
  const UInt128 a =
      value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value);
  const uint64_t b =
      weight < 0 ? uint64_t{0} - static_cast<uint64_t>(weight) : static_cast<uint64_t>(weight);
  const UInt128 part0 = static_cast<UInt128>(static_cast<uint64_t>(a)) * b;
  const UInt128 part1 = static_cast<UInt128>(static_cast<uint64_t>(a >> 64)) * b;
  UInt128 add_low = part0 + (part1 << 64);
  UInt128 add_high = (part1 >> 64) + (add_low < part0 ? 1 : 0);
  if (negative) {
    add_low = ~add_low + 1;
    add_high = ~add_high + (add_low == 0 ? 1 : 0);
  }
  low += add_low;
  high = static_cast<Int128>(static_cast<UInt128>(high) + add_high + (low < add_low ? 1 : 0));
}

Result<Numeric> Int256::to_numeric(uint32_t scale, Arena& arena) const {
  const bool small =
      (high == 0 && static_cast<Int128>(low) >= 0) || (high == -1 && static_cast<Int128>(low) < 0);
  if (small) return numeric::from_int128(static_cast<Int128>(low), scale, arena);
  // high * 2^128 + low, by 64-bit digits.
  const Numeric radix = numeric::from_int128(Int128{1} << 64, 0, arena);
  QW_ASSIGN_OR_RETURN(Numeric value,
                      numeric::mul(numeric::from_int128(high, scale, arena), radix, arena));
  const auto digit = [&](uint64_t bits) {
    return numeric::from_int128(Int128{bits}, scale, arena);
  };
  QW_ASSIGN_OR_RETURN(value, numeric::add(value, digit(static_cast<uint64_t>(low >> 64)), arena));
  QW_ASSIGN_OR_RETURN(value, numeric::mul(value, radix, arena));
  return numeric::add(value, digit(static_cast<uint64_t>(low)), arena);
}

void ExactNumeric::add_slow(Numeric value, int64_t weight) {
  if (rest == nullptr) {
    rest = new Rest;  // NOLINT: owned by the slot, freed by release()
    if (used != 0 && (count != 0 || sum != 0)) {
      Bucket& bucket = rest->buckets[scale];
      bucket.sum.add_product(sum, 1);
      bucket.count = count;
    }
    sum = 0;
    count = 0;
    used = 0;
    scale = 0;
  }
  if (value.is_special()) {
    (value.is_nan()     ? rest->nans
     : value.sign() > 0 ? rest->infinities
                        : rest->minus_infinities) += weight;
  } else if (value.is_wide()) {
    std::string packed;
    numeric::append_packed(value, packed);
    int64_t& times = rest->wide[packed];
    times += weight;
    if (times == 0) rest->wide.erase(packed);
  } else {
    Bucket& bucket = rest->buckets[value.scale()];
    bucket.sum.add_product(value.mantissa(), weight);
    bucket.count += weight;
    if (bucket.count == 0 && bucket.sum.zero()) rest->buckets.erase(value.scale());
  }
  if (rest->empty()) release();
}

void ExactNumeric::add_distinct(Numeric value, int64_t change, int64_t occurrences,
                                Arena& scratch) {
  add(value.is_special() ? value : numeric::trim_scale(value, scratch), change);
  if (value.is_special()) return;
  add(Numeric::narrow(0, value.scale()), occurrences);
  total -= occurrences;
}

Result<Numeric> ExactNumeric::value(Arena& arena) const {
  if (rest == nullptr) return numeric::from_int128(sum, scale, arena);
  if (rest->nans != 0 || (rest->infinities != 0 && rest->minus_infinities != 0))
    return Numeric::nan();
  if (rest->infinities != 0) return Numeric::infinity();
  if (rest->minus_infinities != 0) return Numeric::minus_infinity();
  Numeric total_value;
  for (const auto& [bucket_scale, bucket] : rest->buckets) {
    QW_ASSIGN_OR_RETURN(const Numeric part, bucket.sum.to_numeric(bucket_scale, arena));
    QW_ASSIGN_OR_RETURN(total_value, numeric::add(total_value, part, arena));
  }
  for (const auto& [packed, times] : rest->wide) {
    QW_ASSIGN_OR_RETURN(const Numeric part,
                        numeric::mul(numeric::from_packed(packed), Numeric::of(times), arena));
    QW_ASSIGN_OR_RETURN(total_value, numeric::add(total_value, part, arena));
  }
  return total_value;
}

void ExactNumeric::keep() {
  if (rest != nullptr) rest = new Rest(*rest);  // NOLINT: released with the copy
}

void ExactNumeric::release() {
  delete rest;
  rest = nullptr;
}

void ExactNumeric::save(std::string& out) const {
  append_varint(out, zigzag(total));
  out.push_back(static_cast<char>((used != 0 ? 1 : 0) | (rest != nullptr ? 2 : 0)));
  if (used != 0) {
    append(out, sum);
    append_varint(out, zigzag(count));
    append_varint(out, scale);
  }
  if (rest == nullptr) return;
  append_varint(out, rest->buckets.size());
  for (const auto& [bucket_scale, bucket] : rest->buckets) {
    append_varint(out, bucket_scale);
    append(out, bucket.sum.low);
    append(out, bucket.sum.high);
    append_varint(out, zigzag(bucket.count));
  }
  append_varint(out, rest->wide.size());
  for (const auto& [packed, times] : rest->wide) {
    append_varint(out, packed.size());
    out.append(packed);
    append_varint(out, zigzag(times));
  }
  append_varint(out, zigzag(rest->nans));
  append_varint(out, zigzag(rest->infinities));
  append_varint(out, zigzag(rest->minus_infinities));
}

namespace {

struct Reader {
  std::string_view& bytes;
  bool good = true;
  uint64_t varint() {
    const auto value = read_varint(bytes);
    good = good && value.has_value();
    return value.value_or(0);
  }
  int64_t integer() { return unzigzag(varint()); }
  template <typename T>
  T fixed() {
    if (bytes.size() < sizeof(T)) {
      good = false;
      return T{};
    }
    const T value = qw::load<T>(bytes.data());
    bytes.remove_prefix(sizeof(T));
    return value;
  }
  std::string_view text(size_t size) {
    if (bytes.size() < size) {
      good = false;
      return {};
    }
    const std::string_view value = bytes.substr(0, size);
    bytes.remove_prefix(size);
    return value;
  }
};

}  // namespace

bool ExactNumeric::load(std::string_view& bytes) {
  release();
  Reader reader{bytes};
  total = reader.integer();
  const auto flags = reader.fixed<uint8_t>();
  sum = 0;
  count = 0;
  scale = 0;
  used = flags & 1U;
  if (used != 0) {
    sum = reader.fixed<Int128>();
    count = reader.integer();
    scale = static_cast<uint32_t>(reader.varint());
  }
  if ((flags & 2U) == 0) return reader.good;
  rest = new Rest;  // NOLINT: owned by the slot
  for (uint64_t n = reader.varint(); n != 0 && reader.good; --n) {
    Bucket& bucket = rest->buckets[static_cast<uint32_t>(reader.varint())];
    bucket.sum.low = reader.fixed<UInt128>();
    bucket.sum.high = reader.fixed<Int128>();
    bucket.count = reader.integer();
  }
  for (uint64_t n = reader.varint(); n != 0 && reader.good; --n) {
    const std::string_view packed = reader.text(reader.varint());
    rest->wide.emplace(packed, reader.integer());
  }
  rest->nans = reader.integer();
  rest->infinities = reader.integer();
  rest->minus_infinities = reader.integer();
  return reader.good;
}

}  // namespace qw::views
