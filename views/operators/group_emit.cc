// GroupOperator: what an epoch gives out, the log, and recovery. See group.h.
#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <vector>

#include "src/base/assert.h"
#include "src/types/numeric.h"
#include "src/types/str.h"
#include "views/operators/group.h"

namespace qw::views {
namespace {

constexpr size_t kStepGroups = kBatchRowsMax / 2;
constexpr size_t kAhead = 16;  // entries asked for before they are looked at

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

bool GroupOperator::has_rows(const char* payload) const {
  return rows_of(payload)[0] != 0 || (ports() == 2 && rows_of(payload)[1] != 0);
}

bool GroupOperator::has_negative_rows(const char* payload) const {
  return rows_of(payload)[0] < 0 || (ports() == 2 && rows_of(payload)[1] < 0);
}

int64_t GroupOperator::multiplicity(const char* payload) const {
  const int64_t left = rows_of(payload)[0];
  const int64_t right = ports() == 2 ? rows_of(payload)[1] : 0;
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

// After what bags and gates have counted, and per slot when its turn comes.
bool GroupOperator::check_counts() {
  int64_t negative = spelling_ != nullptr ? spelling_->negative_rows() : 0;
  for (const auto& gate : gates_) negative += gate->negative_rows();
  for (const Call& call : calls_) negative += call.bag != nullptr ? call.bag->negative_rows() : 0;
  return negative == 0 || fail_counts();
}

bool GroupOperator::fail_counts() {
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
    emissions_.clear();
    if (panes_) {
      collect_windows(next_dirty_, to);
    } else {
      collect(next_dirty_, to);
    }
    next_dirty_ = to;
    if (!host().failed() && build(out)) return true;
  }
  end_step();
  return false;
}

// One row of a key to give out; its new one comes right behind its old one.
void GroupOperator::emit(const char* payload, const KeyWords& key, uint64_t hash, int64_t weight) {
  if (weight != 0) emissions_.push_back({payload, key, hash, weight});
}

void GroupOperator::collect(size_t from, size_t to) {
  emissions_.reserve((to - from) * 2);
  for (size_t i = from; i < to; ++i) {
    if (i + kAhead < to) __builtin_prefetch(dirty_[i + kAhead].entry);
    Dirty& item = dirty_[i];
    if (has_negative_rows(item.entry->payload()) && !fail_counts()) return;
    for (Call& call : calls_) {
      if (call.bag != nullptr) call.bag->refresh(item.entry, host(), out_arena_);
    }
    if (spelling_ != nullptr) spelling_->refresh(item.entry, host(), out_arena_);
    if (host().failed()) return;
    const bool given = item.old != nullptr && (!spec_.single_row || single_row_given_);
    const Entry& entry = *item.entry;
    if (given) emit(item.old, entry.key, entry.hash, -multiplicity(item.old));
    emit(entry.payload(), entry.key, entry.hash, multiplicity(entry.payload()));
  }
}

void GroupOperator::fail_range() const {
  host().fail(numeric_value_out_of_range("bigint out of range"));
}

void GroupOperator::merge(char* into, const char* from) const {
  int64_t& rows = rows_of(into)[0];
  if (__builtin_add_overflow(rows, rows_of(from)[0], &rows)) return fail_range();
  for (const Accumulator* sum : sums_) sum->merge(into + sum->offset, from + sum->offset);
}

// What a pane beside the one of dirty slot `pane` holds when that one's turn comes; may be null.
const char* GroupOperator::neighbour(const Entry* entry, size_t pane) const {
  if (entry == nullptr) return nullptr;
  if (entry->mark == 0 || entry->mark - 1 < pane) return entry->payload();
  return dirty_[entry->mark - 1].old;
}

// As collect(), for panes.
void GroupOperator::collect_windows(size_t from, size_t to) {
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
  emissions_.reserve(size_t{2} * count * windows);
  for (uint32_t i = 0; i < count; ++i) {
    if (has_negative_rows(dirty_[from + i].entry->payload()) && !fail_counts()) return;
    windows_of(from + i, keys, entries.data(), i);
  }
}

// The windows of dirty slot `pane`, the at-th of those that `keys` and `entries` are for.
void GroupOperator::windows_of(size_t pane, const std::vector<KeyBatch>& keys,
                               Entry* const* const* entries, size_t at) {
  const uint32_t windows = spec_.hop.count, own = windows - 1;
  const auto fresh = [&] {
    auto* payload = static_cast<char*>(out_arena_.allocate(payload_bytes_, kPayloadAlignment));
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
    emit(old, of.words[at], of.hashes[at], -multiplicity(old));
    emit(now, of.words[at], of.hashes[at], multiplicity(now));
  }
}

bool GroupOperator::build(Batch& out) {
  Arena& arena = out_arena_;
  const std::vector<Emission>& emissions = emissions_;
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
  std::vector<bool> keep(count, true);
  for (const auto& entry : errors.entries()) {
    if (!keep[entry.row]) continue;
    host().row_error(entry.error, weights[entry.row]);
    keep[entry.row] = false;
  }
  drop_unchanged(out, keep);
  auto* selection = arena.allocate_array<uint16_t>(count);
  uint32_t selected = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (keep[i]) selection[selected++] = static_cast<uint16_t>(i);
  }
  out.weights = weights;
  out.select(selection, selected);
  return selected != 0;
}

void GroupOperator::drop_unchanged(const Batch& out, std::vector<bool>& keep) const {
  for (uint32_t i = 0; i + 1 < emissions_.size(); ++i) {
    const Emission &old = emissions_[i], &now = emissions_[i + 1];
    if (old.hash != now.hash || old.key.low != now.key.low || old.key.high != now.key.high) {
      continue;
    }
    if (!keep[i] || !keep[i + 1] || old.weight + now.weight != 0) continue;
    bool same = true;
    for (size_t c = 0; c < out.columns.size() && same; ++c) {
      same = same_value(out.columns[c], i, i + 1);
    }
    if (same) keep[i] = keep[i + 1] = false;
  }
}

void GroupOperator::end_step() {
  finishing_ = false;
  for (size_t i = 0; i < dirty_.size(); ++i) {
    if (i + kAhead < dirty_.size()) __builtin_prefetch(dirty_[i + kAhead].entry, 1);
    const Dirty& item = dirty_[i];
    Entry* entry = item.entry;
    entry->mark = 0;
    const bool empty = !has_rows(entry->payload()) && !spec_.single_row;
    main_.touch(partition_of(entry->hash));
    if (main_.logging && (!empty || item.old != nullptr)) main_.log_slot(entry, empty);
    if (item.old != nullptr) release_sums(item.old);
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
  for (uint32_t port = 0; port < owner_.ports(); ++port) {
    append_varint(out, zigzag(rows_of(entry->payload())[port]));
  }
  if (!owner_.gates_.empty()) append_varint(out, entry->number);
  for (const Accumulator* sum : owner_.sums_) sum->save(entry->payload() + sum->offset, out);
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

// What a '+' record says behind its key, in a zeroed payload; returns the number. nullopt: damaged.
std::optional<uint32_t> GroupOperator::Main::read_slot(std::string_view& records,
                                                       char* payload) const {
  for (uint32_t port = 0; port < owner_.ports(); ++port) {
    const auto rows = read_varint(records);
    if (!rows) return std::nullopt;
    rows_of(payload)[port] = unzigzag(*rows);
  }
  uint64_t number = 0;
  if (!owner_.gates_.empty()) {
    const auto read = read_varint(records);
    if (!read || *read > UINT32_MAX) return std::nullopt;
    number = *read;
  }
  for (Accumulator* sum : owner_.sums_) {
    if (!sum->load(records, payload + sum->offset)) return std::nullopt;
  }
  return static_cast<uint32_t>(number);
}

// Records that are put into the table together, so that it is waited for once.
struct GroupOperator::Main::Replayed {
  static constexpr uint32_t kMax = 256;
  explicit Replayed(uint32_t bytes) : payload_bytes(bytes), payloads(size_t{kMax} * bytes) {}
  char* payload(uint32_t i) { return payloads.data() + size_t{i} * payload_bytes; }

  uint32_t payload_bytes;
  uint32_t count = 0;
  std::array<KeyWords, kMax> words;
  std::array<uint64_t, kMax> hashes;
  std::array<uint32_t, kMax> numbers;
  std::array<Entry*, kMax> entries;
  std::vector<char> payloads;
};

// Bags may come before or after: their slots stay, and an empty slot goes in finish_recovery().
void GroupOperator::Main::put_back(Replayed& records) {
  const KeyBatch keys{records.count, records.words.data(), records.hashes.data()};
  owner_.table_.find_or_add(keys, records.entries.data());
  const size_t counts = sizeof(int64_t) * owner_.ports();
  for (uint32_t i = 0; i < records.count; ++i) {
    Entry* entry = records.entries[i];
    entry->number = records.numbers[i];
    std::memcpy(entry->payload(), records.payload(i), counts);
    if (!owner_.has_rows(entry->payload())) {
      owner_.emptied_ |= uint64_t{1} << partition_of(records.hashes[i]);
    }
    owner_.begin_change({&entry, 1});
    for (Accumulator* sum : owner_.sums_) {
      char* state = entry->payload() + sum->offset;
      sum->release(state);
      std::memcpy(state, records.payload(i) + sum->offset, sum->bytes());
    }
    owner_.end_change({&entry, 1});
  }
  std::memset(records.payloads.data(), 0, size_t{records.count} * records.payload_bytes);
  records.count = 0;
}

Result<void> GroupOperator::Main::replay(std::string_view bytes) {
  Replayed records(owner_.payload_bytes_);
  const auto damaged = [&] {
    for (uint32_t i = 0; i <= records.count; ++i) owner_.release_sums(records.payload(i));
    return fail(data_corrupted("state record is damaged"));
  };
  while (!bytes.empty()) {
    const char op = bytes.front();
    bytes.remove_prefix(1);
    const auto key = owner_.encoder_.take(bytes);
    if (!key || (op != '+' && op != '-')) return damaged();
    const uint32_t at = records.count;
    char* payload = records.payload(at);
    uint32_t number = 0;
    if (op == '+') {
      const auto read = read_slot(bytes, payload);
      if (!read) return damaged();
      number = *read;
    }
    owner_.last_number_ = std::max(owner_.last_number_, number);
    if (skips(partition_of(key->hash))) {
      // The image holds it already.
      owner_.release_sums(payload);
      std::memset(payload, 0, owner_.payload_bytes_);
      continue;
    }
    records.words[at] = key->words;
    records.hashes[at] = key->hash;
    records.numbers[at] = number;
    if (++records.count == Replayed::kMax) put_back(records);
  }
  put_back(records);
  return {};
}

// After records have been taken in: empty slots go, and what bags have given out is computed anew.
void GroupOperator::refresh_partition(uint32_t partition, Arena& arena) {
  const bool has_bags =
      spelling_ != nullptr ||
      std::any_of(calls_.begin(), calls_.end(), [](auto& call) { return call.bag != nullptr; });
  if (!has_bags && (emptied_ >> partition & 1) == 0) return;
  emptied_ &= ~(uint64_t{1} << partition);
  std::vector<Entry*> gone;
  table_.each(partition, [&](Entry* entry) {
    bool empty = !has_rows(entry->payload()) && !spec_.single_row;
    each_bag([&](BagCall& bag) {
      empty = empty && bag.size(entry) == 0;
      bag.refresh(entry, host(), arena);
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
  uint64_t sum = owner_.hanging_of_[partition];
  owner_.each_bag([&](const BagCall& bag) { sum += bag.nodes_bytes(partition); });
  return sum;
}

uint64_t GroupOperator::Unit::more_bytes() const {
  uint64_t sum = owner_.hanging_;
  owner_.each_bag([&](const BagCall& bag) { sum += bag.bytes(); });
  return sum;
}

void GroupOperator::Unit::drop_entries(uint32_t partition) {
  owner_.table_.each(partition, [&](Entry* entry) {
    owner_.begin_change({&entry, 1});
    owner_.release_sums(entry->payload());
    owner_.each_bag([&](BagCall& bag) { bag.drop(entry); });
    ++away_;
  });
}

void GroupOperator::Unit::restoring(uint32_t partition) {
  live_before_ = owner_.table_.live(partition);
  owner_.each_bag([](BagCall& bag) { bag.restoring(); });
}

void GroupOperator::Unit::restored(uint32_t partition) {
  owner_.each_bag([](BagCall& bag) { bag.restored(); });
  Arena arena;
  owner_.refresh_partition(partition, arena);
  away_ -= std::min(away_, owner_.table_.live(partition) - live_before_);
}

}  // namespace qw::views
