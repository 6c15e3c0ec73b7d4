// Operator: what all operators share; see operator.h.
#include "views/operators/operator.h"

namespace qw::views {

Host::~Host() = default;
Operator::~Operator() = default;

void Operator::drop_failed(Batch& batch, const Batch& input, sql::RowErrors& errors, Arena& arena) {
  if (errors.empty()) return;
  auto* bad = arena.allocate_array<bool>(input.rows);
  for (uint32_t i = 0; i < input.rows; ++i) bad[i] = false;
  for (const auto& entry : errors.entries()) {
    bad[entry.row] = true;
    host_.row_error(entry.error, input.weight(entry.row));
  }
  auto* selection = arena.allocate_array<uint16_t>(batch.size());
  uint32_t count = 0;
  for (uint32_t i = 0; i < batch.size(); ++i) {
    const uint32_t row = batch.row(i);
    if (!bad[row]) selection[count++] = static_cast<uint16_t>(row);
  }
  batch.select(selection, count);
  errors.clear();
}

}  // namespace qw::views
