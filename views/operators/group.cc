// GroupOperator: updates; what is given out and the log are in group_emit.cc. See group.h.
#include "views/operators/group.h"

#include <algorithm>
#include <cstring>

#include "src/base/assert.h"
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

// Null: the call needs a bag. Intervals are equal in many spellings (1 mon, 30 days) and each adds
// up to something else, so the sum of a set of them goes by the values that are there.
std::unique_ptr<Accumulator> accumulator_of(const sql::AggregateCall& call,
                                            std::span<const Type> arguments, bool append_only) {
  const auto kind = call.function->aggregate;
  const bool spelled = call.distinct && !ignores_duplicates(kind) && !arguments.empty() &&
                       arguments[0].id == TypeId::interval && kind != sql::AggregateKind::count;
  return spelled ? nullptr : make_accumulator(kind, arguments, call.type, append_only);
}

// The layout of slots, needed before the table can be made.
uint32_t plan_payload(const GroupSpec& spec) {
  uint32_t bytes = 16;
  for (const auto& call : spec.calls) {
    const std::vector<Type> arguments = pick_types(spec.input, call.arguments);
    const auto sum = accumulator_of(call, arguments, spec.append_only);
    bytes += sum != nullptr ? (sum->bytes() + 15) / 16 * 16
                            : static_cast<uint32_t>(sizeof(BagCall::Slot));
  }
  for (const uint32_t group : spec.groups) {
    if (KeyEncoder::lossy(spec.input[group])) {
      bytes += static_cast<uint32_t>(sizeof(BagCall::Slot));
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
  uint32_t offset = 16;
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
    const bool summed = accumulator_of(call, arguments, spec_.append_only) != nullptr;
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
    std::vector<uint32_t> columns = spec_.groups;
    columns.insert(columns.end(), gate.arguments.begin(), gate.arguments.end());
    gates_.push_back(std::make_unique<DistinctGate>(columns, pick_types(spec_.input, columns),
                                                    static_cast<uint32_t>(gate.filters.size())));
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
    call.sum = accumulator_of(from, arguments, spec_.append_only);
    if (call.sum != nullptr) {
      call.sum->offset = offset;
      offset += (call.sum->bytes() + 15) / 16 * 16;
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
      call.bag = std::make_unique<BagCall>(std::move(bag), encoder_, table_);
      call.bag->offset = offset;
      offset += static_cast<uint32_t>(sizeof(BagCall::Slot));
    }
    if (gate_of[c].first != SIZE_MAX) {
      call.gate = gates_[gate_of[c].first].get();
      call.gate_filter = gate_of[c].second;
      call.gate_leader = static_cast<uint32_t>(
          std::find(gate_of.begin(), gate_of.end(), gate_of[c]) - gate_of.begin());
    }
    calls_.push_back(std::move(call));
  }
  for (uint32_t g = 0; g < spec_.groups.size(); ++g) {
    if (KeyEncoder::lossy(spec_.input[spec_.groups[g]])) lossy_.push_back(g);
  }
  if (!lossy_.empty()) {
    BagCall::Spec bag;
    bag.spelling = true;
    for (const uint32_t g : lossy_) bag.arguments.push_back(spec_.groups[g]);
    bag.input = spec_.input;
    spelling_ = std::make_unique<BagCall>(std::move(bag), encoder_, table_);
    spelling_->offset = offset;
    offset += static_cast<uint32_t>(sizeof(BagCall::Slot));
  }
  payload_bytes_ = offset;
  QW_ASSERT(payload_bytes_ == plan_payload(spec_));
  return {};
}

void GroupOperator::release_payload(char* payload) {
  for (Call& call : calls_) {
    if (call.sum != nullptr) {
      call.sum->release(payload + call.sum->offset);
    } else {
      call.bag->release(payload + call.bag->offset);
    }
  }
  if (spelling_ != nullptr) spelling_->release(payload + spelling_->offset);
}

void GroupOperator::reset() {
  if (!dirty_.empty()) {
    for (const Dirty& item : dirty_) {
      if (item.old == nullptr) continue;
      for (Call& call : calls_) {
        if (call.sum != nullptr) call.sum->release(item.old + call.sum->offset);
      }
    }
    dirty_.clear();
  }
  for (Call& call : calls_) {
    if (call.bag != nullptr) call.bag->free_retired();
  }
  if (spelling_ != nullptr) spelling_->free_retired();
  for (uint32_t p = 0; p < kPartitionCount; ++p) {
    table_.each(p, [&](Entry* entry) { release_payload(entry->payload()); });
  }
  table_.clear();
  for (auto& gate : gates_) gate->clear();
  epoch_arena_.reset();
  finishing_ = single_row_given_ = false;
  next_dirty_ = 0;
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
  const auto& counts = entry->as<Counts>();
  // A slot without rows gave out nothing, so there is nothing to remember: unless it is the one row
  // of an aggregate without groups, or holds counts of the other port.
  if (counts.rows[0] != 0 || counts.rows[1] != 0 || spec_.single_row) {
    item.old = static_cast<char*>(epoch_arena_.allocate(payload_bytes_, 16));
    std::memcpy(item.old, entry->payload(), payload_bytes_);
    for (const Call& call : calls_) {
      if (call.sum != nullptr) call.sum->keep(item.old + call.sum->offset);
    }
  }
  dirty_.push_back(item);
  entry->mark = static_cast<uint32_t>(dirty_.size());
}

void GroupOperator::accept(uint32_t port, const Batch& batch) {
  if (host().failed()) return;
  accept_arena_.reset();
  finishing_ = false;
  const uint32_t count = batch.size();
  KeyBatch keys;
  encoder_.encode(batch, spec_.groups, accept_arena_, keys);
  auto* entries = accept_arena_.allocate_array<Entry*>(count + 1);
  table_.find_or_add(keys, entries);
  for (uint32_t i = 0; i < count; ++i) {
    if (entries[i]->mark == 0) mark_dirty(entries[i]);
    entries[i]->as<Counts>().rows[port] += batch.weight(batch.row(i));
  }
  for (Call& call : calls_) update_call(call, batch, entries);
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

void GroupOperator::update_call(Call& call, const Batch& batch, Entry* const* entries) {
  const uint32_t count = batch.size();
  auto* rows = accept_arena_.allocate_array<uint16_t>(count + 1);
  auto* weights = accept_arena_.allocate_array<int64_t>(count + 1);
  auto* targets = accept_arena_.allocate_array<Entry*>(count + 1);
  const Vector* filter = call.filter ? &batch.columns[*call.filter] : nullptr;
  const Vector* argument = call.arguments.empty() || call.count_rows || call.keep_nulls
                               ? nullptr
                               : &batch.columns[call.arguments[0]];
  if (argument != nullptr && argument->validity == nullptr) argument = nullptr;
  uint32_t used = 0;
  for (uint32_t i = 0; i < count; ++i) {
    const uint32_t row = batch.row(i);
    if (filter != nullptr && (filter->is_null(row) || filter->at<uint8_t>(row) == 0)) continue;
    if (argument != nullptr && argument->is_null(row)) continue;
    rows[used] = static_cast<uint16_t>(row);
    weights[used] = batch.weight(row);
    targets[used++] = entries[i];
  }
  if (used == 0) return;
  const int64_t* changes = weights;
  if (call.gate != nullptr) {
    // One count per value, filter and row, however many calls ask for it.
    const Call& leader = calls_[call.gate_leader];
    if (&leader == &call) {
      auto* effective = accept_arena_.allocate_array<int64_t>(used);
      call.gate->pass(batch, rows, weights, used, call.gate_filter, accept_arena_, effective);
      call.effective = effective;
    }
    changes = leader.effective;
  }
  if (call.bag != nullptr) {
    call.bag->update(batch, rows, changes, targets, used, accept_arena_);
    return;
  }
  std::vector<Vector> arguments;
  for (const uint32_t column : call.arguments) arguments.push_back(batch.columns[column]);
  const int64_t* occurrences = call.gate == nullptr ? nullptr : weights;
  if (!call.sum->update({arguments, rows, changes, occurrences, targets, used})) {
    host().fail(internal_error("rows were taken away from an append-only input"));
  }
}

}  // namespace qw::views
