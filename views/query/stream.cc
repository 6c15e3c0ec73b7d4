// Streams over operators; see stream.h.
#include "views/query/stream.h"

#include "src/types/str.h"

namespace qw::views {

Stream::~Stream() = default;

// Values of some length; what rows of small ones take is seen soon enough.
void Stream::expect_room(const Batch& batch) {
  if (MemoryScope::current() == nullptr) return;
  const uint64_t bytes = batch.string_bytes();
  constexpr uint64_t kWeighed = 1 << 20, kTimes = 4;
  if (bytes > kWeighed) MemoryScope::expect(bytes * kTimes);
}

Result<void> QueryHost::check() const {
  const MemoryAccount* account = MemoryScope::current();
  if (account != nullptr && account->exceeded) return qw::fail(account->budget->exhausted());
  if (failure_) return qw::fail(*failure_);
  if (limits_.cancelled != nullptr && limits_.cancelled->load(std::memory_order_relaxed)) {
    return qw::fail(query_canceled("canceling statement due to user request"));
  }
  return {};
}

void Repeater::set(const Batch& batch) {
  batch_ = batch;
  done_ = false;
  at_ = 0;
  copies_ = 0;
  plain_ = true;
  if (batch.weights == nullptr) return;
  for (uint32_t i = 0; i < batch.size() && plain_; ++i) plain_ = batch.weight(batch.row(i)) == 1;
}

bool Repeater::next(Batch& out) {
  if (done_) return false;
  if (plain_) {
    out = batch_;
    out.weights = nullptr;
    done_ = true;
    return true;
  }
  arena_.reset();
  auto* from = arena_.allocate_array<uint16_t>(kBatchRowsMax);
  uint32_t count = 0;
  while (at_ < batch_.size() && count < kBatchRowsMax) {
    const uint32_t row = batch_.row(at_);
    const int64_t weight = batch_.weight(row);
    for (; copies_ < weight && count < kBatchRowsMax; ++copies_) {
      from[count++] = static_cast<uint16_t>(row);
    }
    if (copies_ < weight) break;
    ++at_;
    copies_ = 0;
  }
  done_ = at_ >= batch_.size();
  if (count == 0) return false;
  out = Batch();
  out.rows = count;
  for (const Vector& column : batch_.columns)
    out.columns.push_back(column.gathered(from, count, arena_));
  return true;
}

Result<bool> OperatorStream::next(Batch& out) {
  while (true) {
    if (repeater_.next(out)) return true;
    QW_TRY(host().check());
    if (producing_) {
      const bool more = op_->produce(made_);
      if (more && finished_) hold_states(op_->states());
      QW_TRY(host().check());
      if (more) {
        repeater_.set(made_);
        continue;
      }
      producing_ = false;
    }
    if (finished_) return false;
    if (input_ == inputs_.size()) {
      op_->finish();
      finished_ = producing_ = true;
      continue;
    }
    QW_ASSIGN_OR_RETURN(const bool more, inputs_[input_]->next(in_));
    if (!more) {
      ++input_;
      continue;
    }
    accept();
    producing_ = true;
  }
}

// State is not left half changed: whether there was room for it is asked afterwards.
void OperatorStream::accept() {
  const std::vector<State*> states = op_->states();
  if (states.empty()) {
    op_->accept(static_cast<uint32_t>(input_), in_);
    return;
  }
  expect_room(in_);
  {
    const MemoryScope::Unbroken unbroken;
    op_->accept(static_cast<uint32_t>(input_), in_);
  }
  hold_states(states);
}

void OperatorStream::hold_states(std::span<State* const> states) {
  size_t bytes = op_->list_bytes();
  for (const State* state : states) bytes += state->bytes();
  holds(bytes);
}

void OperatorStream::restart() {
  op_->reset();
  for (auto& input : inputs_) input->restart();
  input_ = 0;
  finished_ = producing_ = false;
  repeater_ = Repeater();
}

Result<bool> UnionStream::next(Batch& out) {
  for (; input_ < inputs_.size(); ++input_) {
    QW_ASSIGN_OR_RETURN(const bool more, inputs_[input_]->next(out));
    if (more) return true;
  }
  return false;
}

void UnionStream::restart() {
  for (auto& input : inputs_) input->restart();
  input_ = 0;
}

RowBuffer::RowBuffer(std::vector<Type> types, size_t first_block_bytes)
    : codec_(types), arena_(first_block_bytes) {
  for (uint32_t i = 0; i < types.size(); ++i) columns_.push_back(i);
}

void RowBuffer::add(const Batch& batch) {
  const size_t at = rows_.size();
  rows_.resize(at + batch.size());
  codec_.pack(batch, columns_, arena_, rows_.data() + at);
}

Batch RowBuffer::batch(size_t from, Arena& arena) const {
  Batch out;
  out.rows = static_cast<uint32_t>(std::min<size_t>(rows_.size() - from, kBatchRowsMax));
  codec_.unpack({rows_.data() + from, out.rows}, {}, arena, out.columns);
  return out;
}

void RowBuffer::clear() {
  rows_.clear();
  arena_.reset();
}

}  // namespace qw::views
