// Residency: see residency.h.
#include "views/state/residency.h"

#include <algorithm>
#include <utility>

#include "src/base/assert.h"
#include "src/base/log.h"
#include "views/state/state.h"

namespace qw::views {
namespace {

// A table is split when it is larger than this part of the limit.
constexpr uint64_t kSplitPart = 64;

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

// What was written of the partition is of no use any more.
void Residency::forget(Spillable& unit, uint32_t partition) {
  for (const auto& part : (*unit.partitions_)[partition].parts) {
    for (const auto& extent : part) file_->release(extent);
  }
  (*unit.partitions_)[partition].parts.clear();
}

// Writes the partition's records; false when the file did not take them.
bool Residency::write(Spillable& unit, uint32_t partition) {
  forget(unit, partition);
  auto& written = (*unit.partitions_)[partition].parts;
  for (State* part : unit.parts()) {
    auto& extents = written.emplace_back();
    const bool done = part->write_out(partition, [&](std::string_view piece) {
      auto extent = file_->write(piece);
      if (extent) {
        extents.push_back(*extent);
        return true;
      }
      if (!stuck_) log::warn("operator state stays in memory: {}", extent.error().to_string());
      return false;
    });
    if (done) continue;
    stuck_ = true;
    forget(unit, partition);
    return false;
  }
  return true;
}

bool Residency::evict(Spillable& unit, uint32_t partition) {
  const std::vector<State*> parts = unit.parts();
  const bool changed = std::any_of(parts.begin(), parts.end(), [&](const State* part) {
    return part->changed_since_spill(partition);
  });
  const bool written = !(*unit.partitions_)[partition].parts.empty();
  if ((changed || !written) && !write(unit, partition)) return false;
  unit.drop_entries(partition);
  unit.spilled_table().drop(partition);
  set_absent(unit, unit.absent_ | bit(partition));
  return true;
}

Result<void> Residency::bring(Spillable& unit, uint64_t partitions) {
  std::string piece;
  for (uint64_t left = partitions & unit.absent_; left != 0; left &= left - 1) {
    const auto p = static_cast<uint32_t>(__builtin_ctzll(left));
    Spillable::Partition& partition = (*unit.partitions_)[p];
    const std::vector<State*> parts = unit.parts();
    QW_ASSERT(partition.parts.size() == parts.size());
    set_absent(unit, unit.absent_ & ~bit(p));
    unit.restoring(p);
    Result<void> done;
    for (size_t i = 0; i < parts.size() && done; ++i) {
      for (const auto& extent : partition.parts[i]) {
        done = file_->read(extent, piece);
        if (done) done = parts[i]->restore(p, piece);
        if (!done) break;
      }
      // Also one without records.
      if (partition.parts[i].empty() && done) done = parts[i]->restore(p, {});
    }
    unit.restored(p);
    if (!done) {
      unit.drop_entries(p);
      unit.spilled_table().drop(p);
      set_absent(unit, unit.absent_ | bit(p));
      return done;
    }
    partition.touched = epoch_;
    partition.came = ++came_;
  }
  return {};
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
    unit.drop_entries(p);
    table.drop(p);
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
    const bool large = unit->spilled_table().bytes() >= limit_ / kSplitPart;
    if (unit->partitions_ == nullptr && large && unit->busy() == 0) split(*unit);
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
  for (const auto& extent : (*unit.partitions_)[partition].parts[static_cast<size_t>(at)]) {
    QW_TRY(file_->read(extent, pieces.emplace_back()));
  }
  if (pieces.empty()) pieces.emplace_back();
  return pieces;
}

}  // namespace qw::views
