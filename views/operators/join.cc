// JoinOperator; see join.h.
#include "views/operators/join.h"

#include <algorithm>

#include "src/base/assert.h"

namespace qw::views {

JoinOperator::JoinOperator(Host& host, RowIndex& left, RowIndex& right,
                           std::vector<uint32_t> left_key, std::vector<uint32_t> right_key)
    : Operator(host), sides_{&left, &right}, keys_{std::move(left_key), std::move(right_key)} {}

void JoinOperator::accept(uint32_t port, const Batch& batch) {
  probe_arena_.reset();
  input_ = batch;
  port_ = port;
  sides_[1 - port]->probe(batch, keys_[port], probe_arena_, groups_, entries_);
  const uint32_t keys = groups_.keys.count;
  for (uint32_t g = 0; g < keys; ++g) {
    if (entries_[g] != nullptr) {
      __builtin_prefetch(entries_[g]->as<RowSet>().rows().data()[0]);
    }
  }
  unpacked_ = probe_arena_.allocate_array<uint16_t>(keys + 1);
  rows_ = batch.size();
  at_ = match_ = 0;
}

Batch JoinOperator::unmatched(const Batch& batch) {
  QW_ASSERT(rows_ == batch.size());
  auto* rows = probe_arena_.allocate_array<uint16_t>(batch.size() + 1);
  uint32_t count = 0;
  for (uint32_t i = 0; i < rows_; ++i) {
    rows[count] = static_cast<uint16_t>(batch.row(i));
    count += entries_[groups_.of[i]] == nullptr ? 1U : 0U;
  }
  Batch out = batch;
  out.select(rows, count);
  return out;
}

// Which of `stored` is the match_-th row of the key `g`. Rows of a key that is met again are
// unpacked once, unless there are so many that a batch may end among them.
uint16_t JoinOperator::unpacked(uint32_t g, std::span<StoredRow* const> matches,
                                std::vector<std::string_view>& stored) {
  if (matches.size() > kSharedMatchesMax) {
    stored.push_back(matches[match_]->bytes());
    return static_cast<uint16_t>(stored.size() - 1);
  }
  if (unpacked_[g] == kNotUnpacked) {
    unpacked_[g] = static_cast<uint16_t>(stored.size());
    for (const StoredRow* row : matches) stored.push_back(row->bytes());
  }
  return static_cast<uint16_t>(unpacked_[g] + match_);
}

bool JoinOperator::produce(Batch& out) {
  out_arena_.reset();
  std::fill_n(unpacked_, groups_.keys.count, kNotUnpacked);
  auto* from = out_arena_.allocate_array<uint16_t>(kBatchRowsMax);
  auto* to = out_arena_.allocate_array<uint16_t>(kBatchRowsMax);
  auto* weights = out_arena_.allocate_column<int64_t>(kBatchRowsMax);
  stored_.clear();
  uint32_t count = 0;
  bool weighted = false, once = true;
  while (at_ < rows_ && count < kBatchRowsMax) {
    const uint32_t g = groups_.of[at_];
    if (entries_[g] == nullptr) {
      ++at_;
      continue;
    }
    const auto matches = entries_[g]->as<RowSet>().rows();
    const uint32_t row = input_.row(at_);
    const int64_t weight = input_.weight(row);
    for (; match_ < matches.size() && count < kBatchRowsMax; ++match_) {
      const int64_t stored = matches[match_]->weight;
      if (weight == 0 || stored == 0) continue;  // closes the key, nothing to give out
      if (!multiply_weights(weight, stored, weights[count])) {
        host().fail(numeric_value_out_of_range("row multiplicity out of range"));
        return false;
      }
      from[count] = static_cast<uint16_t>(row);
      to[count] = unpacked(g, matches, stored_);
      weighted = weighted || weights[count] != 1;
      once = once && (count == 0 || from[count - 1] != row);
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
      sides_[settled_]->forget({entries_, groups_.keys.count});
      rows_ = groups_.keys.count = 0;
    }
    return false;
  }
  give_out({from, to, weighted ? weights : nullptr, count, once}, out);
  return true;
}

void JoinOperator::give_out(const Pairs& pairs, Batch& out) {
  out = Batch();
  std::vector<Vector> stored, probed;
  sides_[1 - port_]->codec().unpack(stored_, {}, out_arena_, stored);
  const uint16_t* to = pairs.to;
  if (pairs.once) {
    // Each row of the input at most once: its columns as they are.
    out.rows = input_.rows;
    out.select(pairs.from, pairs.count);
    probed = input_.columns;
    auto* by_row = out_arena_.allocate_array<uint16_t>(input_.rows);
    std::fill_n(by_row, input_.rows, 0);
    for (uint32_t i = 0; i < pairs.count; ++i) by_row[pairs.from[i]] = to[i];
    to = by_row;
    if (pairs.weights != nullptr) {
      auto* weights = out_arena_.allocate_column<int64_t>(input_.rows);
      for (uint32_t i = 0; i < pairs.count; ++i) weights[pairs.from[i]] = pairs.weights[i];
      out.weights = weights;
    }
  } else {
    out.rows = pairs.count;
    out.weights = pairs.weights;
    probed.reserve(input_.columns.size());
    for (const Vector& column : input_.columns) {
      probed.push_back(column.gathered(pairs.from, pairs.count, out_arena_));
    }
  }
  for (Vector& column : stored) {
    column.form = Form::dictionary;
    column.indices = to;
  }
  auto& left = port_ == 0 ? probed : stored;
  auto& right = port_ == 0 ? stored : probed;
  out.columns = std::move(left);
  out.columns.insert(out.columns.end(), right.begin(), right.end());
}

}  // namespace qw::views
