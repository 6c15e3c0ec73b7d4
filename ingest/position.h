// Positions as bytes: one version byte, one kind byte, then what the source wrote, little-endian.
// Whoever reads one checks every length: a position of another kind or version is an error, not a
// guess. Tests: tests/unit/ingest/options_test.cc.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "src/base/bytes.h"
#include "src/base/result.h"

namespace qw::ingest {

inline constexpr char kPositionVersion = 1;

class PositionWriter {
 public:
  explicit PositionWriter(char kind) : bytes_{kPositionVersion, kind} {}
  template <typename T>
  PositionWriter& put(T value) {
    append<T>(bytes_, value);
    return *this;
  }
  PositionWriter& put_text(std::string_view text) {
    append<uint32_t>(bytes_, static_cast<uint32_t>(text.size()));
    bytes_ += text;
    return *this;
  }
  std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

// Reads go on after a failure and give zeros; finish() tells.
class PositionReader {
 public:
  PositionReader(char kind, std::string_view bytes) : reader_(bytes) {
    good_ = get<char>() == kPositionVersion && get<char>() == kind;
  }
  template <typename T>
  T get() {
    const std::optional<T> value = reader_.read<T>();
    good_ = good_ && value.has_value();
    return value.value_or(T{});
  }
  std::string get_text() {
    const auto text = reader_.read_bytes(get<uint32_t>());
    good_ = good_ && text.has_value();
    return std::string(text.value_or(std::string_view()));
  }
  bool good() const { return good_; }
  Result<void> finish() const {
    if (good_ && reader_.done()) return {};
    return fail(data_corrupted("source position is not readable"));
  }

 private:
  ByteReader reader_;
  bool good_ = true;
};

}  // namespace qw::ingest
