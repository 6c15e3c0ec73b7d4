// TopKOperator; see top_k.h.
#include "views/operators/top_k.h"

#include <algorithm>
#include <limits>

#include "src/base/assert.h"
#include "views/operators/row_order.h"

namespace qw::views {

TopKOperator::TopKOperator(Host& host, const sql::TopK& plan, std::vector<Type> types, Input input)
    : Operator(host),
      row_number_(plan.row_number),
      with_ties_(plan.with_ties),
      input_(input),
      rising_column_(plan.order.empty() ? 0 : plan.order[0].column),
      limit_(plan.limit.value_or(std::numeric_limits<int64_t>::max())),
      offset_(plan.offset),
      state_(std::move(types), plan.partition, plan.order) {
  state_.on_return([this] { finish_recovery(); });
}

void TopKOperator::accept(uint32_t, const Batch& batch) {
  finishing_ = false;
  arena_.reset();
  if (input_ != Input::rising) {
    state_.update(batch, arena_);
    return;
  }
  const Batch rest = state_.above_floors(batch, rising_column_, arena_);
  if (!rest.empty()) state_.update(rest, arena_);
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
    if (row->weight == 0 && row->emitted == 0) gone_.emplace_back(entry, row);
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

void TopKOperator::forget(Entry* entry, const BagRow* row) {
  const auto at = state_.bag(entry).rows.find(OrderedBag::Less::Probe{row->key(), row->row()});
  QW_ASSERT(at != state_.bag(entry).rows.end());
  state_.forget(entry, at);
}

// Takes away rows without copies that were only kept to be taken back: walk() has met them. With
// append-only input also those that can never come into the answer again.
void TopKOperator::drop_gone() {
  for (const auto& [entry, row] : gone_) forget(entry, row);
  gone_.clear();
  for (Entry* entry : walked_) {
    if (input_ == Input::append_only) drop_useless(entry);
    if (input_ == Input::rising) raise_floor(entry);
    state_.settle(entry);
  }
  walked_.clear();
}

void TopKOperator::drop_useless(Entry* entry) {
  const int64_t end = limit_ > std::numeric_limits<int64_t>::max() - offset_
                          ? std::numeric_limits<int64_t>::max()
                          : offset_ + limit_;
  int64_t seen = 0;
  std::vector<const BagRow*> useless;
  for (const BagRow* row : state_.bag(entry).rows) {
    if (row->emitted == 0 && seen >= end) useless.push_back(row);
    seen += row->weight;
  }
  for (const BagRow* row : useless) forget(entry, row);
}

// The answer is full when `end` rows are there: the count of the last of them is the floor.
void TopKOperator::raise_floor(Entry* entry) {
  const int64_t end = limit_ > std::numeric_limits<int64_t>::max() - offset_
                          ? std::numeric_limits<int64_t>::max()
                          : offset_ + limit_;
  int64_t seen = 0;
  auto& rows = state_.bag(entry).rows;
  auto at = rows.begin();
  for (; at != rows.end() && seen < end; ++at) {
    seen += (*at)->weight;
    if (seen >= end) state_.set_floor(entry, state_.value_of(**at, rising_column_));
  }
  std::vector<const BagRow*> useless;
  for (; at != rows.end(); ++at) {
    if ((*at)->emitted == 0 && state_.below_floor(entry, state_.value_of(**at, rising_column_))) {
      useless.push_back(*at);
    }
  }
  for (const BagRow* row : useless) forget(entry, row);
}

bool TopKOperator::produce(Batch& out) {
  if (!finishing_) return false;
  while (next_emission_ >= emissions_.size()) {
    drop_gone();
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
  const size_t count = std::min<size_t>(emissions_.size() - next_emission_, kBatchRowsMax);
  emit_rows(std::span<const Emission>(emissions_).subspan(next_emission_, count), state_.codec(),
            row_number_, out_arena_, out);
  next_emission_ += count;
  return true;
}

void TopKOperator::reset() {
  state_.clear();
  emissions_.clear();
  walked_.clear();
  gone_.clear();
  finishing_ = false;
  next_dirty_ = next_emission_ = 0;
}

void TopKOperator::finish_recovery() {
  for (Entry* entry : state_.dirty()) {
    if (entry->as<PartitionedState::Slot>().bag == nullptr) continue;
    walk(entry);
    walked_.push_back(entry);
  }
  drop_gone();
  state_.dirty().clear();
  emissions_.clear();
}

}  // namespace qw::views
