// Windows and set-returning functions; see expand.h.
#include "views/operators/expand.h"

#include <algorithm>
#include <limits>

#include "src/base/assert.h"

namespace qw::views {
namespace {

// The start of the last window that begins at or before `time`.
int64_t last_start(int64_t time, int64_t slide, int64_t offset) {
  const int64_t shifted = time - offset % slide;
  int64_t steps = shifted / slide;
  if (shifted < 0 && steps * slide != shifted) --steps;
  return steps * slide + offset % slide;
}

bool finite(int64_t time) {
  return time != std::numeric_limits<int64_t>::max() && time != std::numeric_limits<int64_t>::min();
}

}  // namespace

void WindowExpandOperator::accept(uint32_t, const Batch& batch) {
  input_ = batch;
  at_ = 0;
  started_ = false;
}

bool WindowExpandOperator::produce(Batch& out) {
  arena_.reset();
  if (at_ >= input_.size()) return false;
  auto* from = arena_.allocate_array<uint16_t>(kBatchRowsMax);
  auto* starts = arena_.allocate_column<int64_t>(kBatchRowsMax);
  const Vector& times = input_.columns[window_.time_column];
  uint32_t count = 0;
  while (at_ < input_.size() && count < kBatchRowsMax) {
    const uint32_t row = input_.row(at_);
    const bool usable = !times.is_null(row) && finite(times.at<int64_t>(row));
    const int64_t time = usable ? times.at<int64_t>(row) : 0;
    if (usable && !started_) next_start_ = last_start(time, window_.slide_us, window_.offset_us);
    started_ = true;
    for (; usable && next_start_ + window_.size_us > time && count < kBatchRowsMax;
         next_start_ -= window_.slide_us) {
      from[count] = static_cast<uint16_t>(row);
      starts[count++] = next_start_;
    }
    if (usable && next_start_ + window_.size_us > time) break;  // the batch is full
    ++at_;
    started_ = false;
  }
  if (count == 0) return false;
  out = Batch();
  out.rows = count;
  for (const Vector& column : input_.columns)
    out.columns.push_back(column.gathered(from, count, arena_));
  const Type type = times.type.without_typmod();
  Vector start = Vector::flat(type, count, arena_), end = Vector::flat(type, count, arena_);
  for (uint32_t i = 0; i < count; ++i) {
    start.values<int64_t>()[i] = starts[i];
    end.values<int64_t>()[i] = starts[i] + window_.end_us;
  }
  out.columns.push_back(start);
  out.columns.push_back(end);
  if (input_.weights != nullptr) {
    auto* weights = arena_.allocate_column<int64_t>(count);
    for (uint32_t i = 0; i < count; ++i) weights[i] = input_.weights[from[i]];
    out.weights = weights;
  }
  return true;
}

void ProjectSetOperator::accept(uint32_t, const Batch& batch) {
  arena_.reset();
  input_ = batch.compacted(arena_);
  values_.clear();
  errors_.clear();
  arguments_.run(input_, host().context(), arena_, values_, errors_);
  given_.assign(input_.rows, 0);
  bad_.assign(input_.rows, false);
  if (!errors_.empty()) {
    for (const auto& entry : errors_.entries()) {
      bad_[entry.row] = true;
      host().row_error(entry.error, input_.weight(entry.row));
    }
    auto* selection = arena_.allocate_array<uint16_t>(input_.rows);
    uint32_t count = 0;
    for (uint32_t i = 0; i < input_.rows; ++i) {
      if (!bad_[i]) selection[count++] = static_cast<uint16_t>(i);
    }
    for (Vector& value : values_) value = value.gathered(selection, count, arena_);
    input_.select(selection, count);
    input_ = input_.compacted(arena_);
    given_.resize(count);
    bad_.assign(count, false);
    errors_.clear();
  }
  sql::SetCall call;
  call.args = values_;
  call.rows = input_.rows;
  call.context = &host().context();
  call.arena = &arena_;
  call.errors = &errors_;
  cursor_ = function_.set(call);
  open_ = true;
}

bool ProjectSetOperator::produce_empty(Batch& out) {
  auto* from = out_arena_.allocate_array<uint16_t>(input_.rows + 1);
  uint32_t count = 0;
  for (uint32_t i = 0; i < input_.rows; ++i) {
    if (given_[i] == 0 && !bad_[i]) from[count++] = static_cast<uint16_t>(i);
  }
  if (count == 0) return false;
  out = input_;
  out.select(from, count);
  for (size_t c = input_.columns.size(); c < output_.size(); ++c) {
    out.columns.push_back(Vector::null(output_[c], out_arena_));
  }
  return true;
}

bool ProjectSetOperator::produce(Batch& out) {
  if (!open_) return false;
  out_arena_.reset();
  auto* parents = out_arena_.allocate_array<uint16_t>(kBatchRowsMax);
  std::vector<Vector> made;
  const uint32_t count =
      cursor_ == nullptr ? 0 : cursor_->next(kBatchRowsMax, out_arena_, parents, made);
  for (const auto& entry : errors_.entries()) {
    if (bad_[entry.row]) continue;
    bad_[entry.row] = true;
    host().row_error(entry.error, input_.weight(entry.row));
  }
  errors_.clear();
  if (count == 0) {
    open_ = false;
    cursor_.reset();
    return keep_empty_ && produce_empty(out);
  }
  // A function that makes other columns than it declares would have its bytes taken for others.
  QW_ASSERT(input_.columns.size() + made.size() + (ordinality_ ? 1 : 0) == output_.size());
  for (size_t i = 0; i < made.size(); ++i) {
    QW_ASSERT(made[i].type.physical() == output_[input_.columns.size() + i].physical());
  }
  out = Batch();
  out.rows = count;
  for (const Vector& column : input_.columns) {
    out.columns.push_back(column.gathered(parents, count, out_arena_));
  }
  out.columns.insert(out.columns.end(), made.begin(), made.end());
  Vector numbers = Vector::flat(TypeId::int8, count, out_arena_);
  for (uint32_t i = 0; i < count; ++i) numbers.values<int64_t>()[i] = ++given_[parents[i]];
  if (ordinality_) out.columns.push_back(numbers);
  if (input_.weights != nullptr) {
    auto* weights = out_arena_.allocate_column<int64_t>(count);
    for (uint32_t i = 0; i < count; ++i) weights[i] = input_.weights[parents[i]];
    out.weights = weights;
  }
  return true;
}

}  // namespace qw::views
