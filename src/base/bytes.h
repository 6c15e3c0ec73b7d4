// Bytes: unaligned loads and stores, big-endian conversion, and a bounds-checked reader.
//
// Every decoder of foreign bytes (wire, pgoutput, COPY binary, log records) reads through
// ByteReader: a declared length is checked against what is there before anything is allocated or
// touched.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>

namespace qw {

using Int128 = __int128;
using UInt128 = unsigned __int128;
// The same at any multiple of 8 bytes: for what is kept many times over.
using LooseInt128 = __int128 __attribute__((aligned(8)));

template <typename T>
T load(const void* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

template <typename T>
void store(void* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof(T));
}

template <typename T>
constexpr T byte_swap(T value) {
  static_assert(std::is_integral_v<T>);
  if constexpr (sizeof(T) == 1) {
    return value;
  } else if constexpr (sizeof(T) == 2) {
    return static_cast<T>(__builtin_bswap16(static_cast<uint16_t>(value)));
  } else if constexpr (sizeof(T) == 4) {
    return static_cast<T>(__builtin_bswap32(static_cast<uint32_t>(value)));
  } else {
    static_assert(sizeof(T) == 8);
    return static_cast<T>(__builtin_bswap64(static_cast<uint64_t>(value)));
  }
}

template <typename T>
T load_be(const void* from) {
  return byte_swap(load<T>(from));
}

template <typename T>
void store_be(void* to, T value) {
  store<T>(to, byte_swap(value));
}

template <typename T>
void append(std::string& to, T value) {
  const size_t at = to.size();
  to.resize(at + sizeof(T));
  store<T>(to.data() + at, value);
}

template <typename T>
void append_be(std::string& to, T value) {
  append<T>(to, byte_swap(value));
}

class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : bytes_(bytes) {}

  size_t remaining() const { return bytes_.size() - at_; }
  bool done() const { return remaining() == 0; }
  size_t position() const { return at_; }

  template <typename T>
  std::optional<T> read() {
    if (remaining() < sizeof(T)) return std::nullopt;
    const T value = load<T>(bytes_.data() + at_);
    at_ += sizeof(T);
    return value;
  }

  template <typename T>
  std::optional<T> read_be() {
    auto value = read<T>();
    if (value) *value = byte_swap(*value);
    return value;
  }

  std::optional<std::string_view> read_bytes(size_t size) {
    if (remaining() < size) return std::nullopt;
    const std::string_view out = bytes_.substr(at_, size);
    at_ += size;
    return out;
  }

  // Text up to a NUL, which is consumed and not part of the result.
  std::optional<std::string_view> read_cstring() {
    const size_t end = bytes_.find('\0', at_);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view out = bytes_.substr(at_, end - at_);
    at_ = end + 1;
    return out;
  }

 private:
  std::string_view bytes_;
  size_t at_ = 0;
};

}  // namespace qw
