// Uuid: 16 bytes in network order; compared as bytes. Tests: tests/unit/types/text_test.cc.
#pragma once

#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace qw {

struct Uuid {
  std::array<unsigned char, 16> bytes{};

  int compare(const Uuid& other) const {
    return std::memcmp(bytes.data(), other.bytes.data(), bytes.size());
  }
  bool operator==(const Uuid&) const = default;
  // Any spelling PostgreSQL takes: hyphens after each group of four digits optional, braces
  // optional.
  static std::optional<Uuid> parse(std::string_view text);
  void append_text(std::string& out) const;
};
static_assert(sizeof(Uuid) == 16);

}  // namespace qw
