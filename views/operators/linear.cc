// Linear operators; see linear.h.
#include "views/operators/linear.h"

#include <algorithm>

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
  if (!ready_) {
    arena_.reset();
    arena_.shrink(kArenaBytesKept);
    return false;
  }
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
  uint32_t count = 0;
  const bool done = host().within_memory(
      [&] { count = program_.filter(in, host().context(), arena(), selection, errors_); });
  if (!done) return;
  out = in;
  out.select(selection, count);
  drop_failed(out, in, errors_, arena());
}

void CloseOperator::map(const Batch& in, Batch& out) {
  errors_.clear();
  auto* passed = arena().allocate_array<uint16_t>(in.rows + 1);
  uint32_t count = 0;
  const bool done = host().within_memory(
      [&] { count = predicate_.filter(in, host().context(), arena(), passed, errors_); });
  if (!done) return;
  auto* stays = arena().allocate_array<bool>(in.rows + 1);
  std::fill_n(stays, in.rows, false);
  for (uint32_t i = 0; i < count; ++i) stays[passed[i]] = true;
  for (const auto& entry : errors_.entries()) stays[entry.row] = true;
  auto* selection = arena().allocate_array<uint16_t>(in.size() + 1);
  uint32_t closed = 0;
  for (uint32_t i = 0; i < in.size(); ++i) {
    selection[closed] = static_cast<uint16_t>(in.row(i));
    closed += stays[in.row(i)] ? 0U : 1U;
  }
  auto* weights = arena().allocate_column<int64_t>(in.rows);
  std::fill_n(weights, in.rows, 0);
  out.rows = in.rows;
  out.weights = weights;
  for (const Vector& column : in.columns) {
    out.columns.push_back(Vector::null(column.type, arena()));
  }
  for (const uint32_t column : key_) out.columns[column] = in.columns[column];
  out.select(selection, closed);
}

void ProjectOperator::map(const Batch& in, Batch& out) {
  errors_.clear();
  const bool done = host().within_memory(
      [&] { program_.run(in, host().context(), arena(), out.columns, errors_); });
  if (!done) return;
  out.rows = in.rows;
  out.selection = in.selection;
  out.selected = in.selected;
  out.weights = in.weights;
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
