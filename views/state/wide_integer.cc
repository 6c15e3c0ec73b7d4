// WideInteger; see wide_integer.h.
#include "views/state/wide_integer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "src/base/assert.h"
#include "src/base/bytes.h"
#include "views/state/varint.h"

namespace qw::views {

static_assert(std::endian::native == std::endian::little);  // records are limbs as they lie

void WideInteger::add_product(std::string_view magnitude, bool negative_magnitude, int64_t times) {
  QW_ASSERT(magnitude.size() % sizeof(uint64_t) == 0);
  size_t count = magnitude.size() / sizeof(uint64_t);
  const auto limb_of = [&](size_t i) {
    return qw::load<uint64_t>(magnitude.data() + i * sizeof(uint64_t));
  };
  while (count > 0 && limb_of(count - 1) == 0) --count;
  if (count == 0 || times == 0) return;
  const uint64_t factor =
      times < 0 ? uint64_t{0} - static_cast<uint64_t>(times) : static_cast<uint64_t>(times);
  // Room for the product, and for the sign of the sum.
  limbs_.resize(std::max(limbs_.size(), count + 1) + 1, negative() ? ~uint64_t{0} : 0);
  const bool subtract = negative_magnitude != (times < 0);
  UInt128 product = 0;  // its upper half is carried on
  uint64_t carry = 0;
  for (size_t i = 0; i < limbs_.size(); ++i) {
    if (i >= count && product >> 64 == 0 && carry == 0) break;
    product = (product >> 64) + (i < count ? static_cast<UInt128>(limb_of(i)) * factor : 0);
    const auto part = static_cast<uint64_t>(product);
    uint64_t& limb = limbs_[i];
    const UInt128 sum = subtract ? UInt128{limb} - part - carry : UInt128{limb} + part + carry;
    limb = static_cast<uint64_t>(sum);
    carry = static_cast<uint64_t>(sum >> 64) & 1U;
  }
  trim();
}

void WideInteger::trim() {
  while (!limbs_.empty()) {
    const uint64_t below = limbs_.size() == 1 ? 0 : limbs_[limbs_.size() - 2];
    const uint64_t sign = (below >> 63) != 0 ? ~uint64_t{0} : 0;
    if (limbs_.back() != sign) break;
    limbs_.pop_back();
  }
  // Of a sum that was long once.
  if (limbs_.capacity() > 4 * limbs_.size() + 16) limbs_.shrink_to_fit();
}

size_t WideInteger::bytes() const {
  constexpr size_t kBlockBytes = 16;  // what the allocator adds
  return limbs_.capacity() == 0 ? 0 : limbs_.capacity() * sizeof(uint64_t) + kBlockBytes;
}

void WideInteger::save(std::string& out) const {
  const std::string_view all(reinterpret_cast<const char*>(limbs_.data()),
                             limbs_.size() * sizeof(uint64_t));
  const char sign = negative() ? '\xff' : '\0';
  size_t size = all.size();
  while (size > 0 && all[size - 1] == sign) --size;
  // The byte that remains on top has to tell the sign.
  if (size < all.size() && (size == 0 ? sign != 0 : ((all[size - 1] ^ sign) & 0x80) != 0)) ++size;
  append_varint(out, size);
  out.append(all.substr(0, size));
}

bool WideInteger::load(std::string_view& from) {
  const auto size = read_varint(from);
  if (!size || *size > from.size()) return false;
  const std::string_view all = from.substr(0, *size);
  from.remove_prefix(*size);
  const bool is_negative = !all.empty() && (all.back() & 0x80) != 0;
  limbs_.assign((all.size() + sizeof(uint64_t) - 1) / sizeof(uint64_t),
                is_negative ? ~uint64_t{0} : 0);
  if (!all.empty()) std::memcpy(limbs_.data(), all.data(), all.size());
  trim();
  return true;
}

}  // namespace qw::views
