// Varints, seven bits to a byte, lowest first: the numbers in records of states. Tests: with the
// users.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace qw::views {

inline constexpr size_t kVarintBytesMax = 10;

// Returns where it ends.
inline char* put_varint(char* to, uint64_t value) {
  for (; value >= 0x80; value >>= 7) *to++ = static_cast<char>(value | 0x80);
  *to++ = static_cast<char>(value);
  return to;
}

inline void append_varint(std::string& out, uint64_t value) {
  char bytes[kVarintBytesMax];
  out.append(bytes, static_cast<size_t>(put_varint(bytes, value) - bytes));
}

// Takes it off the front; nullopt: the bytes end before it does.
inline std::optional<uint64_t> read_varint(std::string_view& bytes) {
  if (!bytes.empty() && static_cast<uint8_t>(bytes.front()) < 0x80U) [[likely]] {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    return byte;
  }
  uint64_t value = 0;
  for (uint32_t shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= uint64_t{byte & 0x7fU} << shift;
    if ((byte & 0x80U) == 0) return value;
  }
  return std::nullopt;
}

constexpr uint64_t zigzag(int64_t value) {
  return (static_cast<uint64_t>(value) << 1) ^ static_cast<uint64_t>(value >> 63);
}
constexpr int64_t unzigzag(uint64_t value) {
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

// The same for numbers that mostly fit 64 bits: the low half, then what it lacks.
inline void append_wide_varint(std::string& out, __int128 value) {
  const auto low = static_cast<int64_t>(value);
  append_varint(out, zigzag(low));
  const auto rest = static_cast<unsigned __int128>(value) - static_cast<unsigned __int128>(low);
  append_varint(out, zigzag(static_cast<int64_t>(rest >> 64)));
}
inline std::optional<__int128> read_wide_varint(std::string_view& bytes) {
  const auto low = read_varint(bytes);
  const auto high = read_varint(bytes);
  if (!low || !high) return std::nullopt;
  const auto lifted = static_cast<unsigned __int128>(unzigzag(*high)) << 64;
  return static_cast<__int128>(lifted + static_cast<unsigned __int128>(unzigzag(*low)));
}

}  // namespace qw::views
