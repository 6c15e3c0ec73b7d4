// Residency: which partitions of operator state are in memory, and how the others come back.
//
// A Spillable is one or several states over one table whose partitions can be out of memory: their
// records, the same as in an image, then lie in a SpillFile, which has nothing to do with
// durability: log and images go on as if everything were in memory. A partition that has come back
// and has not changed since need not be written again.
//
// To give memory back, a table needs a heap per partition. One heap for all is faster, so a table
// goes over (split) when the limit is first felt: everything is written out, and comes back in
// parts.
//
// Who goes: what was touched in the oldest epoch; of one epoch, what came back last. Under random
// keys every epoch touches everything, and then the part of the state that fits stays where it is
// and only the rest passes through memory.
//
// For a few keys a whole partition need not come: its records lie in the file by bucket (more bits
// of the hash), and those buckets alone can be lent. The partition stays absent for everyone else
// and is taken back when the few rows have been worked on.
//
// Nobody may hold entries of a table while partitions go: relieve() is called between top-level
// batches only, and leaves alone what busy() names. Epoch thread. Tests:
// tests/unit/views/oracle_test.cc (everything goes after every epoch), tests/e2e/memory_test.py.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "src/base/result.h"
#include "src/types/type.h"
#include "storage/spill_file.h"
#include "views/state/keyed_table.h"
#include "views/state/keys.h"

namespace qw::views {

class Residency;
class State;

class Spillable {
 public:
  Spillable() = default;
  Spillable(const Spillable&) = delete;
  Spillable& operator=(const Spillable&) = delete;
  virtual ~Spillable();

  // The states over the table, in the order in which their records are taken in again.
  virtual std::vector<State*> parts() = 0;
  virtual KeyedTable& spilled_table() = 0;
  // False: something about it needs all partitions at once.
  virtual bool can_spill() const { return true; }
  // How rows that come in at a port find their partition.
  virtual const KeyEncoder& key_encoder() const = 0;
  virtual std::span<const uint32_t> key_columns(uint32_t port) const = 0;
  virtual std::vector<Type> row_types(uint32_t port) const = 0;
  // Partitions with changes that have not been given out yet.
  virtual uint64_t busy() const { return 0; }
  // Beside what the table counts: of a partition, of all.
  virtual uint64_t more_bytes(uint32_t partition) const;
  virtual uint64_t more_bytes() const;
  // Frees what hangs on the partition's entries outside of the table. What the states count (rows,
  // rows below zero) goes on counting what has been dropped.
  virtual void drop_entries(uint32_t partition) = 0;
  // Around the return of a partition's records.
  virtual void restoring(uint32_t partition);
  virtual void restored(uint32_t partition);

  uint64_t absent() const { return absent_; }
  // Of those, where not even the buckets that are asked for are there.
  uint64_t lacks() const { return absent_ & ~lent_; }

 private:
  friend class Residency;
  using Extent = storage::SpillFile::Extent;
  // What was written of one state. Segments are parts of runs, in order of buckets.
  struct Written {
    std::vector<Extent> runs, segments;
    std::vector<uint32_t> ends;                               // by bucket: of its segments
    std::unordered_map<uint32_t, std::vector<Extent>> again;  // what was lent and changed
    std::span<const Extent> of(uint32_t bucket) const;
  };
  struct Partition {
    uint64_t touched = 0, came = 0;
    uint32_t bits = 0;           // 2^bits buckets
    std::vector<Written> parts;  // empty: not written yet
    std::vector<uint32_t> lent;  // buckets, ascending
  };
  Residency* home_ = nullptr;
  uint64_t absent_ = 0, lent_ = 0;
  std::unique_ptr<std::array<Partition, kPartitionCount>> partitions_;  // once split
};

class Residency {
 public:
  // Everything stays in memory until set_limit().
  Residency() = default;
  Residency(const Residency&) = delete;
  Residency& operator=(const Residency&) = delete;
  ~Residency();

  // 0 = whatever can go goes whenever it can.
  void set_limit(uint64_t bytes, std::unique_ptr<storage::SpillFile> file);
  bool limited() const { return file_ != nullptr; }
  // Another number of bytes, where there is a limit.
  void change_limit(uint64_t bytes) { limit_ = bytes; }
  uint64_t limit() const { return limit_; }
  storage::SpillFile& file() { return *file_; }
  // What states hold that cannot go; counted against the limit.
  void set_fixed(std::function<uint64_t()> bytes) { fixed_ = std::move(bytes); }

  void add(Spillable& unit);
  void remove(Spillable& unit);
  // The unit's entries are about to be cleared: none is out of memory any more.
  void forget(Spillable& unit);

  // Whether anything is out of memory.
  bool some_absent() const { return absent_ != 0; }
  void touch(Spillable& unit, uint64_t partitions);
  // Brings partitions back. An error says that they are lost: they stay absent.
  Result<void> bring(Spillable& unit, uint64_t partitions);
  static bool lacks(std::span<Spillable* const> units, uint32_t partition);
  // Whether the partition is absent and lending does for so many keys of it.
  static bool can_lend(std::span<Spillable* const> units, uint32_t partition, uint64_t keys);
  // Of units where the partition is absent the buckets of these keys are there until take_back().
  Result<void> lend(std::span<Spillable* const> units, uint32_t partition,
                    std::span<const uint64_t> hashes);
  // An error says that the partition is lost.
  Result<void> take_back(std::span<Spillable* const> units, uint32_t partition);
  // In place of taking back: what has been lent is all there is. Nobody will look at it.
  void forfeit(Spillable& unit, uint32_t partition);
  // Lets partitions go until the limit is kept, or nothing more can go; `keep` of these units stay.
  void relieve(std::span<Spillable* const> units = {}, uint64_t keep = 0);
  // Where no batch is under way. Beyond `bytes_max` big tables go over to a heap per partition,
  // too, so that relieve() finds something.
  void make_room(uint64_t bytes_max);
  // Between two epochs; makes room.
  void end_epoch();
  // Before anything is in it.
  void split_empty(Spillable& unit);
  // The records of an absent partition, as an image has them.
  Result<std::vector<std::string>> read(Spillable& unit, const State& part, uint32_t partition);

  uint64_t bytes() const;
  // Partitions of which some buckets were lent, since the beginning.
  uint64_t loans() const { return loans_; }
  uint64_t spilled_bytes() const { return file_ == nullptr ? 0 : file_->bytes(); }

 private:
  using Written = Spillable::Written;
  using Pieces = std::function<Result<void>(std::string& piece)>;
  bool write(Spillable& unit, uint32_t partition);
  bool write(Spillable& unit, uint32_t partition, State& part, std::span<Entry* const> entries,
             std::span<const uint32_t> ends, Written& written);
  void refused(const Error& error);  // by the file
  bool write_run(std::string& run, size_t from, Written& written);
  static bool has_changed(Spillable& unit, uint32_t partition);
  enum class Some : uint8_t { these, all_but };
  Result<void> restore(Spillable& unit, uint32_t partition, Some some,
                       std::span<const uint32_t> buckets);
  bool write_lent(Spillable& unit, uint32_t partition);
  static void drop(Spillable& unit, uint32_t partition);
  void release(const Written& written);
  Result<void> each_piece(const Written& written, std::span<const uint32_t> except,
                          const Pieces& take) const;
  bool evict(Spillable& unit, uint32_t partition);
  void split(Spillable& unit);
  void forget(Spillable& unit, uint32_t partition);
  void set_absent(Spillable& unit, uint64_t absent);

  uint64_t limit_ = 0;
  std::unique_ptr<storage::SpillFile> file_;
  std::function<uint64_t()> fixed_;
  std::vector<Spillable*> units_;
  uint64_t absent_ = 0;  // partitions
  uint64_t epoch_ = 1, came_ = 0, loans_ = 0;
  bool stuck_ = false;  // the file took nothing more in this epoch
};

}  // namespace qw::views
