// GroupOperator: what an epoch gives out, the log, and recovery. See group.h.
#include <algorithm>
#include <cstring>

#include "src/base/assert.h"
#include "src/types/numeric.h"
#include "src/types/str.h"
#include "views/operators/group.h"

namespace qw::views {
namespace {

constexpr size_t kStepGroups = kBatchRowsMax / 2;

// Bit-wise equality of two rows of a flat vector: rows that differ in spelling differ.
bool same_value(const Vector& vector, uint32_t a, uint32_t b) {
  const bool null = vector.is_null(a);
  if (null != vector.is_null(b)) return false;
  if (null) return true;
  if (vector.type.physical() == Physical::string) {
    return vector.values<Str>()[a] == vector.values<Str>()[b];
  }
  const uint32_t bytes = vector.type.bytes();
  const auto* data = static_cast<const char*>(vector.data);
  if (std::memcmp(data + size_t{bytes} * a, data + size_t{bytes} * b, bytes) == 0) return true;
  if (vector.type.physical() != Physical::numeric) return false;
  const auto& x = vector.values<Numeric>()[a];
  const auto& y = vector.values<Numeric>()[b];
  return x.is_wide() && y.is_wide() && x.scale() == y.scale() &&
         x.wide_negative() == y.wide_negative() && x.limbs() == y.limbs();
}

}  // namespace

void GroupOperator::finish() {
  finishing_ = true;
  next_dirty_ = 0;
  if (!spec_.single_row || single_row_given_) return;
  KeyWords words{0, 0};
  uint64_t hash = encoder_.hash(words);
  Entry* entry = table_.find_or_add(words, hash);
  if (entry->mark == 0) mark_dirty(entry);
}

int64_t GroupOperator::multiplicity(const char* payload) const {
  const auto& counts = *reinterpret_cast<const Counts*>(payload);
  const int64_t left = counts.rows[0], right = counts.rows[1];
  switch (spec_.multiplicity) {
    case Multiplicity::group:
      return spec_.single_row || left > 0 ? 1 : 0;
    case Multiplicity::except:
      return left > 0 && right == 0 ? 1 : 0;
    case Multiplicity::except_all:
      return std::max<int64_t>(left - right, 0);
    case Multiplicity::intersect:
      return left > 0 && right > 0 ? 1 : 0;
    case Multiplicity::intersect_all:
      return std::min(left, right);
  }
  return 0;
}

bool GroupOperator::check_counts() {
  int64_t negative = spelling_ != nullptr ? spelling_->negative_rows() : 0;
  for (const auto& gate : gates_) negative += gate->negative_rows();
  for (const Call& call : calls_) negative += call.bag != nullptr ? call.bag->negative_rows() : 0;
  for (const Dirty& item : dirty_) {
    const auto& counts = item.entry->as<Counts>();
    negative += counts.rows[0] < 0 || counts.rows[1] < 0 ? 1 : 0;
  }
  if (negative == 0) return true;
  host().fail(internal_error("more rows were taken away from a group than it has"));
  return false;
}

bool GroupOperator::produce(Batch& out) {
  if (!finishing_) return false;
  if (next_dirty_ == 0 && !dirty_.empty() && !host().failed() && !check_counts()) {
    next_dirty_ = dirty_.size();
  }
  while (next_dirty_ < dirty_.size() && !host().failed()) {
    out_arena_.reset();
    const size_t step = panes_ ? kStepGroups / spec_.hop.count : kStepGroups;
    const size_t to = std::min(next_dirty_ + step, dirty_.size());
    std::vector<Emission> emissions;
    if (panes_) {
      collect_windows(next_dirty_, to, emissions);
    } else {
      collect(next_dirty_, to, emissions);
    }
    next_dirty_ = to;
    if (build(emissions, out)) return true;
  }
  end_step();
  return false;
}

// Emissions come in pairs: 2n is the old row of dirty slot n, 2n + 1 its new row; weight 0 = none.
void GroupOperator::collect(size_t from, size_t to, std::vector<Emission>& emissions) {
  const TextStyle& style = host().context().style;
  emissions.reserve((to - from) * 2);
  for (size_t i = from; i < to; ++i) {
    Dirty& item = dirty_[i];
    for (Call& call : calls_) {
      if (call.bag != nullptr) call.bag->refresh(item.entry, style, out_arena_);
    }
    if (spelling_ != nullptr) spelling_->refresh(item.entry, style, out_arena_);
    const bool given = item.old != nullptr && (!spec_.single_row || single_row_given_);
    const Entry& entry = *item.entry;
    emissions.push_back({given ? item.old : entry.payload(), entry.key, entry.hash,
                         given ? -multiplicity(item.old) : 0});
    emissions.push_back({entry.payload(), entry.key, entry.hash, multiplicity(entry.payload())});
  }
}

void GroupOperator::merge(char* into, const char* from) const {
  auto& counts = *reinterpret_cast<Counts*>(into);
  counts.rows[0] += reinterpret_cast<const Counts*>(from)->rows[0];
  for (const Call& call : calls_) call.sum->merge(into + call.sum->offset, from + call.sum->offset);
}

// What a pane beside the one of dirty slot `pane` holds when that one's turn comes; may be null.
const char* GroupOperator::neighbour(const Entry* entry, size_t pane) const {
  if (entry == nullptr) return nullptr;
  if (entry->mark == 0 || entry->mark - 1 < pane) return entry->payload();
  return dirty_[entry->mark - 1].old;
}

// As collect(), for panes.
void GroupOperator::collect_windows(size_t from, size_t to, std::vector<Emission>& emissions) {
  Arena& arena = out_arena_;
  const auto count = static_cast<uint32_t>(to - from);
  const uint32_t windows = spec_.hop.count;
  auto* own = arena.allocate_array<KeyWords>(count);
  auto* hashes = arena.allocate_array<uint64_t>(count);
  for (uint32_t i = 0; i < count; ++i) {
    own[i] = dirty_[from + i].entry->key;
    hashes[i] = dirty_[from + i].entry->hash;
  }
  Batch batch;
  batch.rows = count;
  encoder_.decode({own, count}, hashes, arena, batch.columns);
  // Keys and entries by steps of a slide, from windows - 1 before to windows - 1 behind.
  std::vector<KeyBatch> keys(size_t{2} * windows - 1);
  std::vector<Entry**> entries(keys.size());
  for (size_t k = 0; k < keys.size(); ++k) {
    const auto steps = static_cast<int64_t>(k) - static_cast<int64_t>(windows - 1);
    keys[k] = moved_keys(batch, steps, arena);
    entries[k] = arena.allocate_array<Entry*>(count);
    table_.find(keys[k], entries[k]);
  }
  emissions.reserve(size_t{2} * count * windows);
  for (uint32_t i = 0; i < count; ++i) windows_of(from + i, keys, entries.data(), i, emissions);
}

// The windows of dirty slot `pane`, the at-th of those that `keys` and `entries` are for.
void GroupOperator::windows_of(size_t pane, const std::vector<KeyBatch>& keys,
                               Entry* const* const* entries, size_t at,
                               std::vector<Emission>& emissions) {
  const uint32_t windows = spec_.hop.count, own = windows - 1;
  const auto fresh = [&] {
    auto* payload = static_cast<char*>(out_arena_.allocate(payload_bytes_, 16));
    std::memset(payload, 0, payload_bytes_);
    return payload;
  };
  // before[n], behind[n]: n panes on that side put together; null: they hold nothing.
  std::vector<const char*> before(windows, nullptr), behind(windows, nullptr);
  const auto gather = [&](std::vector<const char*>& sides, bool earlier) {
    for (uint32_t n = 1; n < windows; ++n) {
      const char* more = neighbour(entries[earlier ? own - n : own + n][at], pane);
      sides[n] = sides[n - 1];
      if (more == nullptr) continue;
      if (sides[n - 1] == nullptr) {
        sides[n] = more;
        continue;
      }
      char* both = fresh();
      merge(both, sides[n - 1]);
      merge(both, more);
      sides[n] = both;
    }
  };
  gather(before, true);
  gather(behind, false);
  const Dirty& item = dirty_[pane];
  for (uint32_t n = 0; n < windows; ++n) {
    // The window that began n slides before the pane.
    char* old = fresh();
    if (before[n] != nullptr) merge(old, before[n]);
    if (behind[own - n] != nullptr) merge(old, behind[own - n]);
    char* now = fresh();
    merge(now, old);
    merge(now, item.entry->payload());
    if (item.old != nullptr) merge(old, item.old);
    const KeyBatch& of = keys[own - n];
    emissions.push_back({old, of.words[at], of.hashes[at], -multiplicity(old)});
    emissions.push_back({now, of.words[at], of.hashes[at], multiplicity(now)});
  }
}

bool GroupOperator::build(std::vector<Emission>& emissions, Batch& out) {
  Arena& arena = out_arena_;
  const auto count = static_cast<uint32_t>(emissions.size());
  out = Batch();
  out.rows = count;
  auto* keys = arena.allocate_array<KeyWords>(count);
  auto* hashes = arena.allocate_array<uint64_t>(count);
  auto* weights = arena.allocate_column<int64_t>(count);
  auto* states = arena.allocate_array<const char*>(count);
  for (uint32_t i = 0; i < count; ++i) {
    keys[i] = emissions[i].key;
    hashes[i] = emissions[i].hash;
    weights[i] = emissions[i].weight;
  }
  encoder_.decode({keys, count}, hashes, arena, out.columns);
  sql::RowErrors errors;
  if (spelling_ != nullptr) {
    for (uint32_t i = 0; i < count; ++i) states[i] = emissions[i].payload + spelling_->offset;
    std::vector<Vector> spelled;
    spelling_->results({states, count}, arena, spelled, errors);
    for (size_t l = 0; l < lossy_.size(); ++l) out.columns[lossy_[l]] = spelled[l];
  }
  for (const Call& call : calls_) {
    if (call.bag != nullptr) {
      for (uint32_t i = 0; i < count; ++i) states[i] = emissions[i].payload + call.bag->offset;
      std::vector<Vector> column;
      call.bag->results({states, count}, arena, column, errors);
      out.columns.push_back(column[0]);
    } else {
      for (uint32_t i = 0; i < count; ++i) states[i] = emissions[i].payload + call.sum->offset;
      Vector column;
      call.sum->results({states, count}, arena, column, errors);
      out.columns.push_back(column);
    }
  }
  std::vector<bool> keep(count);
  for (uint32_t i = 0; i < count; ++i) keep[i] = weights[i] != 0;
  for (const auto& entry : errors.entries()) {
    if (!keep[entry.row]) continue;
    host().row_error(entry.error, weights[entry.row]);
    keep[entry.row] = false;
  }
  drop_unchanged(emissions, out, keep);
  auto* selection = arena.allocate_array<uint16_t>(count);
  uint32_t selected = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (keep[i]) selection[selected++] = static_cast<uint16_t>(i);
  }
  out.weights = weights;
  out.select(selection, selected);
  return selected != 0;
}

void GroupOperator::drop_unchanged(const std::vector<Emission>& emissions, Batch& out,
                                   std::vector<bool>& keep) {
  for (uint32_t i = 0; i + 1 < emissions.size(); i += 2) {
    if (!keep[i] || !keep[i + 1] || emissions[i].weight + emissions[i + 1].weight != 0) continue;
    bool same = true;
    for (size_t c = 0; c < out.columns.size() && same; ++c) {
      same = same_value(out.columns[c], i, i + 1);
    }
    if (same) keep[i] = keep[i + 1] = false;
  }
}

void GroupOperator::end_step() {
  finishing_ = false;
  for (const Dirty& item : dirty_) {
    Entry* entry = item.entry;
    entry->mark = 0;
    const auto& counts = entry->as<Counts>();
    const bool empty = counts.rows[0] == 0 && counts.rows[1] == 0 && !spec_.single_row;
    main_.touch(partition_of(entry->hash));
    if (main_.logging && (!empty || item.old != nullptr)) main_.log_slot(entry, empty);
    if (item.old != nullptr) {
      for (Call& call : calls_) {
        if (call.sum != nullptr) call.sum->release(item.old + call.sum->offset);
      }
    }
    if (empty) {
      release_payload(entry);
      table_.erase(entry);
    }
  }
  if (!dirty_.empty() && spec_.single_row) single_row_given_ = true;
  dirty_.clear();
  dirty_partitions_ = 0;
  next_dirty_ = 0;
  epoch_arena_.reset();
  for (Call& call : calls_) {
    if (call.bag != nullptr) call.bag->free_retired();
  }
  if (spelling_ != nullptr) spelling_->free_retired();
}

void GroupOperator::Main::append_slot(std::string& out, Entry* entry) const {
  out.push_back('+');
  owner_.encoder_.append(out, entry->key, entry->hash);
  const auto& counts = entry->as<Counts>();
  append_varint(out, zigzag(counts.rows[0]));
  append_varint(out, zigzag(counts.rows[1]));
  if (!owner_.gates_.empty()) append_varint(out, counts.number);
  for (const Call& call : owner_.calls_) {
    if (call.sum != nullptr) call.sum->save(entry->payload() + call.sum->offset, out);
  }
}

void GroupOperator::Main::log_slot(Entry* entry, bool erased) {
  if (erased) {
    log().push_back('-');
    owner_.encoder_.append(log(), entry->key, entry->hash);
  } else {
    append_slot(log(), entry);
  }
  end_log_record();
}

void GroupOperator::Main::dump(uint32_t partition, std::string& out,
                               std::vector<std::string>& pieces) {
  owner_.table_.each(partition, [&](Entry* entry) {
    append_slot(out, entry);
    end_record(out, pieces);
  });
}

Result<void> GroupOperator::Main::replay(std::string_view records) {
  const auto damaged = [] { return fail(data_corrupted("state record is damaged")); };
  std::vector<char> skipped(owner_.payload_bytes_ + 16);
  while (!records.empty()) {
    const char op = records.front();
    records.remove_prefix(1);
    auto key = owner_.encoder_.take(records);
    if (!key) return damaged();
    const bool skip = skips(partition_of(key->hash));
    Entry* entry = skip ? nullptr : owner_.table_.find_or_add(key->words, key->hash);
    // Records of partitions that the image holds already are read into a slot nobody sees.
    const size_t misalignment = reinterpret_cast<uintptr_t>(skipped.data()) % 16;
    char* payload = skip ? skipped.data() + (16 - misalignment) % 16 : entry->payload();
    if (op == '-') {
      // Bags may come before or after: an empty slot goes in finish_recovery().
      for (const Call& call : owner_.calls_) {
        if (call.sum == nullptr || skip) continue;
        call.sum->release(payload + call.sum->offset);
        std::memset(payload + call.sum->offset, 0, call.sum->bytes());
      }
      if (!skip) entry->as<Counts>() = Counts();
      continue;
    }
    if (op != '+') return damaged();
    if (skip) std::memset(payload, 0, owner_.payload_bytes_);
    const auto left = read_varint(records);
    const auto right = read_varint(records);
    if (!left || !right) return damaged();
    auto& counts = *reinterpret_cast<Counts*>(payload);
    counts.rows[0] = unzigzag(*left);
    counts.rows[1] = unzigzag(*right);
    if (!owner_.gates_.empty()) {
      const auto number = read_varint(records);
      if (!number || *number > UINT32_MAX) return damaged();
      counts.number = static_cast<uint32_t>(*number);
      owner_.last_number_ = std::max(owner_.last_number_, counts.number);
    }
    for (const Call& call : owner_.calls_) {
      if (call.sum == nullptr) continue;
      if (!call.sum->load(records, payload + call.sum->offset)) return damaged();
      if (skip) call.sum->release(payload + call.sum->offset);
    }
  }
  return {};
}

// After records have been taken in: empty slots go, and what bags have given out is computed anew.
void GroupOperator::refresh_partition(uint32_t partition, Arena& arena) {
  const TextStyle& style = host().context().style;
  std::vector<Entry*> gone;
  table_.each(partition, [&](Entry* entry) {
    const auto& counts = entry->as<Counts>();
    bool empty = counts.rows[0] == 0 && counts.rows[1] == 0 && !spec_.single_row;
    each_bag([&](BagCall& bag) {
      empty = empty && bag.empty(entry);
      bag.refresh(entry, style, arena);
    });
    if (empty) gone.push_back(entry);
    arena.reset();
  });
  for (Entry* entry : gone) {
    release_payload(entry);
    table_.erase(entry);
  }
  each_bag([](BagCall& bag) { bag.free_retired(); });
}

void GroupOperator::finish_recovery() {
  Arena arena;
  for (uint32_t p = 0; p < kPartitionCount; ++p) refresh_partition(p, arena);
  single_row_given_ = spec_.single_row;
}

// ---- out of memory and back ---------------------------------------------------------------------

std::vector<State*> GroupOperator::Unit::parts() {
  std::vector<State*> parts{&owner_.main_};
  owner_.each_bag([&](BagCall& bag) { parts.push_back(&bag); });
  return parts;
}

uint64_t GroupOperator::Unit::more_bytes(uint32_t partition) const {
  uint64_t sum = 0;
  owner_.each_bag([&](const BagCall& bag) { sum += bag.nodes_bytes(partition); });
  return sum;
}

uint64_t GroupOperator::Unit::more_bytes() const {
  uint64_t sum = 0;
  owner_.each_bag([&](const BagCall& bag) { sum += bag.bytes(); });
  return sum;
}

void GroupOperator::Unit::drop_entries(uint32_t partition) {
  owner_.table_.each(partition, [&](Entry* entry) {
    for (Call& call : owner_.calls_) {
      if (call.sum != nullptr) call.sum->release(entry->payload() + call.sum->offset);
    }
    owner_.each_bag([&](BagCall& bag) { bag.drop(entry); });
    ++away_;
  });
}

void GroupOperator::Unit::restoring(uint32_t) {
  owner_.each_bag([](BagCall& bag) { bag.restoring(); });
}

void GroupOperator::Unit::restored(uint32_t partition) {
  owner_.each_bag([](BagCall& bag) { bag.restored(); });
  Arena arena;
  owner_.refresh_partition(partition, arena);
  away_ -= std::min(away_, owner_.table_.live(partition));
}

}  // namespace qw::views
