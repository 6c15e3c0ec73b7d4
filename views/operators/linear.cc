// Linear operators; see linear.h.
#include "views/operators/linear.h"

namespace qw::views {

void MapOperator::accept(uint32_t, const Batch& batch) {
  arena_.reset();
  out_ = Batch();
  ready_ = false;
  if (batch.empty()) return;
  map(batch, out_);
  ready_ = !out_.empty();
}

bool MapOperator::produce(Batch& out) {
  if (!ready_) return false;
  ready_ = false;
  out = std::move(out_);
  return true;
}

void PickOperator::map(const Batch& in, Batch& out) {
  out.rows = in.rows;
  out.selection = in.selection;
  out.selected = in.selected;
  out.weights = in.weights;
  out.columns.reserve(columns_.size());
  for (const uint32_t column : columns_) out.columns.push_back(in.columns[column]);
}

void FilterOperator::map(const Batch& in, Batch& out) {
  errors_.clear();
  auto* selection = arena().allocate_array<uint16_t>(in.rows + 1);
  const uint32_t count = program_.filter(in, host().context(), arena(), selection, errors_);
  out = in;
  out.select(selection, count);
  drop_failed(out, in, errors_, arena());
}

void ProjectOperator::map(const Batch& in, Batch& out) {
  errors_.clear();
  out.rows = in.rows;
  out.selection = in.selection;
  out.selected = in.selected;
  out.weights = in.weights;
  program_.run(in, host().context(), arena(), out.columns, errors_);
  drop_failed(out, in, errors_, arena());
}

void ValuesOperator::accept(uint32_t, const Batch&) { QW_UNREACHABLE(); }

bool ValuesOperator::produce(Batch& out) {
  if (!started_ || next_ >= programs_.size()) return false;
  arena_.reset();
  const uint32_t count =
      static_cast<uint32_t>(std::min<size_t>(programs_.size() - next_, kBatchRowsMax));
  out = Batch();
  out.rows = count;
  for (const Type& type : types_) {
    out.columns.push_back(Vector::flat(type, count, arena_));
    std::memset(out.columns.back().data, 0, size_t{type.bytes()} * count);
  }
  errors_.clear();
  Batch unit;
  unit.rows = 1;
  std::vector<Vector> row;
  sql::RowErrors row_errors;
  for (uint32_t i = 0; i < count; ++i) {
    row.clear();
    row_errors.clear();
    programs_[next_ + i].run(unit, host().context(), arena_, row, row_errors);
    if (!row_errors.empty()) {
      errors_.add(i, row_errors.entries()[0].error);
      continue;
    }
    for (size_t c = 0; c < types_.size(); ++c) {
      const uint32_t bytes = types_[c].bytes();
      if (row[c].is_null(0)) {
        out.columns[c].set_null(i, count, arena_);
      } else if (bytes != 0) {
        std::memcpy(static_cast<char*>(out.columns[c].data) + size_t{bytes} * i,
                    static_cast<const char*>(row[c].data) + size_t{bytes} * row[c].slot(0), bytes);
      }
    }
  }
  next_ += count;
  const Batch input = out;
  drop_failed(out, input, errors_, arena_);
  return true;
}

}  // namespace qw::views
