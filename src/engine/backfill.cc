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

bool Backfill::complete() const {
  return std::all_of(inputs_.begin(), inputs_.end(), [](const auto& input) { return input->done; });
}

Result<void> Backfill::step(views::Dataflow& dataflow, const storage::Snapshot& latest,
                            uint64_t rows_max, const std::function<bool()>& hurry) {
  for (const auto& input : inputs_) replay(dataflow, *input);
  noted_ = 0;
  uint64_t budget = rows_max;
  for (const auto& input : inputs_) {
    if (!input->done && budget > 0) QW_TRY(read_on(dataflow, latest, *input, budget, hurry));
  }
  if (progress_) progress_(rows_);
  return {};
}

void Backfill::replay(views::Dataflow& dataflow, Input& input) {
  feed(dataflow, *input.layout, input.rows, input.weights);
  input.rows.clear();
  input.weights.clear();
  input.bytes.reset();
}

Result<void> Backfill::read_on(views::Dataflow& dataflow, const storage::Snapshot& latest,
                               Input& input, uint64_t& budget, const std::function<bool()>& hurry) {
  storage::KeyRange range;
  std::string lower;
  if (input.begun) {
    lower = input.last + '\0';  // the least key above
    range.lower = lower;
  }
  QW_ASSIGN_OR_RETURN(storage::Cursor cursor, latest.scan(input.layout->id(), range));
  const bool blocks = input.layout->mode() == KeyMode::sequence;
  std::vector<storage::RowView> entries(blocks ? kBlocksPerRead : kBatchRowsMax);
  std::vector<std::string_view> rows;
  while (budget > 0) {
    const size_t wanted = blocks ? entries.size() : std::min<uint64_t>(entries.size(), budget);
    QW_ASSIGN_OR_RETURN(const size_t count, cursor.next({entries.data(), wanted}));
    uint64_t read = count;
    if (blocks) {
      rows.clear();
      for (size_t i = 0; i < count; ++i) QW_TRY(read_block(entries[i].row, rows));
      read = rows.size();
      feed(dataflow, *input.layout, rows, {});
    } else if (count > 0) {
      Batch batch;
      input.layout->decode({entries.data(), count}, input.layout->all_columns(), scratch_, batch);
      dataflow.hydrate(view_, input.layout->id(), batch);
      scratch_.reset();
    }
    if (count > 0) {
      input.begun = true;
      input.last = entries[count - 1].key;
    }
    rows_ += read;
    budget -= std::min(budget, read);
    if (count < wanted) {
      input.done = true;
      return {};
    }
    if (hurry()) budget = 0;
  }
  return {};
}

// Packed rows, with their weights when they have some.
void Backfill::feed(views::Dataflow& dataflow, const RelationLayout& layout,
                    std::span<const std::string_view> rows, std::span<const int64_t> weights) {
  for (size_t at = 0; at < rows.size(); at += kBatchRowsMax) {
    const size_t count = std::min<size_t>(kBatchRowsMax, rows.size() - at);
    Batch batch;
    layout.unpack(rows.subspan(at, count), scratch_, batch);
    if (!weights.empty()) batch.weights = weights.data() + at;
    dataflow.hydrate(view_, layout.id(), batch);
    scratch_.reset();
  }
}

void Backfill::note(const RelationDeltaBuilder& changed) {
  for (const auto& input : inputs_) {
    if (input->layout->id() != changed.layout().id()) continue;
    const RelationDeltaBuilder::Net net = changed.net();
    const KeyMode mode = changed.layout().mode();
    QW_ASSERT(mode != KeyMode::keyed || net.keys.size() == net.rows.size());
    for (size_t i = 0; i < net.rows.size(); ++i) {
      // New rows of a sequence lie beyond any scan; the whole row is the key of a multiset.
      const bool passed = mode == KeyMode::sequence ? input->done
                          : mode == KeyMode::keyed  ? input->passed(net.keys[i])
                                                    : input->passed(net.rows[i]);
      if (!passed) continue;
      input->rows.emplace_back(input->bytes.copy(net.rows[i]), net.rows[i].size());
      input->weights.push_back(net.weights.empty() ? 1 : net.weights[i]);
      ++noted_;
    }
  }
}

}  // namespace qw::engine
