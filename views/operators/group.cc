// GroupOperator: updates; what is given out and the log are in group_emit.cc. See group.h.
#include "views/operators/group.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "src/base/assert.h"
#include "src/types/key_codec.h"
#include "views/operators/collect.h"

namespace qw::views {
namespace {

// min, max and the like do not mind duplicates.
bool ignores_duplicates(sql::AggregateKind kind) {
  return kind == sql::AggregateKind::min || kind == sql::AggregateKind::max ||
         kind == sql::AggregateKind::bool_and || kind == sql::AggregateKind::bool_or ||
         kind == sql::AggregateKind::bit_and || kind == sql::AggregateKind::bit_or ||
         kind == sql::AggregateKind::any_value;
}

// Whether a call counts every row of its group.
bool counts_rows(const sql::AggregateCall& call, const GroupSpec& spec) {
  const auto kind = call.function->aggregate;
  if (call.filter || call.distinct) return false;
  if (kind == sql::AggregateKind::count_star) return true;
  return kind == sql::AggregateKind::count && call.arguments.size() == 1 &&
         !spec.not_null.empty() && spec.not_null[call.arguments[0]];
}

// Null: the call needs a bag. Intervals are equal in many spellings (1 mon, 30 days) and each adds
// up to something else, so the sum of a set of them goes by the values that are there.
std::unique_ptr<Accumulator> accumulator_of(const sql::AggregateCall& call,
                                            std::span<const Type> arguments,
                                            const GroupSpec& spec) {
  const auto kind = call.function->aggregate;
  if (counts_rows(call, spec)) return make_row_count(call.type);
  const bool spelled = call.distinct && !ignores_duplicates(kind) && !arguments.empty() &&
                       arguments[0].id == TypeId::interval && kind != sql::AggregateKind::count;
  return spelled ? nullptr : make_accumulator(kind, arguments, call.type, spec.append_only);
}

// All windows of a pane fit a batch.
constexpr uint32_t kPaneWindowsMax = kBatchRowsMax / 4;
uint32_t counts_bytes(const GroupSpec& spec) {
  return spec.multiplicity == Multiplicity::group ? sizeof(int64_t) : 2 * sizeof(int64_t);
}

uint32_t state_bytes(const Accumulator& sum) {
  return (sum.bytes() + kPayloadAlignment - 1) / kPayloadAlignment * kPayloadAlignment;
}

// The layout of slots, needed before the table can be made.
uint32_t plan_payload(const GroupSpec& spec) {
  uint32_t bytes = counts_bytes(spec);
  for (const auto& call : spec.calls) {
    const std::vector<Type> arguments = pick_types(spec.input, call.arguments);
    const auto sum = accumulator_of(call, arguments, spec);
    bytes += sum != nullptr ? state_bytes(*sum) : BagCall::kSlotBytes;
  }
  for (const uint32_t group : spec.groups) {
    if (has_spellings(spec.input[group])) {
      bytes += BagCall::kSlotBytes;
      break;
    }
  }
  return bytes;
}

}  // namespace

Result<std::unique_ptr<GroupOperator>> GroupOperator::make(Host& host, GroupSpec spec) {
  std::unique_ptr<GroupOperator> made(new GroupOperator(host, std::move(spec)));
  QW_TRY(made->add_calls());
  return made;
}

GroupOperator::GroupOperator(Host& host, GroupSpec spec)
    : Operator(host),
      spec_(std::move(spec)),
      encoder_(pick_types(spec_.input, spec_.groups)),
      table_(encoder_.packed(), plan_payload(spec_)) {}

GroupOperator::~GroupOperator() { reset(); }

Result<void> GroupOperator::add_calls() {
  uint32_t offset = counts_bytes(spec_);
  // Gates first: how many filters each has must be known when it is made.
  struct GateSpec {
    std::vector<uint32_t> arguments;
    std::vector<std::optional<uint32_t>> filters;
  };
  std::vector<GateSpec> gates;
  std::vector<std::pair<size_t, uint32_t>> gate_of(spec_.calls.size(), {SIZE_MAX, 0});
  for (size_t c = 0; c < spec_.calls.size(); ++c) {
    const auto& call = spec_.calls[c];
    const auto kind = call.function->aggregate;
    const std::vector<Type> arguments = pick_types(spec_.input, call.arguments);
    const bool summed = accumulator_of(call, arguments, spec_) != nullptr;
    if (!call.distinct || ignores_duplicates(kind) || !summed) continue;
    size_t g = 0;
    while (g < gates.size() && gates[g].arguments != call.arguments) ++g;
    if (g == gates.size()) gates.push_back({call.arguments, {}});
    auto& filters = gates[g].filters;
    const auto it = std::find(filters.begin(), filters.end(), call.filter);
    gate_of[c] = {g, static_cast<uint32_t>(it - filters.begin())};
    if (it == filters.end()) filters.push_back(call.filter);
  }
  for (const GateSpec& gate : gates) {
    std::vector<Type> types{TypeId::oid};
    for (const uint32_t argument : gate.arguments) types.push_back(spec_.input[argument]);
    gates_.push_back(std::make_unique<DistinctGate>(gate.arguments, std::move(types),
                                                    static_cast<uint32_t>(gate.filters.size()),
                                                    spec_.append_only));
  }
  for (size_t c = 0; c < spec_.calls.size(); ++c) {
    const auto& from = spec_.calls[c];
    Call call;
    const auto kind = from.function->aggregate;
    call.arguments = from.arguments;
    call.filter = from.filter;
    call.count_rows = kind == sql::AggregateKind::count_star;
    call.keep_nulls = collects_nulls(kind);
    const std::vector<Type> arguments = pick_types(spec_.input, from.arguments);
    call.sum = accumulator_of(from, arguments, spec_);
    if (call.sum != nullptr) {
      call.is_row_count = counts_rows(from, spec_);
      call.sum->offset = call.is_row_count ? 0 : offset;
      offset += state_bytes(*call.sum);
      if (!call.is_row_count) sums_.push_back(call.sum.get());
      if (call.sum->hangs()) hanging_sums_.push_back(call.sum.get());
    } else {
      if (!BagCall::supports(kind)) {
        return fail(feature_not_supported("aggregate function " + std::string(from.function->name) +
                                          " is not supported yet"));
      }
      BagCall::Spec bag;
      bag.kind = kind;
      bag.distinct = from.distinct;
      bag.arguments = from.arguments;
      if (is_collected(kind)) bag.order = from.order;
      bag.input = spec_.input;
      bag.result = from.type;
      call.bag = BagCall::make(std::move(bag), encoder_, table_);
      call.bag->offset = offset;
      offset += BagCall::kSlotBytes;
    }
    if (gate_of[c].first != SIZE_MAX) {
      call.gate = gates_[gate_of[c].first].get();
      call.gate_filter = gate_of[c].second;
    }
    calls_.push_back(std::move(call));
  }
  for (uint32_t g = 0; g < spec_.groups.size(); ++g) {
    if (has_spellings(spec_.input[spec_.groups[g]])) lossy_.push_back(g);
  }
  if (!lossy_.empty()) {
    BagCall::Spec bag;
    bag.spelling = true;
    for (const uint32_t g : lossy_) bag.arguments.push_back(spec_.groups[g]);
    bag.input = spec_.input;
    spelling_ = BagCall::make(std::move(bag), encoder_, table_);
    spelling_->offset = offset;
    offset += BagCall::kSlotBytes;
  }
  // Panes take back what they have given out of a window.
  panes_ = !spec_.runs_once && spec_.hop.count > 1 && spec_.hop.count <= kPaneWindowsMax &&
           gates_.empty() && spelling_ == nullptr &&
           std::all_of(calls_.begin(), calls_.end(),
                       [](const Call& call) { return call.sum != nullptr && call.sum->merges(); });
  payload_bytes_ = offset;
  QW_ASSERT(payload_bytes_ == plan_payload(spec_));
  return {};
}

void GroupOperator::release_sums(char* payload) {
  for (Accumulator* sum : sums_) sum->release(payload + sum->offset);
}

size_t GroupOperator::hanging_on(const Entry* entry) const {
  size_t bytes = 0;
  for (const Accumulator* sum : hanging_sums_) {
    bytes += sum->heap_bytes(entry->payload() + sum->offset);
  }
  return bytes;
}

void GroupOperator::begin_change(std::span<Entry* const> slots) {
  if (hanging_sums_.empty()) return;
  for (const Entry* entry : slots) {
    const size_t bytes = hanging_on(entry);
    hanging_ -= bytes;
    hanging_of_[partition_of(entry->hash)] -= bytes;
  }
}

void GroupOperator::end_change(std::span<Entry* const> slots) {
  if (hanging_sums_.empty()) return;
  for (const Entry* entry : slots) {
    const size_t bytes = hanging_on(entry);
    hanging_ += bytes;
    hanging_of_[partition_of(entry->hash)] += bytes;
  }
}

void GroupOperator::release_payload(Entry* entry) {
  begin_change({&entry, 1});
  release_sums(entry->payload());
  each_bag([&](BagCall& bag) { bag.release(entry); });
}

void GroupOperator::reset() {
  if (!dirty_.empty()) {
    for (const Dirty& item : dirty_) {
      if (item.old != nullptr) release_sums(item.old);
    }
    dirty_.clear();
  }
  for (Call& call : calls_) {
    if (call.bag != nullptr) call.bag->free_retired();
  }
  if (spelling_ != nullptr) spelling_->free_retired();
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    table_.each(p, [&](Entry* entry) { release_payload(entry); });
  }
  table_.clear();
  unit_.clear();
  for (auto& gate : gates_) gate->clear();
  epoch_arena_.reset();
  finishing_ = single_row_given_ = false;
  next_dirty_ = 0;
  dirty_partitions_ = 0;
  last_number_ = 0;
}

std::vector<State*> GroupOperator::states() {
  std::vector<State*> states{&main_};
  for (auto& gate : gates_) states.push_back(gate.get());
  for (Call& call : calls_) {
    if (call.bag != nullptr) states.push_back(call.bag.get());
  }
  if (spelling_ != nullptr) states.push_back(spelling_.get());
  return states;
}

void GroupOperator::mark_dirty(Entry* entry) {
  Dirty item{entry, nullptr};
  if (entry->number == 0 && !gates_.empty()) {
    if (last_number_ == UINT32_MAX) host().fail(program_limit_exceeded("too many groups"));
    entry->number = ++last_number_;
  }
  // A slot without rows gave out nothing, so there is nothing to remember: unless it is the one row
  // of an aggregate without groups, or holds counts of the other port.
  if (has_rows(entry->payload()) || spec_.single_row) {
    item.old = static_cast<char*>(epoch_arena_.allocate(payload_bytes_, kPayloadAlignment));
    std::memcpy(item.old, entry->payload(), payload_bytes_);
    for (const Accumulator* sum : sums_) sum->keep(item.old + sum->offset);
  }
  dirty_.push_back(item);
  dirty_partitions_ |= uint64_t{1} << partition_of(entry->hash);
  entry->mark = static_cast<uint32_t>(dirty_.size());
}

void GroupOperator::accept(uint32_t port, const Batch& batch) {
  if (host().failed()) return;
  accept_arena_.reset();
  finishing_ = false;
  const uint32_t count = batch.size();
  KeyBatch keys;
  encoder_.encode(batch, spec_.groups, accept_arena_, keys);
  KeyGroups groups;
  group_keys(keys, encoder_.packed(), accept_arena_, groups);
  auto* entries = accept_arena_.allocate_array<Entry*>(count + 1);
  picked_.clear();
  for (uint32_t w = 0; w < (panes_ ? 1 : spec_.hop.count); ++w) {
    const std::span<Entry* const> slots = count_rows(
        port, batch, groups, w == 0 ? groups.keys : earlier_keys(batch, groups, w), entries);
    // Calls count no more rows than the group has: theirs are in range with it.
    if (host().failed()) return;
    begin_change(slots);
    for (Picked& known : picked_) {
      for (uint32_t i = 0; i < known.count; ++i) known.entries[i] = entries[known.live[i]];
    }
    begin_gates(batch, entries);
    for (Call& call : calls_) update_call(call, batch, entries);
    for (auto& gate : gates_) gate->end();
    end_change(slots);
    if (spelling_ != nullptr && port == 0) {
      auto* rows = accept_arena_.allocate_array<uint16_t>(count + 1);
      auto* weights = accept_arena_.allocate_array<int64_t>(count + 1);
      for (uint32_t i = 0; i < count; ++i) {
        rows[i] = static_cast<uint16_t>(batch.row(i));
        weights[i] = batch.weight(rows[i]);
      }
      spelling_->update(batch, rows, weights, entries, count, accept_arena_);
    }
  }
}

void GroupOperator::begin_gates(const Batch& batch, Entry* const* entries) {
  if (gates_.empty()) return;
  Vector numbers = Vector::flat(TypeId::oid, batch.rows, accept_arena_);
  for (uint32_t i = 0; i < batch.size(); ++i) {
    numbers.values<uint32_t>()[batch.row(i)] = entries[i]->number;
  }
  for (auto& gate : gates_) gate->begin(batch, numbers, accept_arena_);
}

std::span<Entry* const> GroupOperator::count_rows(uint32_t port, const Batch& batch,
                                                  const KeyGroups& groups, const KeyBatch& keys,
                                                  Entry** entries) {
  auto* slots = accept_arena_.allocate_array<Entry*>(keys.count + 1);
  table_.find_or_add(keys, slots, KeyedTable::Distinct::yes);
  for (uint32_t g = 0; g < keys.count; ++g) {
    if (slots[g]->mark == 0) mark_dirty(slots[g]);
  }
  for (uint32_t i = 0; i < batch.size(); ++i) {
    entries[i] = slots[groups.of[i]];
    int64_t& rows = rows_of(entries[i]->payload())[port];
    if (__builtin_add_overflow(rows, batch.weight(batch.row(i)), &rows)) {
      fail_range();
      return {};
    }
  }
  return {slots, keys.count};
}

KeyBatch GroupOperator::earlier_keys(const Batch& batch, const KeyGroups& groups, uint32_t steps) {
  const uint32_t count = groups.keys.count;
  auto* first = accept_arena_.allocate_array<uint16_t>(count + 1);
  for (uint32_t g = 0; g < count; ++g) first[g] = static_cast<uint16_t>(batch.row(groups.first[g]));
  Batch own;
  own.rows = count;
  for (const uint32_t group : spec_.groups) {
    own.columns.push_back(batch.columns[group].gathered(first, count, accept_arena_));
  }
  return moved_keys(own, -int64_t{steps}, accept_arena_);
}

KeyBatch GroupOperator::moved_keys(Batch groups, int64_t slides, Arena& arena) const {
  const uint64_t by = static_cast<uint64_t>(slides) * static_cast<uint64_t>(spec_.hop.slide_us);
  for (const uint32_t border : spec_.hop.borders) {
    const Vector& from = groups.columns[border];
    Vector moved = Vector::flat(from.type, groups.rows, arena);
    for (uint32_t g = 0; g < groups.rows; ++g) {
      moved.values<int64_t>()[g] =
          static_cast<int64_t>(static_cast<uint64_t>(from.at<int64_t>(g)) + by);
    }
    groups.columns[border] = moved;
  }
  std::vector<uint32_t> columns(spec_.groups.size());
  std::iota(columns.begin(), columns.end(), 0U);
  KeyBatch keys;
  encoder_.encode(groups, columns, arena, keys);
  return keys;
}

const GroupOperator::Picked& GroupOperator::picked(const Call& call, const Batch& batch,
                                                   Entry* const* entries) {
  for (const Picked& known : picked_) {
    if (known.filter == call.filter) return known;
  }
  const uint32_t count = batch.size();
  Picked out;
  out.filter = call.filter;
  out.rows = accept_arena_.allocate_array<uint16_t>(count + 1);
  out.live = accept_arena_.allocate_array<uint16_t>(count + 1);
  const Vector* filter = call.filter ? &batch.columns[*call.filter] : nullptr;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = batch.row(i);
    out.rows[out.count] = static_cast<uint16_t>(row);
    out.live[out.count] = static_cast<uint16_t>(i);
    const bool counts =
        filter == nullptr || (!filter->is_null(row) && filter->at<uint8_t>(row) != 0);
    out.count += counts ? 1U : 0U;
  }
  out.entries = accept_arena_.allocate_array<Entry*>(out.count + 1);
  for (uint32_t i = 0; i < out.count; ++i) out.entries[i] = entries[out.live[i]];
  if (batch.weights != nullptr) {
    out.weights = accept_arena_.allocate_array<int64_t>(out.count + 1);
    for (uint32_t i = 0; i < out.count; ++i) out.weights[i] = batch.weights[out.rows[i]];
  }
  picked_.push_back(out);
  return picked_.back();
}

GroupOperator::Picked GroupOperator::without_nulls(const Picked& from, const Vector& argument,
                                                   bool weighted) {
  Picked out;
  out.rows = accept_arena_.allocate_array<uint16_t>(from.count + 1);
  out.live = accept_arena_.allocate_array<uint16_t>(from.count + 1);
  out.entries = accept_arena_.allocate_array<Entry*>(from.count + 1);
  if (weighted) out.weights = accept_arena_.allocate_array<int64_t>(from.count + 1);
  for (uint32_t i = 0; i < from.count; ++i) {
    if (argument.is_null(from.rows[i])) continue;
    out.rows[out.count] = from.rows[i];
    out.live[out.count] = from.live[i];
    if (weighted) out.weights[out.count] = from.weights[i];
    out.entries[out.count++] = from.entries[i];
  }
  return out;
}

void GroupOperator::update_call(Call& call, const Batch& batch, Entry* const* entries) {
  if (call.is_row_count) return;
  Picked rows = picked(call, batch, entries);
  if (!call.arguments.empty() && !call.count_rows && !call.keep_nulls) {
    const Vector& argument = batch.columns[call.arguments[0]];
    if (argument.validity != nullptr) {
      rows = without_nulls(rows, argument, rows.weights != nullptr);
    }
  }
  if (rows.count == 0) return;
  const auto ones = [&] {
    auto* weights = accept_arena_.allocate_array<int64_t>(rows.count);
    std::fill_n(weights, rows.count, 1);
    return weights;
  };
  const int64_t* occurrences = nullptr;
  if (call.gate != nullptr) {
    occurrences = rows.weights == nullptr ? ones() : rows.weights;
    rows.weights = call.gate->pass(rows.live, rows.weights, rows.count, call.gate_filter);
    if (rows.weights == nullptr) {
      return host().fail(internal_error("rows were taken away from an append-only input"));
    }
  }
  if (call.bag != nullptr) {
    if (rows.weights == nullptr) rows.weights = ones();
    call.bag->update(batch, rows.rows, rows.weights, rows.entries, rows.count, accept_arena_);
    return;
  }
  std::vector<Vector> arguments;
  for (const uint32_t column : call.arguments) arguments.push_back(batch.columns[column]);
  auto added =
      call.sum->update({arguments, rows.rows, rows.weights, occurrences, rows.entries, rows.count});
  if (!added) host().fail(std::move(added).error());
}

}  // namespace qw::views
