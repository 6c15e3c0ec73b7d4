// Streams that begin somewhere; see sources.h.
#include "views/query/sources.h"

#include <vector>

#include "src/types/array.h"
#include "src/types/key_codec.h"

namespace qw::views {

// False: the value is NULL, so nothing matches.
Result<bool> ScanStream::evaluate(const sql::Program& program, Datum& value) {
  Batch unit;
  unit.rows = 1;
  std::vector<Vector> out;
  sql::RowErrors errors;
  arena_.reset();
  program.run(unit, host().context(), arena_, out, errors);
  if (!errors.empty()) return fail(errors.entries()[0].error);
  value = Datum::from(out[0], 0);
  return !value.is_null();
}

// The elements are different and in the order of keys then, as constants are already. False: the
// array is NULL or has only such elements, so nothing matches.
Result<bool> ScanStream::evaluate_array() {
  has_array_ = true;
  bounds_->any.clear();
  Datum array;
  QW_ASSIGN_OR_RETURN(const bool possible, evaluate(*bounds_->any_array, array));
  if (!possible) return false;
  const ArrayView view(array.bytes());
  if (view.size() > bounds_->any_max) return true;
  Batch elements;
  elements.rows = view.size();
  arena_.reset();
  elements.columns.push_back(view.elements(arena_));
  std::vector<Vector> out;
  sql::RowErrors errors;
  bounds_->any_element->run(elements, host().context(), arena_, out, errors);
  // What the column's type cannot hold equals no row.
  std::vector<bool> possible_element(elements.rows, true);
  for (const auto& entry : errors.entries()) possible_element[entry.row] = false;
  std::vector<Datum> values;
  for (uint32_t i = 0; i < elements.rows; ++i) {
    if (possible_element[i]) values.push_back(Datum::from(out[0], i));
  }
  bounds_->any = distinct_by_key(out[0].type, values);
  return !bounds_->any.empty();
}

Result<void> ScanStream::open() {
  if (system_ != nullptr) {
    QW_ASSIGN_OR_RETURN(cursor_, host().sources().system_scan(*system_));
    return {};
  }
  if (!bounds_) {
    QW_ASSIGN_OR_RETURN(cursor_, host().sources().scan(*scan_, nullptr));
    return {};
  }
  std::vector<Datum> equal(bounds_->equal.size());
  Datum lower, upper;
  bool possible = true;
  for (size_t i = 0; i < equal.size() && possible; ++i) {
    QW_ASSIGN_OR_RETURN(possible, evaluate(bounds_->equal[i], equal[i]));
  }
  if (possible && bounds_->any_array && !has_array_) {
    QW_ASSIGN_OR_RETURN(possible, evaluate_array());
  }
  if (possible && is_listed()) equal.push_back(bounds_->any[next_any_++]);
  const bool has_range = !is_listed();
  if (possible && has_range && bounds_->lower) {
    QW_ASSIGN_OR_RETURN(possible, evaluate(*bounds_->lower, lower));
  }
  if (possible && has_range && bounds_->upper) {
    QW_ASSIGN_OR_RETURN(possible, evaluate(*bounds_->upper, upper));
  }
  if (!possible) {
    done_ = true;
    return {};
  }
  ScanBounds values;
  values.equal = equal;
  values.lower = has_range && bounds_->lower ? &lower : nullptr;
  values.upper = has_range && bounds_->upper ? &upper : nullptr;
  values.lower_inclusive = bounds_->lower_inclusive;
  values.upper_inclusive = bounds_->upper_inclusive;
  QW_ASSIGN_OR_RETURN(cursor_, host().sources().scan(*scan_, &values));
  return {};
}

Result<bool> ScanStream::next(Batch& out) {
  while (true) {
    if (repeater_.next(out)) return true;
    if (done_) return false;
    QW_TRY(host().check());
    if (cursor_ == nullptr) {
      QW_TRY(open());
      continue;
    }
    in_ = Batch();
    QW_ASSIGN_OR_RETURN(const bool more, cursor_->next(in_));
    if (!more) {
      cursor_.reset();
      done_ = !bounds_ || next_any_ >= bounds_->any.size();
      if (done_) return false;
      continue;
    }
    if (!in_.empty()) repeater_.set(in_);
  }
}

void ScanStream::restart() {
  cursor_.reset();
  done_ = has_array_ = false;
  next_any_ = 0;
  repeater_ = Repeater();
}

Result<bool> Spool::fill(size_t at) {
  Batch batch;
  started_ = true;
  while (rows_.size() <= at && !done_) {
    QW_ASSIGN_OR_RETURN(const bool more, input_->next(batch));
    done_ = !more;
    if (more) rows_.add(batch);
  }
  return rows_.size() > at;
}

void Spool::restart() {
  if (!started_) return;
  input_->restart();
  rows_.clear();
  done_ = started_ = false;
}

Result<bool> SpoolStream::next(Batch& out) {
  QW_ASSIGN_OR_RETURN(const bool more, spool_->fill(at_));
  if (!more) return false;
  arena_.reset();
  out = spool_->rows().batch(at_, arena_);
  at_ += out.rows;
  holds(spool_->rows().list_bytes());
  return true;
}

void SpoolStream::restart() {
  // All readers restart before one reads again.
  if (!spool_->fixed()) spool_->restart();
  at_ = 0;
}

Result<bool> BufferStream::next(Batch& out) {
  if (at_ >= rows_->size()) return false;
  arena_.reset();
  out = rows_->batch(at_, arena_);
  at_ += out.rows;
  return true;
}

}  // namespace qw::views
