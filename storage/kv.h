// Kv: the seam between the store and what keeps its bytes: LMDB, or memory for tests and
// simulation.
//
// Four ordered tables of bytes, one write transaction at a time, any number of read transactions,
// each of which sees exactly one committed version. Nothing above this header knows LMDB; nothing
// below it knows epochs, relations or checksums.
//
// A transaction and its cursors belong to one thread at a time. Bytes handed out by a read
// transaction stay valid until it is reset or destroyed; bytes from a write transaction until its
// next change. Tests: tests/unit/storage/kv_test.cc.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "src/base/result.h"

namespace qw::storage {

enum class Table : uint8_t { log, image, rows, meta };
inline constexpr size_t kTableCount = 4;
inline constexpr size_t index_of(Table table) { return static_cast<size_t>(table); }

// Whether what is written is synced.
enum class Durability : uint8_t { sync, none };

enum class Direction : uint8_t { forward, backward };

struct KvEntry {
  std::string_view key;
  std::string_view value;
};

// The entry at a key, or the two between which it would stand. An empty key = there is none.
struct KvPosition {
  bool exact = false;
  KvEntry at;      // the entry itself, else the next one
  KvEntry before;  // only set when not exact
};

class KvCursor {
 public:
  KvCursor() = default;
  KvCursor(const KvCursor&) = delete;
  KvCursor& operator=(const KvCursor&) = delete;
  virtual ~KvCursor();
  // Stands before the first entry >= key (forward) or before the last entry < key (backward).
  virtual Result<void> seek(std::string_view key, Direction direction) = 0;
  // Fills `out` in the direction of the seek; fewer entries than asked for = the table has ended.
  virtual Result<size_t> next(std::span<KvEntry> out) = 0;
};

class KvRead {
 public:
  KvRead() = default;
  KvRead(const KvRead&) = delete;
  KvRead& operator=(const KvRead&) = delete;
  virtual ~KvRead();
  // Counts commits: equal versions see equal bytes, and a later commit has a greater one.
  virtual uint64_t version() const = 0;
  virtual Result<std::optional<std::string_view>> get(Table table, std::string_view key) = 0;
  // As get, and shows the neighbours of a missing key, so that a damaged key can be told from none.
  virtual Result<KvPosition> find(Table table, std::string_view key) = 0;
  // The entries of ascending keys, for less than find() takes for each. out[i] is none (an empty
  // key) if keys[i] is missing or its entry cannot be had in this way: find() knows.
  virtual void find_many(Table table, std::span<const std::string_view> keys,
                         std::span<KvEntry> out);
  // Says that entries of these ascending keys are about to be written, or read by somebody else:
  // has the processor bring their memory. XX001 when the way to them is damaged.
  virtual Result<void> ask_for(Table table, std::span<const std::string_view> keys);
  // XX001 unless everything that leads to the entries of a table, and its order, is sound.
  virtual Result<void> verify(Table table);
  virtual Result<std::unique_ptr<KvCursor>> cursor(Table table) = 0;
  // Lets go of the version (so that its pages can be used again); renew() takes the newest one.
  virtual void reset() = 0;
  virtual Result<void> renew() = 0;
};

enum class PutMode : uint8_t {
  upsert,
  append,  // the key is beyond the last one of its table
};

struct KvSlot {
  char* bytes = nullptr;           // the caller writes the value here before its next call
  std::optional<size_t> replaced;  // size of the value that was there
};

class KvWrite {
 public:
  KvWrite() = default;
  KvWrite(const KvWrite&) = delete;
  KvWrite& operator=(const KvWrite&) = delete;
  virtual ~KvWrite();  // aborts unless commit() succeeded
  // The version a reader sees once this is committed.
  virtual uint64_t version() const = 0;
  virtual Result<std::optional<std::string_view>> get(Table table, std::string_view key) = 0;
  virtual Result<KvSlot> put(Table table, std::string_view key, size_t size, PutMode mode) = 0;
  // The size of the value that was there.
  virtual Result<std::optional<size_t>> erase(Table table, std::string_view key) = 0;
  // Erases entries from `from` on while `matches` holds, at most `count_max`; returns how many.
  virtual Result<size_t> erase_while(Table table, std::string_view from, size_t count_max,
                                     const std::function<bool(std::string_view key)>& matches) = 0;
  // The last entry with a key < bound; an empty bound means the end of the table.
  virtual Result<std::optional<KvEntry>> last_below(Table table, std::string_view bound) = 0;
  // Durable when it returns success. After an error nothing of the transaction is visible; 53100:
  // there was no room for it (see Kv::check_syncs).
  virtual Result<void> commit() = 0;
};

struct KvStats {
  uint64_t file_bytes = 0;
  uint64_t free_bytes = 0;  // pages inside the file that later commits use again
  std::array<uint64_t, kTableCount> entries{};
  std::array<uint64_t, kTableCount> bytes{};  // pages in use, per table
  uint32_t readers = 0;
};

class Kv {
 public:
  Kv() = default;
  Kv(const Kv&) = delete;
  Kv& operator=(const Kv&) = delete;
  virtual ~Kv();
  virtual Result<std::unique_ptr<KvRead>> begin_read() = 0;
  virtual Result<std::unique_ptr<KvWrite>> begin_write() = 0;
  // After a commit that found no room: that no sync of the file has ever failed, so that what is
  // committed is still what the disk holds and commits may go on. 58030 when one has.
  virtual Result<void> check_syncs() = 0;
  // Frees reader slots of processes that died; call about once a second. Returns how many.
  virtual Result<uint32_t> check_readers() = 0;
  virtual Result<KvStats> stats() = 0;
  // Writes a consistent, compacted copy into an existing empty directory.
  virtual Result<void> copy_to(const std::string& dir) = 0;
};

}  // namespace qw::storage
