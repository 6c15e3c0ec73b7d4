// WindowOperator; see window.h.
#include "views/operators/window.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "src/base/bytes.h"

namespace qw::views {
namespace {

std::vector<Type> types_of_calls(const std::vector<sql::WindowCall>& calls) {
  std::vector<Type> types;
  for (const auto& call : calls) types.push_back(call.type);
  return types;
}

}  // namespace

Result<std::unique_ptr<WindowOperator>> WindowOperator::make(Host& host, const sql::Window& plan,
                                                             std::vector<Type> input) {
  for (const auto& call : plan.calls) QW_TRY(check_window(call, input));
  return std::unique_ptr<WindowOperator>(new WindowOperator(host, plan, std::move(input)));
}

WindowOperator::WindowOperator(Host& host, const sql::Window& plan, std::vector<Type> input)
    : Operator(host),
      own_calls_(plan.calls),
      call_types_(types_of_calls(plan.calls)),
      call_codec_(call_types_),
      state_(std::move(input), plan.partition, plan.order) {
  state_.on_return([this] { finish_recovery(); });
}

void WindowOperator::accept(uint32_t, const Batch& batch) {
  finishing_ = false;
  arena_.reset();
  state_.update(batch, arena_);
}

void WindowOperator::finish() {
  finishing_ = true;
  next_dirty_ = next_emission_ = 0;
  if (state_.negative_rows() != 0) {
    host().fail(internal_error("more rows were taken away from a partition than it has"));
  }
}

// The row's copies now have these values; what they had before is taken back.
void WindowOperator::replace(Entry* entry, BagRow* row, std::span<const std::string_view> values) {
  std::string_view old(row->extra == nullptr ? "" : row->extra, row->extra_size);
  std::string all;
  bool same = static_cast<int64_t>(values.size()) == row->emitted;
  for (size_t i = 0; i < values.size() || i < static_cast<size_t>(row->emitted); ++i) {
    std::string_view before;
    const bool had = i < static_cast<size_t>(row->emitted);
    if (had) {
      const auto size = load<uint32_t>(old.data());
      before = old.substr(sizeof(uint32_t), size);
      old.remove_prefix(sizeof(uint32_t) + size);
    }
    const bool has = i < values.size();
    if (has) {
      append<uint32_t>(all, static_cast<uint32_t>(values[i].size()));
      all.append(values[i]);
    }
    if (had && has && before == values[i]) continue;
    same = false;
    if (had) emissions_.push_back({row->row(), before, -1});
    if (has) emissions_.push_back({row->row(), values[i], 1});
  }
  if (same) return;
  if (row->extra != nullptr) retired_.push_back({entry, row->extra, row->extra_size});
  row->extra = nullptr;
  row->extra_size = all.size();
  row->emitted = static_cast<int64_t>(values.size());
  if (all.empty()) return;
  row->extra = state_.heap(entry).allocate(all.size());
  std::memcpy(row->extra, all.data(), all.size());
}

// The values of all copies of the bag's rows, packed, in step_arena_.
Result<std::vector<std::string_view>> WindowOperator::evaluate(const OrderedBag& bag) {
  WindowRows rows;
  std::vector<std::string_view> packed;
  std::string_view peers;
  for (const BagRow* row : bag.rows) {
    if (row->weight <= 0) continue;
    const std::string_view key = state_.order_key(*row);
    if (static_cast<uint64_t>(row->weight) > kCopiesMax - packed.size()) {
      return fail(program_limit_exceeded("too many rows in a window partition"));
    }
    if (packed.empty() || key != peers)
      rows.group_begin.push_back(static_cast<uint32_t>(packed.size()));
    peers = key;
    for (int64_t copy = 0; copy < row->weight; ++copy) {
      packed.push_back(row->row());
      rows.peer_group.push_back(static_cast<uint32_t>(rows.group_begin.size() - 1));
    }
  }
  rows.count = static_cast<uint32_t>(packed.size());
  rows.group_begin.push_back(rows.count);
  for (uint32_t i = 0; i < rows.count; ++i) {
    rows.peer_begin.push_back(rows.group_begin[rows.peer_group[i]]);
    rows.peer_end.push_back(rows.group_begin[rows.peer_group[i] + 1]);
  }
  std::vector<std::string_view> values(rows.count);
  if (rows.count != 0) {
    state_.codec().unpack(packed, {}, step_arena_, rows.columns);
    std::vector<Vector> made;
    std::vector<uint32_t> all;
    for (const auto& call : own_calls_) {
      QW_ASSIGN_OR_RETURN(const Vector column, compute_window(call, rows, step_arena_));
      all.push_back(static_cast<uint32_t>(all.size()));
      made.push_back(column);
    }
    for (uint32_t from = 0; from < rows.count; from += kBatchRowsMax) {
      const Batch slice = flat_slice(made, from, std::min(kBatchRowsMax, rows.count - from));
      call_codec_.pack(slice, all, step_arena_, values.data() + from);
    }
  }
  uint64_t bytes = 0;
  for (const std::string_view value : values) bytes += value.size();
  // They are copied into the state, the view's output and the epoch's log.
  MemoryScope::expect(bytes * kTimesCopied);
  return values;
}

void WindowOperator::compute(Entry* entry, Purpose purpose) {
  OrderedBag& bag = state_.bag(entry);
  Result<std::vector<std::string_view>> values;
  if (!host().within_memory([&] { values = evaluate(bag); }) || host().failed()) return;
  const auto before = std::exchange(
      bag.failure, values ? nullptr : std::make_unique<Error>(std::move(values).error()));
  if (purpose == Purpose::output) {
    if (before != nullptr) host().row_error(*before, -1);
    if (bag.failure != nullptr) host().row_error(*bag.failure, 1);
  }
  size_t at = 0;
  for (BagRow* row : bag.rows) {
    if (!values) {
      replace(entry, row, {});
      continue;
    }
    const auto copies = static_cast<size_t>(std::max<int64_t>(row->weight, 0));
    replace(entry, row, {values->data() + at, copies});
    at += copies;
  }
}

void WindowOperator::drop_gone(Entry* entry) {
  OrderedBag& bag = state_.bag(entry);
  for (auto it = bag.rows.begin(); it != bag.rows.end();) {
    const BagRow* row = *it;
    if (row->weight != 0 || row->emitted != 0) {
      ++it;
      continue;
    }
    const std::string key(row->key()), bytes(row->row());
    state_.erase(entry, it);
    it = bag.rows.lower_bound(OrderedBag::Less::Probe{key, bytes});
  }
  state_.settle(entry);
}

void WindowOperator::end_step() {
  for (const Retired& old : retired_) state_.heap(old.entry).release(old.bytes, old.size);
  retired_.clear();
  for (Entry* entry : walked_) drop_gone(entry);
  walked_.clear();
  emissions_.clear();
  next_emission_ = 0;
  step_arena_.reset();
  step_arena_.shrink(kStepBytes);
}

bool WindowOperator::produce(Batch& out) {
  if (!finishing_) return false;
  while (next_emission_ >= emissions_.size()) {
    end_step();
    if (next_dirty_ >= state_.dirty().size() || host().failed()) {
      state_.dirty().clear();
      finishing_ = false;
      return false;
    }
    while (next_dirty_ < state_.dirty().size() && emissions_.size() < kBatchRowsMax &&
           step_arena_.used_bytes() < kStepBytes) {
      Entry* entry = state_.dirty()[next_dirty_++];
      compute(entry, Purpose::output);
      walked_.push_back(entry);
    }
  }
  out_arena_.reset();
  const size_t count = std::min<size_t>(emissions_.size() - next_emission_, kBatchRowsMax);
  auto* rows = out_arena_.allocate_array<std::string_view>(count);
  auto* values = out_arena_.allocate_array<std::string_view>(count);
  auto* weights = out_arena_.allocate_column<int64_t>(count);
  for (size_t i = 0; i < count; ++i) {
    const Emission& emission = emissions_[next_emission_ + i];
    rows[i] = emission.row;
    values[i] = emission.values;
    weights[i] = emission.weight;
  }
  next_emission_ += count;
  out = Batch();
  out.rows = static_cast<uint32_t>(count);
  out.weights = weights;
  state_.codec().unpack({rows, count}, {}, out_arena_, out.columns);
  std::vector<Vector> results;
  call_codec_.unpack({values, count}, {}, out_arena_, results);
  out.columns.insert(out.columns.end(), results.begin(), results.end());
  return true;
}

void WindowOperator::reset() {
  end_step();
  state_.clear();
  finishing_ = false;
  next_dirty_ = 0;
}

void WindowOperator::finish_recovery() {
  for (Entry* entry : state_.dirty()) {
    if (entry->as<PartitionedState::Slot>().bag == nullptr) continue;
    compute(entry, Purpose::recovery);
    walked_.push_back(entry);
    end_step();
  }
  state_.dirty().clear();
}

}  // namespace qw::views
