// HashJoinStream; see hash_join.h.
#include "views/query/hash_join.h"

namespace qw::views {
namespace {

std::vector<uint32_t> side(const sql::Join& join, bool left) {
  std::vector<uint32_t> columns;
  for (const auto& key : join.keys) columns.push_back(left ? key.left : key.right);
  return columns;
}

std::vector<bool> skips(const sql::Join& join) {
  std::vector<bool> skip;
  for (const auto& key : join.keys) skip.push_back(!key.null_safe);
  return skip;
}

bool null_key(const Batch& batch, uint32_t row, const std::vector<uint32_t>& key,
              const std::vector<bool>& skip) {
  for (size_t k = 0; k < key.size(); ++k) {
    if (skip[k] && batch.columns[key[k]].is_null(row)) return true;
  }
  return false;
}

}  // namespace

HashJoinStream::HashJoinStream(QueryHost& host, const sql::Join& join, StreamPtr left,
                               StreamPtr right, std::vector<Type> left_types,
                               std::vector<Type> right_types, std::optional<sql::Program> residual)
    : Stream(host),
      join_(join),
      left_(std::move(left)),
      right_(std::move(right)),
      left_types_(std::move(left_types)),
      right_types_(std::move(right_types)),
      residual_(std::move(residual)),
      left_key_(side(join, true)),
      right_key_(side(join, false)),
      skip_null_(skips(join)),
      index_(right_types_, right_key_, skip_null_),
      null_rows_(right_types_) {}

bool HashJoinStream::pads_left() const {
  return join_.type == sql::JoinType::left || join_.type == sql::JoinType::full;
}
bool HashJoinStream::pads_right() const {
  return join_.type == sql::JoinType::right || join_.type == sql::JoinType::full;
}
bool HashJoinStream::existence() const {
  return join_.type == sql::JoinType::semi || join_.type == sql::JoinType::anti;
}

void HashJoinStream::restart() {
  left_->restart();
  right_->restart();
  index_.clear();
  null_rows_.clear();
  right_has_null_ = false;
  right_empty_ = true;
  phase_ = Phase::build;
  unmatched_.clear();
  repeater_ = Repeater();
}

Result<void> HashJoinStream::build() {
  Batch batch;
  while (true) {
    QW_TRY(host().check());
    QW_ASSIGN_OR_RETURN(const bool more, right_->next(batch));
    if (!more) break;
    right_empty_ = false;
    build_arena_.reset();
    if (pads_right() || join_.null_aware) {
      auto* selection = build_arena_.allocate_array<uint16_t>(batch.size());
      uint32_t count = 0;
      for (uint32_t i = 0; i < batch.size(); ++i) {
        const uint32_t row = batch.row(i);
        if (null_key(batch, row, right_key_, skip_null_))
          selection[count++] = static_cast<uint16_t>(row);
      }
      right_has_null_ = right_has_null_ || count != 0;
      if (count != 0 && pads_right()) {
        Batch nulls = batch;
        nulls.select(selection, count);
        null_rows_.add(nulls);
      }
    }
    expect_room(batch);
    {
      const MemoryScope::Unbroken unbroken;
      index_.update(batch, build_arena_);
    }
    holds(index_.bytes() + null_rows_.list_bytes());
  }
  if (pads_right()) {
    for (uint32_t p = 0; p < kPartitionCount; ++p) {
      index_.table().each(p, [](Entry* entry) {
        for (StoredRow* row : entry->as<RowSet>().rows()) row->hash = 0;
      });
    }
  }
  phase_ = Phase::left;
  return {};
}

Result<bool> HashJoinStream::next(Batch& out) {
  while (true) {
    if (repeater_.next(out)) return true;
    QW_TRY(host().check());
    QW_ASSIGN_OR_RETURN(const bool more, step(made_));
    if (!more) return false;
    if (!made_.empty()) repeater_.set(made_);
  }
}

// False at the end; an empty batch means "go on".
Result<bool> HashJoinStream::step(Batch& out) {
  out = Batch();
  switch (phase_) {
    case Phase::build:
      QW_TRY(build());
      return true;
    case Phase::left: {
      QW_ASSIGN_OR_RETURN(const bool more, take_left());
      phase_ = more ? Phase::matches : pads_right() ? Phase::right_rest : Phase::done;
      partition_ = 0;
      rest_at_ = 0;
      return true;
    }
    case Phase::matches: {
      QW_ASSIGN_OR_RETURN(const bool more, matches(out));
      if (!more) phase_ = pads_left() || existence() ? Phase::left_rest : Phase::left;
      return true;
    }
    case Phase::left_rest:
      left_rest(out);
      phase_ = Phase::left;
      return true;
    case Phase::right_rest:
      if (!right_rest(out)) phase_ = Phase::done;
      return true;
    case Phase::done:
      return false;
  }
  return false;
}

Result<bool> HashJoinStream::take_left() {
  QW_ASSIGN_OR_RETURN(const bool more, left_->next(input_));
  if (!more) return false;
  probe_arena_.reset();
  entries_ = probe_arena_.allocate_array<Entry*>(input_.size() + 1);
  index_.probe(input_, left_key_, probe_arena_, keys_, entries_);
  matched_.assign(input_.rows, false);
  at_ = match_ = 0;
  if (existence() && !residual_) {
    for (uint32_t i = 0; i < keys_.count; ++i) matched_[input_.row(i)] = entries_[i] != nullptr;
    at_ = keys_.count;
  }
  return true;
}

// One batch of pairs that pass the residual predicate.
Result<bool> HashJoinStream::matches(Batch& out) {
  out_arena_.reset();
  auto* from = out_arena_.allocate_array<uint16_t>(kBatchRowsMax);
  auto* rows = out_arena_.allocate_array<std::string_view>(kBatchRowsMax);
  auto* stored = out_arena_.allocate_array<StoredRow*>(kBatchRowsMax);
  auto* weights = out_arena_.allocate_column<int64_t>(kBatchRowsMax);
  uint32_t count = 0;
  while (at_ < keys_.count && count < kBatchRowsMax) {
    const auto found = entries_[at_] == nullptr ? std::span<StoredRow* const>()
                                                : entries_[at_]->as<RowSet>().rows();
    for (; match_ < found.size() && count < kBatchRowsMax; ++match_) {
      from[count] = static_cast<uint16_t>(input_.row(at_));
      stored[count] = found[match_];
      rows[count] = found[match_]->bytes();
      weights[count++] = found[match_]->weight;
    }
    if (match_ < found.size()) break;
    ++at_;
    match_ = 0;
  }
  if (count == 0) return false;
  Batch joined;
  joined.rows = count;
  joined.weights = weights;
  for (const Vector& column : input_.columns) {
    joined.columns.push_back(column.gathered(from, count, out_arena_));
  }
  std::vector<Vector> right;
  index_.codec().unpack({rows, count}, {}, out_arena_, right);
  joined.columns.insert(joined.columns.end(), right.begin(), right.end());
  if (residual_) {
    auto* selection = out_arena_.allocate_array<uint16_t>(count + 1);
    sql::RowErrors errors;
    const uint32_t kept =
        residual_->filter(joined, host().context(), out_arena_, selection, errors);
    if (!errors.empty()) return fail(errors.entries()[0].error);
    joined.select(selection, kept);
  }
  if (pads_left() || existence()) {
    for (uint32_t i = 0; i < joined.size(); ++i) matched_[from[joined.row(i)]] = true;
  }
  if (pads_right()) {
    for (uint32_t i = 0; i < joined.size(); ++i) stored[joined.row(i)]->hash = 1;
  }
  if (!existence()) out = std::move(joined);
  return true;
}

// Left rows without a match, padded; or what EXISTS and its negation leave of them.
bool HashJoinStream::left_rest(Batch& out) {
  out_arena_.reset();
  auto* selection = out_arena_.allocate_array<uint16_t>(input_.size() + 1);
  uint32_t count = 0;
  const bool wanted = join_.type == sql::JoinType::semi;
  for (uint32_t i = 0; i < input_.size(); ++i) {
    const uint32_t row = input_.row(i);
    bool keep = matched_[row] == wanted;
    if (keep && join_.null_aware && join_.type == sql::JoinType::anti && !right_empty_) {
      keep = !right_has_null_ && !null_key(input_, row, left_key_, skip_null_);
    }
    if (keep) selection[count++] = static_cast<uint16_t>(row);
  }
  out = input_;
  out.select(selection, count);
  if (existence()) return true;
  for (const Type& type : right_types_) out.columns.push_back(Vector::null(type, out_arena_));
  return true;
}

bool HashJoinStream::right_rest(Batch& out) {
  out_arena_.reset();
  while (rest_at_ >= unmatched_.size()) {
    if (partition_ > kPartitionCount) return false;
    unmatched_.clear();
    rest_at_ = 0;
    if (partition_ == kPartitionCount) {
      for (size_t i = 0; i < null_rows_.size(); ++i) unmatched_.push_back(null_rows_.row(i));
    } else {
      index_.table().each(partition_, [&](Entry* entry) {
        for (const StoredRow* row : entry->as<RowSet>().rows()) {
          if (row->hash != 0) continue;
          for (int64_t copy = 0; copy < row->weight; ++copy) unmatched_.push_back(row->bytes());
        }
      });
    }
    ++partition_;
  }
  const size_t count = std::min<size_t>(unmatched_.size() - rest_at_, kBatchRowsMax);
  out.rows = static_cast<uint32_t>(count);
  for (const Type& type : left_types_) out.columns.push_back(Vector::null(type, out_arena_));
  std::vector<Vector> right;
  index_.codec().unpack({unmatched_.data() + rest_at_, count}, {}, out_arena_, right);
  out.columns.insert(out.columns.end(), right.begin(), right.end());
  rest_at_ += count;
  return true;
}

}  // namespace qw::views
