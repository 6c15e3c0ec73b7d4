// TopKOperator; see top_k.h.
#include "views/operators/top_k.h"

#include <algorithm>
#include <limits>

namespace qw::views {

TopKOperator::TopKOperator(Host& host, const sql::TopK& plan, std::vector<Type> types,
                           bool append_only)
    : Operator(host),
      row_number_(plan.row_number),
      with_ties_(plan.with_ties),
      append_only_(append_only),
      limit_(plan.limit.value_or(std::numeric_limits<int64_t>::max())),
      offset_(plan.offset),
      state_(std::move(types), plan.partition, plan.order) {}

void TopKOperator::accept(uint32_t, const Batch& batch) {
  finishing_ = false;
  arena_.reset();
  state_.update(batch, arena_);
}

void TopKOperator::finish() {
  finishing_ = true;
  next_dirty_ = next_emission_ = 0;
  emissions_.clear();
  if (state_.negative_rows() != 0) {
    host().fail(internal_error("more rows were taken away from a partition than it has"));
  }
}

// The row now gives out `copies` copies, numbered from `first` on.
void TopKOperator::change(BagRow* row, int64_t copies, int64_t first) {
  if (!row_number_) {
    if (copies != row->emitted) emissions_.push_back({row, copies - row->emitted, 0});
  } else if (with_ties_) {
    if (row->emitted != 0 && (row->first != first || row->emitted != copies)) {
      emissions_.push_back({row, -row->emitted, row->first});
      row->emitted = 0;
    }
    if (copies != row->emitted) emissions_.push_back({row, copies, first});
  } else {
    const int64_t old_end = row->first + row->emitted, new_end = first + copies;
    for (int64_t n = row->first; n < old_end; ++n) {
      if (n < first || n >= new_end) emissions_.push_back({row, -1, n});
    }
    for (int64_t n = first; n < new_end; ++n) {
      if (n < row->first || n >= old_end) emissions_.push_back({row, 1, n});
    }
  }
  row->emitted = copies;
  row->first = first;
}

void TopKOperator::walk(Entry* entry) {
  OrderedBag& bag = state_.bag(entry);
  int64_t seen = 0;  // copies before the row
  int64_t rank = 1, given_before = bag.emitted, given_now = 0;
  std::string_view peers;
  const int64_t end = limit_ > std::numeric_limits<int64_t>::max() - offset_
                          ? std::numeric_limits<int64_t>::max()
                          : offset_ + limit_;
  bool first_row = true;
  auto it = bag.rows.begin();
  for (; it != bag.rows.end(); ++it) {
    BagRow* row = *it;
    if (row->emitted != 0) --given_before;
    if (row->weight > 0) {
      const std::string_view key = with_ties_ ? state_.order_key(*row) : std::string_view();
      if (with_ties_ && (first_row || key != peers)) rank = seen + 1;
      first_row = false;
      peers = key;
    }
    const int64_t from = std::max(seen, offset_);
    int64_t to = std::min(seen + row->weight, end);
    if (with_ties_ && rank <= end) to = seen + row->weight;
    const int64_t copies = row->weight > 0 ? std::max<int64_t>(to - from, 0) : 0;
    change(row, copies, copies == 0 ? 0 : with_ties_ ? rank : from + 1);
    if (copies != 0) ++given_now;
    seen += std::max<int64_t>(row->weight, 0);
    if (seen >= end && given_before == 0) {
      // With ties the peers of the last row follow; they are in order, so one look decides.
      auto next = std::next(it);
      if (!with_ties_ || next == bag.rows.end() || state_.order_key(**next) != peers || rank > end)
        break;
    }
  }
  bag.emitted = given_now;
}

// Rows without copies that were only kept to be taken back; with append-only input also those that
// can never come into the answer again.
void TopKOperator::drop_gone(Entry* entry) {
  OrderedBag& bag = state_.bag(entry);
  const int64_t end = limit_ > std::numeric_limits<int64_t>::max() - offset_
                          ? std::numeric_limits<int64_t>::max()
                          : offset_ + limit_;
  int64_t seen = 0;
  for (auto it = bag.rows.begin(); it != bag.rows.end();) {
    const BagRow* row = *it;
    const bool gone = row->weight == 0 && row->emitted == 0;
    const bool useless = append_only_ && row->emitted == 0 && seen >= end;
    seen += row->weight;
    if (!gone && !useless) {
      ++it;
      continue;
    }
    const OrderedBag::Less::Probe probe{row->key(), row->row()};
    const std::string key(probe.key), bytes(probe.row);
    state_.forget(entry, it);
    it = bag.rows.lower_bound(OrderedBag::Less::Probe{key, bytes});
  }
  state_.settle(entry);
}

bool TopKOperator::produce(Batch& out) {
  if (!finishing_) return false;
  while (next_emission_ >= emissions_.size()) {
    for (Entry* entry : walked_) drop_gone(entry);
    walked_.clear();
    emissions_.clear();
    next_emission_ = 0;
    if (next_dirty_ >= state_.dirty().size() || host().failed()) {
      state_.dirty().clear();
      finishing_ = false;
      return false;
    }
    while (next_dirty_ < state_.dirty().size() && emissions_.size() < kBatchRowsMax) {
      Entry* entry = state_.dirty()[next_dirty_++];
      walk(entry);
      walked_.push_back(entry);
    }
  }
  out_arena_.reset();
  const auto count =
      static_cast<uint32_t>(std::min<size_t>(emissions_.size() - next_emission_, kBatchRowsMax));
  auto* rows = out_arena_.allocate_array<std::string_view>(count);
  auto* weights = out_arena_.allocate_column<int64_t>(count);
  Vector numbers = Vector::flat(TypeId::int8, count, out_arena_);
  for (uint32_t i = 0; i < count; ++i) {
    const Emission& emission = emissions_[next_emission_ + i];
    rows[i] = emission.row->row();
    weights[i] = emission.weight;
    numbers.values<int64_t>()[i] = emission.number;
  }
  next_emission_ += count;
  out = Batch();
  out.rows = count;
  out.weights = weights;
  state_.codec().unpack({rows, count}, {}, out_arena_, out.columns);
  if (row_number_) out.columns.push_back(numbers);
  return true;
}

void TopKOperator::reset() {
  state_.clear();
  emissions_.clear();
  walked_.clear();
  finishing_ = false;
  next_dirty_ = next_emission_ = 0;
}

void TopKOperator::finish_recovery() {
  for (Entry* entry : state_.dirty()) {
    if (entry->as<PartitionedState::Slot>().bag == nullptr) continue;
    walk(entry);
    drop_gone(entry);
  }
  state_.dirty().clear();
  emissions_.clear();
}

}  // namespace qw::views
