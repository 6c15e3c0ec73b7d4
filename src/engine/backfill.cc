// Backfill: see backfill.h.
#include "src/engine/backfill.h"

#include <algorithm>
#include <span>
#include <utility>
#include <vector>

#include "src/base/assert.h"
#include "src/base/limits.h"
#include "src/engine/row_blocks.h"

namespace qw::engine {
namespace {

constexpr size_t kBlocksPerRead = 16;
// About; a block has at most 16 KB.
constexpr size_t kRowsPerBlock = 256;
// The size of batches is halved above and doubled below.
constexpr int64_t kBatchSlowUs = 4'000, kBatchQuickUs = 1'000;

}  // namespace

Backfill::Backfill(ObjectId view, const std::vector<std::shared_ptr<const RelationLayout>>& inputs,
                   const std::atomic<bool>& cancelled, Progress progress)
    : view_(view), cancelled_(&cancelled), progress_(std::move(progress)) {
  for (const auto& layout : inputs) {
    inputs_.push_back(std::make_unique<Input>());
    inputs_.back()->layout = layout;
  }
}

bool Backfill::reads(ObjectId relation) const {
  return std::any_of(inputs_.begin(), inputs_.end(),
                     [&](const auto& input) { return input->layout->id() == relation; });
}

// Whether all inputs have been read.
bool Backfill::read() const {
  return std::all_of(inputs_.begin(), inputs_.end(), [](const auto& input) { return input->done; });
}

Result<void> Backfill::step(views::Dataflow& dataflow, const storage::Snapshot& latest,
                            Clock& clock, uint64_t rows_max, const Enough& enough) {
  Slice slice{dataflow, latest, clock, rows_max, enough};
  changed_ = 0;
  const bool waits = dataflow.waits(view_);
  if (waits && noted_ > 0 && !release(slice)) return {};
  if (!waits || noted_ > 0) dataflow.let_wait(view_, noted_ == 0 && !read());
  for (const auto& input : inputs_) replay(slice, *input);
  noted_ = 0;
  for (const auto& input : inputs_) {
    if (!input->done && !slice.over) QW_TRY(read_on(slice, *input));
  }
  if (read() && !slice.over) complete_ = release(slice);
  if (progress_) progress_(rows_);
  return {};
}

bool Backfill::release(Slice& slice) {
  return slice.dataflow.release(view_,
                                [&](uint64_t given) { return slice.enough(slice.rows + given); });
}

void Backfill::replay(Slice& slice, Input& input) {
  feed(slice, *input.layout, input.rows, input.weights);
  input.rows.clear();
  input.weights.clear();
  input.bytes.reset();
}

Result<void> Backfill::read_on(Slice& slice, Input& input) {
  storage::KeyRange range;
  std::string lower;
  if (input.begun) {
    lower = input.last + '\0';  // the least key above
    range.lower = lower;
  }
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, slice.latest.scan(input.layout->id(), range));
  const bool blocks = input.layout->mode() == KeyMode::sequence;
  std::vector<storage::RowView> entries(blocks ? kBlocksPerRead : kBatchRowsMax);
  std::vector<std::string_view> rows;
  while (!slice.over) {
    const size_t room = blocks ? std::max<size_t>(batch_rows_ / kRowsPerBlock, 1)
                               : std::min<uint64_t>(batch_rows_, slice.rows_max - slice.rows);
    const size_t wanted = std::min(entries.size(), room);
    QW_ASSIGN_OR_RETURN(const size_t count, cursor.next({entries.data(), wanted}));
    uint64_t read = count;
    if (blocks) {
      rows.clear();
      for (size_t i = 0; i < count; ++i) QW_TRY(read_block(entries[i].row, rows));
      read = rows.size();
      feed(slice, *input.layout, rows, {});
    } else if (count > 0) {
      Batch batch;
      input.layout->decode({entries.data(), count}, input.layout->all_columns(), scratch_, batch);
      hydrate(slice, *input.layout, batch);
    }
    if (count > 0) {
      input.begun = true;
      input.last = entries[count - 1].key;
    }
    rows_ += read;
    slice.rows += read;
    slice.over = slice.rows >= slice.rows_max || slice.enough(slice.rows);
    if (count < wanted) {
      input.done = true;
      return {};
    }
  }
  return {};
}

// Packed rows, with their weights when they have some.
void Backfill::feed(Slice& slice, const RelationLayout& layout,
                    std::span<const std::string_view> rows, std::span<const int64_t> weights) {
  for (size_t at = 0, count = 0; at < rows.size(); at += count) {
    count = std::min(batch_rows_, rows.size() - at);
    Batch batch;
    layout.unpack(rows.subspan(at, count), scratch_, batch);
    if (!weights.empty()) batch.weights = weights.data() + at;
    hydrate(slice, layout, batch);
  }
}

void Backfill::hydrate(Slice& slice, const RelationLayout& layout, const Batch& batch) {
  const int64_t began_us = slice.clock.monotonic_us();
  slice.dataflow.hydrate(view_, layout.id(), batch);
  const int64_t took_us = slice.clock.monotonic_us() - began_us;
  if (took_us > kBatchSlowUs && batch_rows_ > 1) batch_rows_ /= 2;
  if (took_us < kBatchQuickUs && batch_rows_ < kBatchRowsMax) batch_rows_ *= 2;
  scratch_.reset();
}

void Backfill::note(const RelationDeltaBuilder& changed) {
  for (const auto& input : inputs_) {
    if (input->layout->id() != changed.layout().id()) continue;
    const KeyMode mode = changed.layout().mode();
    changed_ += changed.net_rows();
    changed.each_net([&](std::string_view key, std::string_view row, int64_t weight) {
      // New rows of a sequence lie beyond any scan; the whole row is the key of a multiset.
      const bool passed = mode == KeyMode::sequence ? input->done
                          : mode == KeyMode::keyed  ? input->passed(key)
                                                    : input->passed(row);
      if (!passed) return;
      input->rows.emplace_back(input->bytes.copy(row), row.size());
      input->weights.push_back(weight);
      ++noted_;
    });
  }
}

}  // namespace qw::engine
