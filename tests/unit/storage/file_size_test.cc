// A file that lost its end is refused by name, never mapped; one that only looks short is opened.
#include "storage/lmdb/file_size.h"

#include <filesystem>

#include "storage/lmdb/lmdb_kv.h"
#include "tests/unit/storage/fixture.h"

namespace qw::storage::test {
namespace {

constexpr uint64_t kPage = 4096;

void put(Kv& kv, std::string_view key, size_t size) {
  const auto txn = value_of(kv.begin_write());
  const KvSlot slot = value_of(txn->put(Table::rows, key, size, PutMode::upsert));
  std::fill_n(slot.bytes, size, 'x');
  done(txn->commit());
}

TEST_CASE("a truncated file is refused by name, wherever it was cut") {
  const TempDir dir;
  const std::filesystem::path file = dir.path() / "kv", cut = dir.path() / "cut";
  {
    const auto kv = value_of(open_lmdb(file, Durability::sync));
    for (int i = 0; i < 300; ++i) put(*kv, fmt::format("key {:04}", i), 3000);
  }
  done(check_file_size(file));
  const uint64_t whole = std::filesystem::file_size(file);
  REQUIRE(whole > 100 * kPage);
  size_t refused = 0;
  for (uint64_t size = 1; size < whole; size += size < 4 * kPage ? 97 : kPage * 3 - 50) {
    std::filesystem::copy_file(file, cut, std::filesystem::copy_options::overwrite_existing);
    std::filesystem::resize_file(cut, size);
    const auto opened = open_lmdb(cut, Durability::sync);
    if (opened) continue;  // only when what is missing is free, see below
    ++refused;
    CHECK(opened.error().code() == SqlState("XX001"));
    CHECK(opened.error().message().find(cut.string()) != std::string::npos);
  }
  CHECK(refused > 150);
}

TEST_CASE("pages that were never written because they are free are not missed") {
  const TempDir dir;
  const std::filesystem::path file = dir.path() / "kv";
  {
    const auto kv = value_of(open_lmdb(file, Durability::sync));
    for (int i = 0; i < 3; ++i) put(*kv, "a", 10);
    const auto txn = value_of(kv->begin_write());
    (void)value_of(txn->put(Table::rows, "c", 100, PutMode::upsert));
    (void)value_of(txn->put(Table::rows, "b", 4 << 20, PutMode::upsert));
    REQUIRE(value_of(txn->erase(Table::rows, "b")));
    done(txn->commit());
    REQUIRE(value_of(kv->stats()).file_bytes > std::filesystem::file_size(file) + (1 << 20));
  }
  const auto kv = value_of(open_lmdb(file, Durability::sync));
  CHECK(value_of(value_of(kv->begin_read())->get(Table::rows, "c"))->size() == 100);
  put(*kv, "d", 8 << 20);
}

TEST_CASE("no file, and an empty one, are fresh") {
  const TempDir dir;
  done(check_file_size(dir.path() / "none"));
}

}  // namespace
}  // namespace qw::storage::test
