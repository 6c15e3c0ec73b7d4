// Residency: see residency.h.
#include "views/state/residency.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "src/base/assert.h"
#include "src/base/hash.h"
#include "src/base/log.h"
#include "views/state/state.h"

namespace qw::views {
namespace {

// A table is split when it is larger than this part of the limit.
constexpr uint64_t kSplitPart = 64;
// Memory of a partition per bucket, at most. The smaller one goes with limits at which partitions
// have a few rows.
constexpr uint64_t kBucketBytesMin = 64, kBucketBytesMax = 8 << 10;
constexpr uint32_t kBucketBitsMax = 12;
// Buckets are lent when they are at most this part of all.
constexpr uint64_t kFewPart = 4;
// What is written and read at once, about.
constexpr uint64_t kRunBytes = 256 << 10;

uint64_t bit(uint32_t partition) { return uint64_t{1} << partition; }

}  // namespace

Spillable::~Spillable() {
  if (home_ != nullptr) home_->remove(*this);
}

uint64_t Spillable::more_bytes(uint32_t) const { return 0; }
uint64_t Spillable::more_bytes() const { return 0; }
void Spillable::restoring(uint32_t) {}
void Spillable::restored(uint32_t) {}

Residency::~Residency() {
  for (Spillable* unit : units_) unit->home_ = nullptr;
}

void Residency::set_limit(uint64_t bytes, std::unique_ptr<storage::SpillFile> file) {
  limit_ = bytes;
  file_ = std::move(file);
}

void Residency::add(Spillable& unit) {
  if (unit.home_ != nullptr || !unit.can_spill()) return;
  unit.home_ = this;
  units_.push_back(&unit);
  for (State* part : unit.parts()) part->home = &unit;
}

void Residency::remove(Spillable& unit) {
  if (unit.home_ == nullptr) return;
  QW_ASSERT(unit.home_ == this);
  forget(unit);
  unit.home_ = nullptr;
  std::erase(units_, &unit);
}

void Residency::forget(Spillable& unit) {
  for (uint32_t p = 0; unit.partitions_ != nullptr && p < kPartitionCount; ++p) forget(unit, p);
  set_absent(unit, 0);
}

void Residency::set_absent(Spillable& unit, uint64_t absent) {
  absent_ -= static_cast<uint64_t>(__builtin_popcountll(unit.absent_));
  absent_ += static_cast<uint64_t>(__builtin_popcountll(absent));
  unit.absent_ = absent;
}

void Residency::touch(Spillable& unit, uint64_t partitions) {
  if (unit.partitions_ == nullptr) return;
  for (uint64_t left = partitions; left != 0; left &= left - 1) {
    (*unit.partitions_)[static_cast<uint32_t>(__builtin_ctzll(left))].touched = epoch_;
  }
}

uint64_t Residency::bytes() const {
  uint64_t sum = fixed_ ? fixed_() : 0;
  for (Spillable* unit : units_) {
    sum += unit->spilled_table().bytes() + unit->more_bytes();
  }
  return sum;
}

std::span<const Spillable::Extent> Spillable::Written::of(uint32_t bucket) const {
  if (const auto found = again.find(bucket); found != again.end()) return found->second;
  const uint32_t begin = bucket == 0 ? 0 : ends[bucket - 1];
  return std::span(segments).subspan(begin, ends[bucket] - begin);
}

void Residency::release(const Written& written) {
  for (const auto& run : written.runs) file_->release(run);
  for (const auto& [bucket, extents] : written.again) {
    for (const auto& extent : extents) file_->release(extent);
  }
}

// What was written of the partition is of no use any more.
void Residency::forget(Spillable& unit, uint32_t partition) {
  for (const Written& written : (*unit.partitions_)[partition].parts) release(written);
  (*unit.partitions_)[partition].parts.clear();
}

void Residency::drop(Spillable& unit, uint32_t partition) {
  unit.drop_entries(partition);
  unit.spilled_table().drop(partition);
}

void Residency::refused(const Error& error) {
  if (!stuck_) log::warn("operator state stays in memory: {}", error.to_string());
  stuck_ = true;
}

// Writes what segments from the one at `from` on lie in.
bool Residency::write_run(std::string& run, size_t from, Written& written) {
  if (run.empty()) return true;
  const auto extent = file_->write(run);
  run.clear();
  if (!extent) {
    refused(extent.error());
    return false;
  }
  written.runs.push_back(*extent);
  for (size_t i = from; i < written.segments.size(); ++i) {
    written.segments[i].offset += extent->offset;
  }
  return true;
}

// Writes the state's records of entries, which stand by bucket; false when the file did not take
// them.
bool Residency::write(Spillable& unit, uint32_t partition, State& part,
                      std::span<Entry* const> entries, std::span<const uint32_t> ends,
                      Written& written) {
  std::string run;
  size_t from = 0;
  bool done = true;
  const auto add = [&](std::string_view segment) {
    if (segment.empty()) return true;
    written.segments.push_back({run.size(), segment.size(), hash_bytes(segment)});
    run.append(segment);
    if (run.size() < kRunBytes) return true;
    done = write_run(run, from, written);
    from = written.segments.size();
    return done;
  };
  uint32_t begin = 0;
  for (const uint32_t end : ends) {
    unit.spilled_table().choose(entries.subspan(begin, end - begin));
    if (done && begin != end) done = part.write_out(partition, add);
    written.ends.push_back(static_cast<uint32_t>(written.segments.size()));
    begin = end;
  }
  unit.spilled_table().choose_all();
  return done && write_run(run, from, written);
}

// Writes the partition's records; false when the file did not take them.
bool Residency::write(Spillable& unit, uint32_t partition) {
  forget(unit, partition);
  Spillable::Partition& at = (*unit.partitions_)[partition];
  const uint64_t bytes =
      unit.spilled_table().partition_bytes(partition) + unit.more_bytes(partition);
  const uint64_t bucket_bytes = std::clamp(limit_ >> 10, kBucketBytesMin, kBucketBytesMax);
  at.bits = std::min(kBucketBitsMax, static_cast<uint32_t>(std::bit_width(bytes / bucket_bytes)));
  std::vector<Entry*> entries;
  std::vector<uint32_t> ends;
  unit.spilled_table().sort(partition, at.bits, entries, ends);
  for (State* part : unit.parts()) {
    if (write(unit, partition, *part, entries, ends, at.parts.emplace_back())) continue;
    forget(unit, partition);
    return false;
  }
  return true;
}

bool Residency::evict(Spillable& unit, uint32_t partition) {
  const bool written = !(*unit.partitions_)[partition].parts.empty();
  if ((!written || has_changed(unit, partition)) && !write(unit, partition)) return false;
  drop(unit, partition);
  set_absent(unit, unit.absent_ | bit(partition));
  return true;
}

// Gives what was written but for some buckets (ascending), neighbours together.
Result<void> Residency::each_piece(const Written& written, std::span<const uint32_t> except,
                                   const Pieces& take) const {
  std::string piece;
  size_t begin = 0, end = 0;  // of segments that have gathered
  uint64_t bytes = 0;
  const auto flush = [&]() -> Result<void> {
    if (begin == end) return {};
    QW_TRY(file_->read(std::span(written.segments).subspan(begin, end - begin), piece));
    return take(piece);
  };
  auto skipped = except.begin();
  uint32_t at = 0;
  for (uint32_t bucket = 0; bucket < written.ends.size(); ++bucket) {
    const uint32_t of_bucket = std::exchange(at, written.ends[bucket]);
    if (skipped != except.end() && *skipped == bucket) {
      ++skipped;
      continue;
    }
    if (const auto found = written.again.find(bucket); found != written.again.end()) {
      for (const auto& extent : found->second) {
        QW_TRY(file_->read(extent, piece));
        QW_TRY(take(piece));
      }
      continue;
    }
    for (uint32_t i = of_bucket; i < at; ++i) {
      const auto& segment = written.segments[i];
      const bool beside =
          i == end && i != 0 && bytes < kRunBytes &&
          written.segments[i - 1].offset + written.segments[i - 1].size == segment.offset;
      if (!beside) {
        QW_TRY(flush());
        begin = i;
        bytes = 0;
      }
      end = i + 1;
      bytes += segment.size;
    }
  }
  return flush();
}

// Takes these buckets in, or all but these.
Result<void> Residency::restore(Spillable& unit, uint32_t partition, Some some,
                                std::span<const uint32_t> buckets) {
  const Spillable::Partition& at = (*unit.partitions_)[partition];
  const std::vector<State*> parts = unit.parts();
  QW_ASSERT(at.parts.size() == parts.size());
  unit.restoring(partition);
  Result<void> done;
  std::string piece;
  for (size_t i = 0; i < parts.size() && done; ++i) {
    const auto take = [&](const std::string& records) {
      return parts[i]->restore(partition, records);
    };
    done = take({});  // also one without records
    if (some == Some::all_but) {
      if (done) done = each_piece(at.parts[i], buckets, take);
      continue;
    }
    for (const uint32_t bucket : buckets) {
      for (const auto& extent : at.parts[i].of(bucket)) {
        if (done) done = file_->read(extent, piece);
        if (done) done = take(piece);
      }
    }
  }
  unit.restored(partition);
  return done;
}

Result<void> Residency::bring(Spillable& unit, uint64_t partitions) {
  QW_ASSERT((unit.lent_ & partitions) == 0);
  for (uint64_t left = partitions & unit.absent_; left != 0; left &= left - 1) {
    const auto p = static_cast<uint32_t>(__builtin_ctzll(left));
    set_absent(unit, unit.absent_ & ~bit(p));
    if (const auto done = restore(unit, p, Some::all_but, {}); !done) {
      drop(unit, p);
      set_absent(unit, unit.absent_ | bit(p));
      return done;
    }
    Spillable::Partition& partition = (*unit.partitions_)[p];
    partition.touched = epoch_;
    partition.came = ++came_;
  }
  return {};
}

bool Residency::lacks(std::span<Spillable* const> units, uint32_t partition) {
  return std::any_of(units.begin(), units.end(),
                     [&](const Spillable* unit) { return (unit->lacks() & bit(partition)) != 0; });
}

bool Residency::can_lend(std::span<Spillable* const> units, uint32_t partition, uint64_t keys) {
  if (!lacks(units, partition)) return false;
  return std::all_of(units.begin(), units.end(), [&](const Spillable* unit) {
    if ((unit->absent_ & bit(partition)) == 0) return true;
    return keys * kFewPart <= uint64_t{1} << (*unit->partitions_)[partition].bits;
  });
}

void Residency::forfeit(Spillable& unit, uint32_t partition) {
  unit.lent_ &= ~bit(partition);
  set_absent(unit, unit.absent_ & ~bit(partition));
  forget(unit, partition);
}

Result<void> Residency::lend(std::span<Spillable* const> units, uint32_t partition,
                             std::span<const uint64_t> hashes) {
  for (Spillable* unit : units) {
    if ((unit->lacks() & bit(partition)) == 0) continue;  // one may stand there twice
    Spillable::Partition& at = (*unit->partitions_)[partition];
    at.lent.clear();
    for (const uint64_t hash : hashes) at.lent.push_back(bucket_of(hash, at.bits));
    std::sort(at.lent.begin(), at.lent.end());
    at.lent.erase(std::unique(at.lent.begin(), at.lent.end()), at.lent.end());
    unit->spilled_table().expect_few(true);
    const auto done = restore(*unit, partition, Some::these, at.lent);
    unit->spilled_table().expect_few(false);
    if (!done) {
      drop(*unit, partition);
      for (Spillable* lent : units) {
        if ((lent->lent_ & bit(partition)) != 0) drop(*lent, partition);
        lent->lent_ &= ~bit(partition);
      }
      return done;
    }
    unit->lent_ |= bit(partition);
    ++loans_;
  }
  return {};
}

bool Residency::has_changed(Spillable& unit, uint32_t partition) {
  const std::vector<State*> parts = unit.parts();
  return std::any_of(parts.begin(), parts.end(),
                     [&](const State* part) { return part->changed_since_spill(partition); });
}

// Writes the lent buckets of the partition once more; false when the file did not take them.
bool Residency::write_lent(Spillable& unit, uint32_t partition) {
  Spillable::Partition& at = (*unit.partitions_)[partition];
  std::vector<Entry*> entries;
  std::vector<uint32_t> ends;
  unit.spilled_table().sort(partition, at.bits, entries, ends);
  const std::vector<State*> parts = unit.parts();
  std::vector<std::unordered_map<uint32_t, std::vector<Spillable::Extent>>> made(parts.size());
  bool done = true;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (!parts[i]->changed_since_spill(partition)) continue;
    for (const uint32_t bucket : at.lent) {
      auto& extents = made[i][bucket];
      const uint32_t begin = bucket == 0 ? 0 : ends[bucket - 1];
      unit.spilled_table().choose(std::span(entries).subspan(begin, ends[bucket] - begin));
      done = done && parts[i]->write_out(partition, [&](std::string_view segment) {
        const auto extent = file_->write(segment);
        if (extent) {
          extents.push_back(*extent);
        } else {
          refused(extent.error());
        }
        return bool{extent};
      });
    }
  }
  unit.spilled_table().choose_all();
  for (size_t i = 0; i < parts.size(); ++i) {
    for (auto& [bucket, extents] : made[i]) {
      auto& again = at.parts[i].again;
      // Without success the new ones are of no use, else the old ones.
      if (done) std::swap(again[bucket], extents);
      for (const auto& extent : extents) file_->release(extent);
    }
  }
  return done;
}

Result<void> Residency::take_back(std::span<Spillable* const> units, uint32_t partition) {
  Result<void> result;
  for (Spillable* unit : units) {
    if ((unit->lent_ & bit(partition)) == 0) continue;
    unit->lent_ &= ~bit(partition);
    if (!has_changed(*unit, partition) || write_lent(*unit, partition)) {
      drop(*unit, partition);
      continue;
    }
    // The file takes nothing more: the rest comes, too, and all of it stays.
    set_absent(*unit, unit->absent_ & ~bit(partition));
    const auto rest =
        restore(*unit, partition, Some::all_but, (*unit->partitions_)[partition].lent);
    forget(*unit, partition);
    (*unit->partitions_)[partition].touched = epoch_;
    (*unit->partitions_)[partition].came = ++came_;
    if (!rest) result = rest;
  }
  return result;
}

void Residency::relieve(std::span<Spillable* const> units, uint64_t keep) {
  if (file_ == nullptr || stuck_) return;
  uint64_t now = bytes();
  if (now <= limit_) return;
  struct Candidate {
    uint64_t touched, came;
    Spillable* unit;
    uint32_t partition;
  };
  std::vector<Candidate> candidates;
  for (Spillable* unit : units_) {
    if (unit->partitions_ == nullptr) continue;
    uint64_t stay = unit->absent_ | unit->busy();
    if (std::find(units.begin(), units.end(), unit) != units.end()) stay |= keep;
    for (uint32_t p = 0; p < kPartitionCount; ++p) {
      if ((stay & bit(p)) != 0 || unit->spilled_table().live(p) == 0) continue;
      const Spillable::Partition& partition = (*unit->partitions_)[p];
      candidates.push_back({partition.touched, partition.came, unit, p});
    }
  }
  std::sort(candidates.begin(), candidates.end(), [](const Candidate& a, const Candidate& b) {
    return a.touched != b.touched ? a.touched < b.touched : a.came > b.came;
  });
  for (const Candidate& candidate : candidates) {
    Spillable& unit = *candidate.unit;
    const uint64_t freed = unit.spilled_table().partition_bytes(candidate.partition) +
                           unit.more_bytes(candidate.partition);
    if (!evict(unit, candidate.partition)) return;
    now -= std::min(now, freed);
    if (now <= limit_) return;
  }
}

// All of a table goes, and its memory is given back as a whole.
void Residency::split(Spillable& unit) {
  QW_ASSERT(unit.partitions_ == nullptr && unit.absent_ == 0 && unit.busy() == 0);
  unit.partitions_ = std::make_unique<std::array<Spillable::Partition, kPartitionCount>>();
  KeyedTable& table = unit.spilled_table();
  uint64_t gone = 0;
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    if (table.live(p) == 0) continue;
    if (!write(unit, p)) {
      for (uint32_t before = 0; before < p; ++before) forget(unit, before);
      unit.partitions_.reset();
      return;
    }
    gone |= bit(p);
  }
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    drop(unit, p);
  }
  table.clear();
  table.split();
  set_absent(unit, gone);
}

void Residency::split_empty(Spillable& unit) {
  if (file_ == nullptr || unit.partitions_ != nullptr || unit.home_ == nullptr) return;
  QW_ASSERT(unit.spilled_table().size() == 0);
  split(unit);
}

void Residency::end_epoch() {
  ++epoch_;
  stuck_ = false;
  make_room(limit_);
}

void Residency::make_room(uint64_t bytes_max) {
  if (file_ == nullptr || stuck_ || bytes() <= bytes_max) return;
  for (Spillable* unit : units_) {
    if (unit->partitions_ != nullptr || unit->busy() != 0) continue;
    if (unit->spilled_table().bytes() < limit_ / kSplitPart) continue;
    split(*unit);
    if (stuck_) return;
    if (bytes() <= bytes_max) break;
  }
  relieve();
}

Result<std::vector<std::string>> Residency::read(Spillable& unit, const State& part,
                                                 uint32_t partition) {
  QW_ASSERT((unit.absent_ & bit(partition)) != 0);
  const std::vector<State*> parts = unit.parts();
  const auto at = std::find(parts.begin(), parts.end(), &part) - parts.begin();
  std::vector<std::string> pieces;
  QW_TRY(each_piece((*unit.partitions_)[partition].parts[static_cast<size_t>(at)], {},
                    [&](std::string& piece) -> Result<void> {
                      pieces.push_back(std::move(piece));
                      return {};
                    }));
  if (pieces.empty()) pieces.emplace_back();
  return pieces;
}

}  // namespace qw::views
