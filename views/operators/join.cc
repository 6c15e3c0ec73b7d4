// JoinOperator; see join.h.
#include "views/operators/join.h"

#include "src/base/assert.h"

namespace qw::views {

JoinOperator::JoinOperator(Host& host, RowIndex& left, RowIndex& right,
                           std::vector<uint32_t> left_key, std::vector<uint32_t> right_key)
    : Operator(host), sides_{&left, &right}, keys_{std::move(left_key), std::move(right_key)} {}

void JoinOperator::accept(uint32_t port, const Batch& batch) {
  probe_arena_.reset();
  input_ = batch;
  port_ = port;
  entries_ = probe_arena_.allocate_array<Entry*>(batch.size());
  sides_[1 - port]->probe(batch, keys_[port], probe_arena_, key_batch_, entries_);
  for (uint32_t i = 0; i < key_batch_.count; ++i) {
    if (entries_[i] != nullptr) {
      __builtin_prefetch(entries_[i]->as<RowSet>().rows().data()[0]);
    }
  }
  at_ = match_ = 0;
}

Batch JoinOperator::unmatched(const Batch& batch) {
  QW_ASSERT(key_batch_.count == batch.size());
  auto* rows = probe_arena_.allocate_array<uint16_t>(batch.size() + 1);
  uint32_t count = 0;
  for (uint32_t i = 0; i < key_batch_.count; ++i) {
    rows[count] = static_cast<uint16_t>(batch.row(i));
    count += entries_[i] == nullptr ? 1U : 0U;
  }
  Batch out = batch;
  out.select(rows, count);
  return out;
}

bool JoinOperator::produce(Batch& out) {
  out_arena_.reset();
  auto* from = out_arena_.allocate_array<uint16_t>(kBatchRowsMax);
  auto* rows = out_arena_.allocate_array<std::string_view>(kBatchRowsMax);
  auto* weights = out_arena_.allocate_column<int64_t>(kBatchRowsMax);
  uint32_t count = 0;
  bool weighted = false;
  while (at_ < key_batch_.count && count < kBatchRowsMax) {
    if (entries_[at_] == nullptr) {
      ++at_;
      continue;
    }
    const auto matches = entries_[at_]->as<RowSet>().rows();
    const uint32_t row = input_.row(at_);
    const int64_t weight = input_.weight(row);
    for (; match_ < matches.size() && count < kBatchRowsMax; ++match_) {
      const StoredRow* stored = matches[match_];
      if (weight == 0 || stored->weight == 0) continue;  // closes the key, nothing to give out
      from[count] = static_cast<uint16_t>(row);
      rows[count] = stored->bytes();
      if (!multiply_weights(weight, stored->weight, weights[count])) {
        host().fail(numeric_value_out_of_range("row multiplicity out of range"));
        return false;
      }
      weighted = weighted || weights[count] != 1;
      ++count;
    }
    if (match_ == matches.size()) {
      ++at_;
      match_ = 0;
    }
  }
  if (count == 0) {
    // What waited for these rows has met them; nobody uses the rows given out any more.
    if (settled_ == 1 - port_) {
      sides_[settled_]->forget({entries_, key_batch_.count});
      key_batch_.count = 0;
    }
    return false;
  }
  out = Batch();
  out.rows = count;
  out.weights = weighted ? weights : nullptr;
  std::vector<Vector> stored;
  sides_[1 - port_]->codec().unpack({rows, count}, {}, out_arena_, stored);
  std::vector<Vector> probed;
  probed.reserve(input_.columns.size());
  for (const Vector& column : input_.columns) {
    probed.push_back(column.gathered(from, count, out_arena_));
  }
  auto& left = port_ == 0 ? probed : stored;
  auto& right = port_ == 0 ? stored : probed;
  out.columns = std::move(left);
  out.columns.insert(out.columns.end(), right.begin(), right.end());
  return true;
}

}  // namespace qw::views
