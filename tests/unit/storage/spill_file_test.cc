// SpillFile: bytes come back, space is used again.
#include <doctest/doctest.h>

#include <string>
#include <utility>
#include <vector>

#include "storage/spill_file.h"

namespace qw::storage {

TEST_CASE("a spill file gives back what was written, whatever was released meanwhile") {
  SpillFile file{std::filesystem::path()};
  std::vector<std::pair<SpillFile::Extent, std::string>> held;
  uint64_t dice = 7, most = 0;
  const auto next = [&dice] {
    dice ^= dice << 13;
    dice ^= dice >> 7;
    dice ^= dice << 17;
    return dice;
  };
  std::string back;
  for (int round = 0; round < 2000; ++round) {
    if (held.size() > 20 || (!held.empty() && next() % 3 == 0)) {
      const size_t at = next() % held.size();
      REQUIRE(file.read(held[at].first, back));
      REQUIRE(back == held[at].second);
      file.release(held[at].first);
      held.erase(held.begin() + static_cast<std::ptrdiff_t>(at));
      continue;
    }
    std::string bytes(next() % 30000, static_cast<char>('a' + round % 26));
    const auto extent = file.write(bytes);
    REQUIRE(extent);
    held.emplace_back(*extent, std::move(bytes));
    most = std::max(most, extent->offset + extent->size);
  }
  CHECK(most < 25 * 32768 * 2);
  for (const auto& [extent, bytes] : held) file.release(extent);
  CHECK(file.bytes() == 0);
}

TEST_CASE("a spill file tells when bytes are not what was written") {
  SpillFile file{std::filesystem::path()};
  auto extent = file.write("some bytes");
  REQUIRE(extent);
  std::string back;
  extent->checksum ^= 1;
  const auto read = file.read(*extent, back);
  REQUIRE_FALSE(read);
  CHECK(read.error().code() == SqlState("XX001"));
}

TEST_CASE("a spill file that cannot be made is an error") {
  SpillFile file{std::filesystem::path("/nowhere/at/all")};
  CHECK_FALSE(file.write("some bytes"));
}

}  // namespace qw::storage
