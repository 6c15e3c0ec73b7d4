// Sort and Limit; see sort.h.
#include "views/query/sort.h"

#include <algorithm>

#include "src/base/bytes.h"

namespace qw::views {
namespace {

std::vector<KeyCodec::Field> fields(const std::vector<sql::SortKey>& keys,
                                    std::span<const Type> types) {
  std::vector<KeyCodec::Field> out;
  for (const auto& key : keys) out.push_back({types[key.column], key.order});
  return out;
}

std::vector<uint32_t> columns(const std::vector<sql::SortKey>& keys) {
  std::vector<uint32_t> out;
  for (const auto& key : keys) out.push_back(key.column);
  return out;
}

}  // namespace

SortStream::SortStream(QueryHost& host, const std::vector<sql::SortKey>& keys,
                       std::vector<Type> types, StreamPtr input)
    : Stream(host),
      types_(std::move(types)),
      key_columns_(columns(keys)),
      keys_(fields(keys, types_)),
      codec_(types_),
      input_(std::move(input)) {
  for (uint32_t i = 0; i < types_.size(); ++i) all_columns_.push_back(i);
}

bool SortStream::less(const Row& a, const Row& b) {
  if (a.prefix != b.prefix) return a.prefix < b.prefix;
  const int order = a.key.compare(b.key);
  return order != 0 ? order < 0 : a.order < b.order;
}

// Drops rows that cannot be among the first `wanted_`, and the memory they lay in.
void SortStream::prune() {
  const auto middle = rows_.begin() + static_cast<std::ptrdiff_t>(wanted_);
  std::nth_element(rows_.begin(), middle, rows_.end(), less);
  rows_.erase(middle, rows_.end());
  spare_.reset();
  for (Row& row : rows_) {
    row.key = {spare_.copy(row.key), row.key.size()};
    row.row = {spare_.copy(row.row), row.row.size()};
  }
  std::swap(kept_, spare_);
}

Result<void> SortStream::fill() {
  Batch batch;
  while (true) {
    QW_TRY(host().check());
    QW_ASSIGN_OR_RETURN(const bool more, input_->next(batch));
    if (!more) break;
    if (wanted_ == 0) continue;
    scratch_.reset();
    auto* keys = scratch_.allocate_array<std::string_view>(batch.size());
    auto* rows = scratch_.allocate_array<std::string_view>(batch.size());
    keys_.encode(batch, key_columns_, kept_, keys);
    codec_.pack(batch, all_columns_, kept_, rows);
    for (uint32_t i = 0; i < batch.size(); ++i) {
      char first[8] = {};
      std::memcpy(first, keys[i].data(), std::min<size_t>(8, keys[i].size()));
      rows_.push_back({load_be<uint64_t>(first), keys[i], rows[i], order_++});
    }
    if (wanted_ < (uint64_t{1} << 32) && rows_.size() > 2 * wanted_ + 2 * kBatchRowsMax) prune();
    holds(rows_.capacity() * sizeof(Row));
  }
  std::sort(rows_.begin(), rows_.end(), less);
  filled_ = true;
  return {};
}

Result<bool> SortStream::next(Batch& out) {
  if (!filled_) QW_TRY(fill());
  if (at_ >= rows_.size()) return false;
  out_arena_.reset();
  const size_t count = std::min<size_t>(rows_.size() - at_, kBatchRowsMax);
  auto* rows = out_arena_.allocate_array<std::string_view>(count);
  for (size_t i = 0; i < count; ++i) rows[i] = rows_[at_ + i].row;
  out = Batch();
  out.rows = static_cast<uint32_t>(count);
  codec_.unpack({rows, count}, {}, out_arena_, out.columns);
  at_ += count;
  return true;
}

void SortStream::restart() {
  input_->restart();
  rows_.clear();
  kept_.reset();
  spare_.reset();
  filled_ = false;
  at_ = 0;
}

LimitStream::LimitStream(QueryHost& host, std::optional<sql::Program> limit,
                         std::optional<sql::Program> offset, StreamPtr input, SortStream* sort,
                         std::vector<sql::SortKey> ties, std::span<const Type> types)
    : Stream(host),
      limit_program_(std::move(limit)),
      offset_program_(std::move(offset)),
      input_(std::move(input)),
      sort_(sort),
      tie_columns_(columns(ties)),
      tie_codec_(fields(ties, types)) {}

Result<std::optional<int64_t>> LimitStream::evaluate(const std::optional<sql::Program>& program,
                                                     bool is_limit) {
  if (!program) return std::optional<int64_t>();
  Batch unit;
  unit.rows = 1;
  std::vector<Vector> out;
  sql::RowErrors errors;
  arena_.reset();
  program->run(unit, host().context(), arena_, out, errors);
  if (!errors.empty()) return fail(errors.entries()[0].error);
  if (out[0].is_null(0)) return std::optional<int64_t>();
  int64_t value = 0;
  if (out[0].type.physical() == Physical::i64) {
    value = out[0].at<int64_t>(0);
  } else if (out[0].type.physical() == Physical::i32) {
    value = out[0].at<int32_t>(0);
  } else if (out[0].type.physical() == Physical::i16) {
    value = out[0].at<int16_t>(0);
  } else {
    return fail(datatype_mismatch(is_limit ? "argument of LIMIT must be type bigint"
                                           : "argument of OFFSET must be type bigint"));
  }
  if (value < 0) {
    return is_limit ? fail(invalid_row_count_in_limit("LIMIT must not be negative"))
                    : fail(invalid_row_count_in_offset("OFFSET must not be negative"));
  }
  return std::optional<int64_t>(value);
}

Result<void> LimitStream::open() {
  QW_ASSIGN_OR_RETURN(const auto limit, evaluate(limit_program_, true));
  QW_ASSIGN_OR_RETURN(const auto offset, evaluate(offset_program_, false));
  limit_ = limit ? static_cast<uint64_t>(*limit) : UINT64_MAX;
  offset_ = offset ? static_cast<uint64_t>(*offset) : 0;
  if (sort_ != nullptr && limit && tie_columns_.empty()) {
    const bool bounded = limit_ <= UINT64_MAX - offset_;
    bounded ? sort_->keep_first(limit_ + offset_) : sort_->keep_all();
  } else if (sort_ != nullptr) {
    sort_->keep_all();
  }
  open_ = true;
  done_ = limit_ == 0;
  return {};
}

Result<bool> LimitStream::next(Batch& out) {
  if (!open_) QW_TRY(open());
  while (!done_) {
    QW_ASSIGN_OR_RETURN(const bool more, input_->next(out));
    if (!more) {
      done_ = true;
      return false;
    }
    arena_.reset();
    const uint32_t size = out.size();
    const auto skip = static_cast<uint32_t>(std::min<uint64_t>(offset_, size));
    offset_ -= skip;
    auto take = static_cast<uint32_t>(std::min<uint64_t>(limit_, size - skip));
    if (limit_ != UINT64_MAX) limit_ -= take;
    if (!tie_columns_.empty()) {
      auto* keys = arena_.allocate_array<std::string_view>(size);
      tie_codec_.encode(out, tie_columns_, arena_, keys);
      if (take != 0) last_key_.assign(keys[skip + take - 1]);
      if (limit_ == 0) {
        while (skip + take < size && keys[skip + take] == last_key_) ++take;
        done_ = skip + take < size;
      }
    } else {
      done_ = limit_ == 0;
    }
    if (take == 0) continue;
    auto* selection = arena_.allocate_array<uint16_t>(take);
    for (uint32_t i = 0; i < take; ++i) selection[i] = static_cast<uint16_t>(out.row(skip + i));
    out.select(selection, take);
    return true;
  }
  return false;
}

void LimitStream::restart() {
  input_->restart();
  open_ = done_ = false;
  last_key_.clear();
}

}  // namespace qw::views
