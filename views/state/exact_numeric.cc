// ExactNumeric; see exact_numeric.h.
#include "views/state/exact_numeric.h"

#include <algorithm>

#include "views/state/varint.h"

namespace qw::views {

namespace {

// A 128-bit integer's magnitude as WideInteger takes it.
struct Magnitude {
  explicit Magnitude(Int128 value)
      : bits(value < 0 ? UInt128{0} - static_cast<UInt128>(value) : static_cast<UInt128>(value)) {}
  std::string_view limbs() const { return {reinterpret_cast<const char*>(&bits), sizeof(bits)}; }
  UInt128 bits;
};

}  // namespace

ExactNumeric::Rest& ExactNumeric::to_rest() {
  if (rest != nullptr) return *rest;
  rest = new Rest;  // NOLINT: owned by the slot, freed by release()
  if (used != 0 && (count != 0 || sum != 0)) {
    Bucket& bucket = rest->buckets.emplace_back();
    bucket.scale = scale;
    bucket.count = count;
    bucket.sum.add_product(Magnitude(sum).limbs(), sum < 0, 1);
  }
  sum = 0;
  count = 0;
  used = 0;
  scale = 0;
  return *rest;
}

void ExactNumeric::add_limbs(std::string_view magnitude, bool negative, uint32_t its_scale,
                             int64_t weight) {
  std::vector<Bucket>& buckets = to_rest().buckets;
  auto it = std::ranges::lower_bound(buckets, its_scale, {}, &Bucket::scale);
  if (it == buckets.end() || it->scale != its_scale) {
    it = buckets.emplace(it);
    it->scale = its_scale;
  }
  it->sum.add_product(magnitude, negative, weight);
  it->count += weight;
  if (it->count == 0 && it->sum.zero()) buckets.erase(it);
  if (rest->empty()) release();
}

void ExactNumeric::add_integer(Int128 integer, uint32_t its_scale, int64_t weight) {
  if (add_small(integer, its_scale, weight)) return;
  add_limbs(Magnitude(integer).limbs(), integer < 0, its_scale, weight);
}

void ExactNumeric::add_slow(Numeric value, int64_t weight) {
  if (value.is_narrow()) return add_integer(value.mantissa(), value.scale(), weight);
  if (value.is_wide()) {
    return add_limbs(value.limbs(), value.wide_negative(), value.scale(), weight);
  }
  Rest& to = to_rest();
  (value.is_nan() ? to.nans : value.sign() > 0 ? to.infinities : to.minus_infinities) += weight;
  if (to.empty()) release();
}

void ExactNumeric::add_distinct(Numeric value, int64_t change, int64_t occurrences,
                                Arena& scratch) {
  add(value.is_special() ? value : numeric::trim_scale(value, scratch), change);
  if (value.is_finite()) add_integer(0, value.scale(), occurrences);
}

void ExactNumeric::add_square(Numeric value, int64_t weight, Arena& scratch) {
  total += weight;
  if (value.is_special()) return;
  const uint32_t its_scale = 2 * value.scale();
  if (value.is_narrow() && numeric::is_int64(value.mantissa())) {
    add_integer(value.mantissa() * value.mantissa(), its_scale, weight);
  } else {
    add_limbs(numeric::square_limbs(value, scratch), false, its_scale, weight);
  }
}

void ExactNumeric::add_distinct_square(Numeric value, int64_t change, int64_t occurrences,
                                       Arena& scratch) {
  add_square(value.is_special() ? value : numeric::trim_scale(value, scratch), change, scratch);
  if (value.is_finite()) add_integer(0, 2 * value.scale(), occurrences);
}

std::vector<numeric::ScaledInteger> ExactNumeric::parts(Arena& arena) const {
  std::vector<numeric::ScaledInteger> parts;
  if (rest == nullptr) {
    auto* limbs = arena.allocate_array<uint64_t>(2);
    store<Int128>(limbs, sum);
    parts.push_back({{limbs, 2}, scale});
    return parts;
  }
  for (const Bucket& bucket : rest->buckets) parts.push_back({bucket.sum.limbs(), bucket.scale});
  return parts;
}

Result<Numeric> ExactNumeric::value(Arena& arena) const {
  if (rest == nullptr) return numeric::from_int128(sum, scale, arena);
  if (rest->nans != 0 || (rest->infinities != 0 && rest->minus_infinities != 0))
    return Numeric::nan();
  if (rest->infinities != 0) return Numeric::infinity();
  if (rest->minus_infinities != 0) return Numeric::minus_infinity();
  return numeric::sum_of(parts(arena), arena);
}

size_t ExactNumeric::bytes() const {
  if (rest == nullptr) return 0;
  constexpr size_t kBlockBytes = 16;  // what the allocator adds
  size_t sum_bytes = sizeof(Rest) + kBlockBytes;
  if (rest->buckets.capacity() == 0) return sum_bytes;
  sum_bytes += rest->buckets.capacity() * sizeof(Bucket) + kBlockBytes;
  for (const Bucket& bucket : rest->buckets) sum_bytes += bucket.sum.bytes();
  return sum_bytes;
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
  for (const Bucket& bucket : rest->buckets) {
    append_varint(out, bucket.scale);
    append_varint(out, zigzag(bucket.count));
    bucket.sum.save(out);
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
};

}  // namespace

bool ExactNumeric::load(std::string_view& from) {
  release();
  Reader reader{from};
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
    const uint64_t its_scale = reader.varint();
    reader.good = reader.good && its_scale <= 2 * Numeric::kScaleMax &&
                  (rest->buckets.empty() || rest->buckets.back().scale < its_scale);
    Bucket& bucket = rest->buckets.emplace_back();
    bucket.scale = static_cast<uint32_t>(its_scale);
    bucket.count = reader.integer();
    reader.good = reader.good && bucket.sum.load(from);
  }
  rest->nans = reader.integer();
  rest->infinities = reader.integer();
  rest->minus_infinities = reader.integer();
  return reader.good;
}

}  // namespace qw::views
