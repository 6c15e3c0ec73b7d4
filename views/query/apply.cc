// Apply and WITH RECURSIVE; see apply.h.
#include "views/query/apply.h"

#include "src/types/array.h"
#include "src/types/str.h"

namespace qw::views {
namespace {

// The first block of an answer: most have a row or none.
constexpr size_t kAnswerBytes = 512;

void append_key(const Datum& value, std::string& key) {
  key.push_back(value.is_null() ? 'n' : 'v');
  if (value.is_null()) return;
  if (value.type().physical() == Physical::string || value.type().physical() == Physical::numeric) {
    // A numeric's 16 bytes may hold a pointer: only its limbs and its narrow form are comparable.
    Arena arena;
    const Vector vector = value.to_vector(arena);
    RowCodec codec({value.type()});
    Batch batch;
    batch.rows = 1;
    batch.columns.push_back(vector);
    const uint32_t columns[1] = {0};
    std::string_view packed;
    codec.pack(batch, columns, arena, &packed);
    append_varint(key, packed.size());
    key.append(packed);
    return;
  }
  Arena arena;
  const Vector vector = value.to_vector(arena);
  key.append(static_cast<const char*>(vector.data), value.type().bytes());
}

}  // namespace

ApplyStream::ApplyStream(QueryHost& host, const sql::Apply& apply, std::shared_ptr<Scope> scope,
                         std::vector<Datum>& outer, StreamPtr left, StreamPtr right,
                         std::vector<Type> left_types, std::vector<Type> right_types,
                         std::optional<sql::Program> test)
    : Stream(host),
      apply_(apply),
      scope_(std::move(scope)),
      outer_(outer),
      left_(std::move(left)),
      right_(std::move(right)),
      left_types_(std::move(left_types)),
      right_types_(std::move(right_types)),
      test_(std::move(test)) {}

// The right side's rows for a row of the input.
Result<ApplyStream::Rows> ApplyStream::answer(uint32_t row) {
  std::string key;
  for (const auto& [column, slot] : scope_->slots) {
    Datum value = Datum::from(input_.columns[column], row);
    append_key(value, key);
    outer_[slot] = std::move(value);
  }
  // What the right side takes from rows further out is part of the key as well: those values do not
  // change while this stream runs, and restart() forgets the answers.
  const auto it = answers_.find(key);
  if (it != answers_.end()) return it->second;
  host().context().outer = outer_;
  right_->restart();
  auto rows = std::make_shared<RowBuffer>(right_types_, kAnswerBytes);
  Batch batch;
  const size_t enough = apply_.kind == sql::Apply::Kind::exists   ? 1
                        : apply_.kind == sql::Apply::Kind::scalar ? 2
                                                                  : SIZE_MAX;
  while (rows->size() < enough) {
    QW_TRY(host().check());
    QW_ASSIGN_OR_RETURN(const bool more, right_->next(batch));
    if (!more) break;
    rows->add(batch);
  }
  answers_bytes_ += rows->bytes() + key.size() + 64;
  if (answers_bytes_ > host().limits().cache_bytes_max) {
    answers_.clear();
    answers_bytes_ = 0;
  }
  return answers_.emplace(std::move(key), std::move(rows)).first->second;
}

Result<bool> ApplyStream::next(Batch& out) {
  const bool lateral_join = apply_.kind == sql::Apply::Kind::lateral_inner ||
                            apply_.kind == sql::Apply::Kind::lateral_left;
  return lateral_join ? lateral(out) : value(out);
}

Result<bool> ApplyStream::lateral(Batch& out) {
  while (true) {
    if (!have_input_) {
      QW_ASSIGN_OR_RETURN(have_input_, left_->next(input_));
      if (!have_input_) return false;
      at_ = 0;
      rows_.reset();
    }
    if (at_ >= input_.size()) {
      have_input_ = false;
      continue;
    }
    const uint32_t row = input_.row(at_);
    if (rows_ == nullptr) {
      QW_ASSIGN_OR_RETURN(rows_, answer(row));
      row_at_ = 0;
      if (rows_->size() == 0 && apply_.kind == sql::Apply::Kind::lateral_inner) {
        rows_.reset();
        ++at_;
        continue;
      }
    }
    arena_.reset();
    out = Batch();
    Batch right;
    if (rows_->size() == 0) {
      right.rows = 1;
      for (const Type& type : right_types_) right.columns.push_back(Vector::null(type, arena_));
    } else {
      right = rows_->batch(row_at_, arena_);
    }
    out.rows = right.rows;
    auto* from = arena_.allocate_array<uint16_t>(right.rows);
    for (uint32_t i = 0; i < right.rows; ++i) from[i] = static_cast<uint16_t>(row);
    for (const Vector& column : input_.columns) {
      out.columns.push_back(column.gathered(from, right.rows, arena_));
    }
    out.columns.insert(out.columns.end(), right.columns.begin(), right.columns.end());
    row_at_ += right.rows;
    if (row_at_ >= rows_->size()) {
      // The batch borrows from the answer: it stays until the row after next at least.
      if (answers_.empty()) QW_UNREACHABLE();
      ++at_;
      rows_.reset();
    }
    return true;
  }
}

Result<bool> ApplyStream::value(Batch& out) {
  QW_ASSIGN_OR_RETURN(const bool more, left_->next(input_));
  if (!more) return false;
  arena_.reset();
  Type type = TypeId::boolean;
  if (apply_.kind == sql::Apply::Kind::scalar) type = right_types_[0];
  if (apply_.kind == sql::Apply::Kind::array) {
    type = Type::array_of(right_types_[0].id);
  }
  Vector column = Vector::flat(type, input_.rows, arena_);
  std::memset(column.data, 0, size_t{type.bytes()} * input_.rows);
  for (uint32_t i = 0; i < input_.size(); ++i) {
    const uint32_t row = input_.row(i);
    QW_ASSIGN_OR_RETURN(const Rows rows, answer(row));
    QW_TRY(put_value(column, row, row, *rows));
  }
  out = input_;
  out.columns.push_back(column);
  return true;
}

Result<void> ApplyStream::put_value(Vector& column, uint32_t i, uint32_t row,
                                    const RowBuffer& rows) {
  switch (apply_.kind) {
    case sql::Apply::Kind::exists:
      column.values<uint8_t>()[i] = rows.size() != 0 ? 1 : 0;
      return {};
    case sql::Apply::Kind::scalar: {
      if (rows.size() > 1) {
        return fail(cardinality_violation(
            "more than one row returned by a subquery used as an expression"));
      }
      if (rows.size() == 0) {
        column.set_null(i, input_.rows, arena_);
        return {};
      }
      const Batch one = rows.batch(0, arena_);
      if (one.columns[0].is_null(0)) {
        column.set_null(i, input_.rows, arena_);
        return {};
      }
      // The bytes of strings are copied: the answer may be forgotten before the batch is.
      const Vector copy = Datum::from(one.columns[0], 0).to_vector(arena_);
      const uint32_t bytes = column.type.bytes();
      std::memcpy(static_cast<char*>(column.data) + size_t{bytes} * i, copy.data, bytes);
      return {};
    }
    case sql::Apply::Kind::any:
    case sql::Apply::Kind::all: {
      QW_ASSIGN_OR_RETURN(const auto truth, quantified(row, rows));
      if (!truth) column.set_null(i, input_.rows, arena_);
      column.values<uint8_t>()[i] = truth.value_or(false) ? 1 : 0;
      return {};
    }
    case sql::Apply::Kind::array: {
      std::vector<std::string_view> packed;
      for (size_t r = 0; r < rows.size(); ++r) packed.push_back(rows.row(r));
      std::vector<Vector> values;
      const uint32_t first[1] = {0};
      rows.codec().unpack(packed, first, arena_, values);
      column.values<Str>()[i] =
          packed.empty() ? array::make_empty(right_types_[0].id, arena_)
                         : array::make(values[0], 0, static_cast<uint32_t>(packed.size()), arena_);
      return {};
    }
    case sql::Apply::Kind::lateral_inner:
    case sql::Apply::Kind::lateral_left:
      QW_UNREACHABLE();
  }
  return {};
}

// x op ANY / ALL (subquery): NULL unless decided.
Result<std::optional<bool>> ApplyStream::quantified(uint32_t row, const RowBuffer& rows) {
  const bool any = apply_.kind == sql::Apply::Kind::any;
  bool unknown = false;
  for (size_t at = 0; at < rows.size(); at += kBatchRowsMax) {
    scratch_.reset();
    const Batch right = rows.batch(at, scratch_);
    Batch both;
    both.rows = right.rows;
    auto* from = scratch_.allocate_array<uint16_t>(right.rows);
    for (uint32_t i = 0; i < right.rows; ++i) from[i] = static_cast<uint16_t>(row);
    for (const Vector& column : input_.columns) {
      both.columns.push_back(column.gathered(from, right.rows, scratch_));
    }
    both.columns.insert(both.columns.end(), right.columns.begin(), right.columns.end());
    std::vector<Vector> out;
    sql::RowErrors errors;
    host().context().outer = outer_;
    test_->run(both, host().context(), scratch_, out, errors);
    if (!errors.empty()) return fail(errors.entries()[0].error);
    for (uint32_t i = 0; i < right.rows; ++i) {
      if (out[0].is_null(i)) {
        unknown = true;
      } else if ((out[0].at<uint8_t>(i) != 0) == any) {
        return std::optional<bool>(any);
      }
    }
  }
  if (unknown) return std::optional<bool>();
  return std::optional<bool>(!any);
}

void ApplyStream::restart() {
  left_->restart();
  answers_.clear();
  answers_bytes_ = 0;
  have_input_ = false;
  rows_.reset();
}

RecursiveStream::RecursiveStream(QueryHost& host, bool distinct, std::vector<Type> types,
                                 StreamPtr start, StreamPtr step,
                                 std::shared_ptr<RowBuffer> working)
    : Stream(host),
      distinct_(distinct),
      start_(std::move(start)),
      step_(std::move(step)),
      working_(std::move(working)),
      next_rows_(types),
      encoder_(types),
      seen_(encoder_.packed(), 8) {
  for (uint32_t i = 0; i < types.size(); ++i) columns_.push_back(i);
}

// Narrows to rows not seen before when duplicates go, and remembers them for the next round.
void RecursiveStream::keep_new(const Batch& batch) {
  in_ = batch;
  if (distinct_) {
    arena_.reset();
    KeyBatch keys;
    encoder_.encode(batch, columns_, arena_, keys);
    auto* entries = arena_.allocate_array<Entry*>(keys.count + 1);
    auto* selection = arena_.allocate_array<uint16_t>(keys.count + 1);
    expect_room(batch);
    {
      const MemoryScope::Unbroken unbroken;
      seen_.find_or_add(keys, entries);
    }
    uint32_t count = 0;
    for (uint32_t i = 0; i < keys.count; ++i) {
      if (entries[i]->mark != 0) continue;
      entries[i]->mark = 1;
      selection[count++] = static_cast<uint16_t>(batch.row(i));
    }
    in_.select(selection, count);
  }
  next_rows_.add(in_);
  holds(next_rows_.list_bytes() + working_->list_bytes() + seen_.bytes());
}

Result<bool> RecursiveStream::next(Batch& out) {
  Batch batch;
  while (!done_) {
    QW_TRY(host().check());
    QW_ASSIGN_OR_RETURN(const bool more, (stepping_ ? step_ : start_)->next(batch));
    if (more) {
      keep_new(batch);
      if (in_.empty()) continue;
      out = in_;
      return true;
    }
    if (next_rows_.size() == 0) {
      done_ = true;
      break;
    }
    std::swap(*working_, next_rows_);
    next_rows_.clear();
    step_->restart();
    stepping_ = true;
  }
  return false;
}

void RecursiveStream::restart() {
  start_->restart();
  step_->restart();
  next_rows_.clear();
  working_->clear();
  seen_.clear();
  stepping_ = done_ = false;
}

}  // namespace qw::views
