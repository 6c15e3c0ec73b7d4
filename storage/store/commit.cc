// Commit: one epoch as a record of the journal, or journaled epochs and another one or a slice of
// background work as one transaction.
//
// Order inside a transaction: folds are decided first (a relation whose changes go straight to the
// base writes no log), then log, rows, images, what is dropped, obsolete log entries, meta. Readers
// learn of the new overlay before the transaction becomes visible and take it with the version it
// belongs to. Everything here depends on the input alone: the same epochs give the same bytes.
// Under commit_mutex. Tests: tests/unit/storage/store_test.cc, model_test.cc, tests/crash/.
#include <algorithm>
#include <utility>

#include "src/base/assert.h"
#include "src/base/clock.h"
#include "src/base/hash.h"
#include "src/base/limits.h"
#include "src/base/log.h"
#include "storage/format/format.h"
#include "storage/journal/epoch_record.h"
#include "storage/log/piece.h"
#include "storage/store/store_impl.h"

namespace qw::storage {
namespace {

// Dirty pages that an epoch's own folds may add at once.
constexpr uint64_t kDirectPagesMax = 4096;
constexpr uint64_t kDirectAppendPagesMax = 32768;
// The same of a fold that writes little more than the log record, which it saves, and a later fold.
constexpr uint64_t kDirectCheapPagesMax = 16384;
constexpr uint64_t kCheapFactor = 4;
// Whatever the estimate says: so many changes of one transaction stay below LMDB's dirty list even
// if each of them splits a page and needs an overflow page.
constexpr size_t kSliceRowsMax = limits::kStoreDirtyEntriesMax / 4;
// A slice of background work that an epoch carries, as a part of one on its own.
constexpr double kPartBesideEpoch = 0.125;
constexpr size_t kLogErasesPerCommit = 2048;
constexpr size_t kDropRowsPerCommit = 16384;
constexpr size_t kDropChunksPerCommit = 256;
// Runs of one level (sizes within a factor) before they are merged into one.
constexpr size_t kRunsPerLevel = 4;
constexpr size_t kSmallRunBytes = 2 << 10;

size_t level_of(const Run& run) {
  size_t level = 0;
  for (size_t bytes = run.memory_bytes() / kSmallRunBytes; bytes > 0; bytes /= kRunsPerLevel) {
    ++level;
  }
  return level;
}

// Whether a fold that pays rides in the epoch's transaction. The estimate may be wrong; LMDB's
// dirty list holds even when each row has a leaf of its own, and what its bytes can split.
bool goes_direct(const FoldCost& cost) {
  const uint64_t pages = cost.pages - std::min(cost.pages, cost.appended_pages);
  const uint64_t rows = cost.rows - cost.appended_rows;
  if (cost.appended_pages <= kDirectAppendPagesMax && pages <= kDirectPagesMax &&
      rows <= kSliceRowsMax) {
    return true;
  }
  const bool cheap = cost.pages * kPageBytes <= kCheapFactor * cost.change_bytes;
  const uint64_t dirty_max = cost.rows + cost.change_bytes / (kPageBytes / 4);
  return cheap && cost.pages <= kDirectCheapPagesMax &&
         dirty_max <= limits::kStoreDirtyEntriesMax / 4 * 3;
}

// Merges the newest runs until no level has kRunsPerLevel of them, each time with all that are
// newer: a level-n run has been merged about n times. The last `pinned` runs belong to a fold in
// progress and stay as they are.
bool compact(std::vector<RunPtr>& runs, size_t pinned) {
  QW_ASSERT(pinned <= runs.size());
  bool changed = false;
  for (bool merged = true; merged;) {
    merged = false;
    const size_t movable = runs.size() - pinned;
    size_t level = 0, count = 0;
    while (count < movable) {
      level = std::max(level, level_of(*runs[count]));
      const size_t newer = count;
      while (count < movable && level_of(*runs[count]) <= level) ++count;
      if (count - newer < kRunsPerLevel) continue;
      runs[0] = Run::merge(std::span(runs).first(count));
      runs.erase(runs.begin() + 1, runs.begin() + static_cast<std::ptrdiff_t>(count));
      changed = merged = true;
      break;
    }
  }
  return changed;
}

}  // namespace

// One transaction in the making.
struct Store::Impl::Commit {
  explicit Commit(Impl& owner) : store(owner), next(*owner.source->current()) {}

  Impl& store;
  Overlay next;
  std::unique_ptr<KvWrite> txn;
  std::unique_ptr<KvRead> base_read;
  std::map<ObjectId, std::shared_ptr<RelationState>> edited;
  uint64_t value_bytes = 0;
  uint64_t direct_pages = 0;  // of folds in this transaction

  Result<void> begin() {
    QW_ASSIGN_OR_RETURN(txn, store.kv->begin_write());
    return {};
  }
  // The base as it was before this transaction.
  Result<KvRead*> base() {
    if (!base_read) {
      QW_ASSIGN_OR_RETURN(base_read, store.kv->begin_read());
    }
    return base_read.get();
  }
  RelationState& edit(ObjectId relation);
  Result<void> write_log(LogStream stream, Epoch epoch, std::string_view piece, uint32_t& part);

  // The change is part of what readers see, and of what a transaction has to write.
  void take_in(const StagedRuns::Change& change, Unwritten::Runs& unwritten);
  // Puts into the base or the log what no transaction has written yet: `unwritten`, and the runs of
  // `staged`, which may be null.
  Result<void> write_relations(Epoch epoch, const StagedEpoch::Impl* staged);
  Result<bool> fold_now(Epoch epoch, RelationState& relation);
  Result<bool> fold_shuffled(Epoch epoch, RelationState& relation);
  Result<bool> fold_all(Epoch epoch, RelationState& relation);
  void start_pass(const RelationState& relation, double pages_per_row);
  void relieve_memory();
  Result<void> run_passes(bool beside_epoch);
  Result<void> finish_pass();
  Result<void> fold_rest(RelationState& relation);
  Result<std::optional<FoldCost>> fold_cost(KvRead& read, RelationState& relation);
  void set_damaged(RelationState& relation, const Error& error);

  Result<void> write_states(Epoch epoch, const StagedEpoch::Impl* staged);
  Result<void> write_image(Epoch epoch, const ImageWrite& image);
  Result<void> erase_image(StateId state, uint32_t partition, const ImageRecord& image,
                           uint32_t from_chunk);
  Result<void> drop_relation(ObjectId relation);
  Result<void> drop_state(StateId state);
  Result<void> drop_slices();
  Result<void> collect();
  Result<void> write_meta(const StagedEpoch::Impl* staged);
  Result<void> put_user_meta(const std::string& name, const std::string& value);
  // Writes what changed in memory, makes it durable, and shows it to readers.
  Result<void> finish();
  void compact_runs();
};

RelationState& Store::Impl::Commit::edit(ObjectId relation) {
  auto& state = edited[relation];
  if (!state) {
    const RelationState* now = next.find(relation);
    state =
        now == nullptr ? std::make_shared<RelationState>() : std::make_shared<RelationState>(*now);
    state->relation = relation;
  }
  return *state;
}

Result<void> Store::Impl::Commit::write_log(LogStream stream, Epoch epoch, std::string_view piece,
                                            uint32_t& part) {
  LogKey key(epoch, stream, part);
  const auto next_key = [&](uint32_t blob) {
    key = LogKey(epoch, stream, part + blob);
    return key.view();
  };
  QW_ASSIGN_OR_RETURN(const PieceSize size, write_piece(*txn, Table::log, PutMode::append, piece,
                                                        next_key, store.scratch));
  store.log.add(stream, epoch, size.blobs, size.bytes);
  part += size.blobs;
  value_bytes += size.bytes;
  return {};
}

// -- relations

void Store::Impl::Commit::take_in(const StagedRuns::Change& change, Unwritten::Runs& unwritten) {
  RelationState& relation = edit(change.relation);
  relation.rows += change.rows_added;
  relation.copies += change.copies_added;
  std::vector<RunPtr>& runs = unwritten[change.relation];
  if (change.run->count() == 0) return;
  relation.runs.insert(relation.runs.begin(), change.run);
  runs.push_back(change.run);
}

Result<void> Store::Impl::Commit::write_relations(Epoch epoch, const StagedEpoch::Impl* staged) {
  Unwritten::Runs unwritten = store.unwritten.runs;
  if (staged != nullptr) {
    for (const StagedRuns::Change& change : staged->runs->changes) take_in(change, unwritten);
    for (const ObjectId dropped : staged->write.dropped_relations) unwritten.erase(dropped);
  }
  for (auto& [id, runs] : unwritten) {
    RelationState& relation = edit(id);
    if (runs.empty()) continue;
    QW_ASSIGN_OR_RETURN(const bool folded, fold_now(epoch, relation));
    if (folded) continue;
    std::reverse(runs.begin(), runs.end());
    uint32_t part = 0;
    QW_TRY(write_log({LogKind::relation, id.value}, epoch, Run::merge(runs)->records(), part));
  }
  return {};
}

// Decides about the relation's runs; true when the base has taken them in, this epoch's included.
Result<bool> Store::Impl::Commit::fold_now(Epoch epoch, RelationState& relation) {
  if (relation.damaged) return false;
  const bool passing =
      std::any_of(store.passes.begin(), store.passes.end(),
                  [&](const FoldPass& pass) { return pass.relation == relation.relation; });
  if (passing) return false;
  switch (store.options.fold) {
    case FoldPolicy::never:
      return false;
    case FoldPolicy::eager:
      return fold_all(epoch, relation);
    case FoldPolicy::shuffled:
      return fold_shuffled(epoch, relation);
    case FoldPolicy::cost:
      break;
  }
  QW_ASSIGN_OR_RETURN(KvRead * read, base());
  QW_ASSIGN_OR_RETURN(const auto cost, fold_cost(*read, relation));
  if (!cost || !cost->pays()) return false;
  const uint64_t pages = direct_pages + cost->pages;
  if (!goes_direct(*cost) || pages > store.options.direct_bytes_max / kPageBytes) {
    start_pass(relation, cost->pages_per_row());
    return false;
  }
  direct_pages = pages;
  return fold_all(epoch, relation);
}

// Nothing: the way to its rows is damaged.
Result<std::optional<FoldCost>> Store::Impl::Commit::fold_cost(KvRead& read,
                                                               RelationState& relation) {
  auto cost = estimate_fold(*txn, read, relation, relation.runs);
  if (cost) return *cost;
  if (cost.error().code() != kDamaged) return fail(std::move(cost).error());
  set_damaged(relation, cost.error());
  return std::nullopt;
}

// From now on only reading it fails, and what comes for it stays in the log.
void Store::Impl::Commit::set_damaged(RelationState& relation, const Error& error) {
  log::error("relation {}: {}", relation.relation, error.to_string());
  relation.damaged = std::make_shared<const Error>(damaged_row(relation.relation));
}

// For tests: whole folds, folds in tiny slices and growing overlays, as salt and epoch have it.
Result<bool> Store::Impl::Commit::fold_shuffled(Epoch epoch, RelationState& relation) {
  const uint64_t dice =
      hash_combine(hash_combine(store.options.salt, epoch.value), relation.relation.value);
  if (dice % 5 == 0) return fold_all(epoch, relation);
  if (dice % 5 == 1) {
    start_pass(relation, static_cast<double>(store.options.slice_pages_max) /
                             static_cast<double>(1 + (dice >> 8) % 7));
  }
  return false;
}

// False: its pages are damaged.
Result<bool> Store::Impl::Commit::fold_all(Epoch epoch, RelationState& relation) {
  QW_ASSIGN_OR_RETURN(KvRead * before, base());
  QW_ASSIGN_OR_RETURN(const FoldSlice slice,
                      fold_slice(*txn, *before, relation, relation.runs, {}, ~size_t{0}));
  QW_ASSERT(!slice.rest);
  value_bytes += slice.bytes;
  store.counters.rows_folded += slice.rows;
  if (slice.damaged) {
    set_damaged(relation, *slice.damaged);
    return false;
  }
  ++store.counters.folds;
  relation.runs.clear();
  relation.folded = epoch;
  store.log.release({LogKind::relation, relation.relation.value}, epoch);
  return true;
}

void Store::Impl::Commit::start_pass(const RelationState& relation, double pages_per_row) {
  QW_ASSERT(!relation.runs.empty());
  store.passes.push_back({relation.relation, relation.runs, next.epoch, pages_per_row, {}});
}

// When the overlay outgrows its memory, the relation that frees most is folded, whatever it costs.
void Store::Impl::Commit::relieve_memory() {
  if (!store.passes.empty() || store.options.fold == FoldPolicy::never) return;
  size_t sum = 0, largest_bytes = 0;
  const RelationState* largest = nullptr;
  for (const RelationPtr& shared : next.relations) {
    const auto changed = edited.find(shared->relation);
    const RelationState& relation = changed == edited.end() ? *shared : *changed->second;
    if (relation.damaged) continue;
    const size_t bytes = relation.run_bytes();
    sum += bytes;
    if (bytes <= largest_bytes) continue;
    largest = &relation;
    largest_bytes = bytes;
  }
  if (sum <= store.options.overlay_bytes_max || largest == nullptr) return;
  const double rows = static_cast<double>(largest->run_rows());
  const double leaves = static_cast<double>(largest->base_bytes) / 2700 + 1;
  start_pass(*largest, std::min(1.0, leaves / std::max(rows, 1.0)));
}

// One slice of the oldest pass. Beside an epoch it is small, since somebody waits for the commit,
// and grows with what the overlay holds; where it cannot grow enough, because LMDB keeps what it
// dirties, more of them follow (Store::is_behind).
Result<void> Store::Impl::Commit::run_passes(bool beside_epoch) {
  relieve_memory();
  if (store.passes.empty()) return {};
  FoldPass& pass = store.passes.front();
  RelationState& relation = edit(pass.relation);
  const auto bound = static_cast<double>(std::max<size_t>(store.options.overlay_bytes_max, 1));
  const double full = static_cast<double>(relation.run_bytes()) / bound;
  const double part =
      beside_epoch ? std::max(kPartBesideEpoch, 2 * full * full) : std::max(1.0, 4 * full);
  const uint64_t room = store.options.direct_bytes_max / kPageBytes;
  const double pages = std::min(static_cast<double>(store.options.slice_pages_max) * part,
                                static_cast<double>(room - std::min(room, direct_pages)));
  const double rows = pages / std::max(pass.pages_per_row, 0.001);
  const double most = static_cast<double>(kSliceRowsMax) * std::min(part, 1.0);
  const auto rows_max = static_cast<size_t>(std::clamp(rows, 1.0, std::max(most, 1.0)));
  QW_ASSIGN_OR_RETURN(KvRead * before, base());
  QW_ASSIGN_OR_RETURN(FoldSlice slice,
                      fold_slice(*txn, *before, relation, pass.runs, pass.from, rows_max));
  value_bytes += slice.bytes;
  store.counters.rows_folded += slice.rows;
  if (slice.rest) {
    pass.from = std::move(*slice.rest);
    return {};
  }
  if (slice.damaged) {
    set_damaged(relation, *slice.damaged);
    store.passes.pop_front();
    return {};
  }
  return finish_pass();
}

Result<void> Store::Impl::Commit::finish_pass() {
  const FoldPass pass = std::move(store.passes.front());
  store.passes.pop_front();
  RelationState& relation = edit(pass.relation);
  QW_ASSERT(relation.runs.size() >= pass.runs.size());
  const size_t newer = relation.runs.size() - pass.runs.size();
  QW_ASSERT(std::equal(pass.runs.begin(), pass.runs.end(),
                       relation.runs.begin() + static_cast<std::ptrdiff_t>(newer)));
  relation.runs.resize(newer);
  relation.folded = pass.upto;
  ++store.counters.folds;
  store.log.release({LogKind::relation, relation.relation.value}, relation.folded);
  return fold_rest(relation);
}

// What came while the pass was on may pay as well, and perhaps nothing more comes to ask.
Result<void> Store::Impl::Commit::fold_rest(RelationState& relation) {
  if (relation.runs.empty() || store.options.fold != FoldPolicy::cost) return {};
  QW_ASSIGN_OR_RETURN(KvRead * read, base());
  QW_ASSIGN_OR_RETURN(const auto cost, fold_cost(*read, relation));
  if (cost && cost->pays()) start_pass(relation, cost->pages_per_row());
  return {};
}

// -- states

Result<void> Store::Impl::Commit::write_states(Epoch epoch, const StagedEpoch::Impl* staged) {
  std::map<StateId, std::vector<std::string_view>> unwritten;
  for (const auto& [state, pieces] : store.unwritten.pieces) {
    unwritten[state].assign(pieces.begin(), pieces.end());
  }
  if (staged != nullptr) {
    for (const StateLog& log : staged->write.state_logs) {
      auto& pieces = unwritten[log.state];
      pieces.insert(pieces.end(), log.pieces.begin(), log.pieces.end());
    }
    for (const StateId dropped : staged->write.dropped_states) unwritten.erase(dropped);
  }
  for (const auto& [state, pieces] : unwritten) {
    uint32_t part = 0;
    for (const std::string_view piece : pieces) {
      if (piece.empty()) continue;
      QW_TRY(write_log({LogKind::state, state.value}, epoch, piece, part));
    }
  }
  return {};
}

Result<void> Store::Impl::Commit::erase_image(StateId state, uint32_t partition,
                                              const ImageRecord& image, uint32_t from_chunk) {
  for (uint32_t chunk = from_chunk; chunk < image.chunks; ++chunk) {
    QW_TRY(txn->erase(Table::image, ImageKey(state, partition, chunk).view()));
  }
  store.counters.image_bytes -= image.bytes;
  return {};
}

Result<void> Store::Impl::Commit::write_image(Epoch epoch, const ImageWrite& image) {
  QW_ASSERT(image.partition < image.partition_count);
  StateImages& images = store.images[image.state];
  if (image.unchanged) {
    const auto old = images.partitions.find(image.partition);
    QW_ASSERT(old != images.partitions.end());
    old->second.epoch = epoch.value;
    QW_TRY(put_meta_record(*txn, meta_key(kMetaImage, image.state.value, image.partition),
                           old->second));
    store.log.release({LogKind::state, image.state.value}, images.covered());
    return {};
  }
  ImageRecord record{epoch.value, 0, 0, 0};
  ImageKey key(image.state, image.partition, 0);
  for (const std::string& piece : image.pieces) {
    const uint32_t first = record.chunks;
    const auto next_key = [&](uint32_t blob) {
      key = ImageKey(image.state, image.partition, first + blob);
      return key.view();
    };
    QW_ASSIGN_OR_RETURN(const PieceSize size, write_piece(*txn, Table::image, PutMode::upsert,
                                                          piece, next_key, store.scratch));
    record.chunks += size.blobs;
    record.bytes += size.bytes;
  }
  value_bytes += record.bytes;
  store.counters.image_bytes += record.bytes;
  if (const auto old = images.partitions.find(image.partition); old != images.partitions.end()) {
    QW_TRY(erase_image(image.state, image.partition, old->second, record.chunks));
  }
  images.partitions[image.partition] = record;
  QW_TRY(put_meta_record(*txn, meta_key(kMetaImage, image.state.value, image.partition), record));
  if (images.partition_count != image.partition_count) {
    images.partition_count = image.partition_count;
    QW_TRY(put_meta_record(*txn, meta_key(kMetaState, image.state.value), image.partition_count));
    for (auto it = images.partitions.lower_bound(image.partition_count);
         it != images.partitions.end(); it = images.partitions.erase(it)) {
      QW_TRY(erase_image(image.state, it->first, it->second, 0));
      QW_TRY(txn->erase(Table::meta, meta_key(kMetaImage, image.state.value, it->first)));
    }
  }
  store.log.release({LogKind::state, image.state.value}, images.covered());
  return {};
}

// -- drops

Result<void> Store::Impl::Commit::drop_relation(ObjectId relation) {
  const RelationState* state = next.find(relation);
  const bool has_base = (state != nullptr && state->base_rows > 0) || edited.contains(relation);
  edited.erase(relation);
  next.erase(relation);
  std::erase_if(store.passes, [&](const FoldPass& pass) { return pass.relation == relation; });
  store.log.release_all({LogKind::relation, relation.value});
  QW_TRY(txn->erase(Table::meta, meta_key(kMetaRelation, relation.value)));
  if (has_base) {
    QW_TRY(put_meta(*txn, meta_key(kMetaDropRelation, relation.value), {}));
    store.dropping_relations.insert(relation);
  }
  return {};
}

Result<void> Store::Impl::Commit::drop_state(StateId state) {
  store.log.release_all({LogKind::state, state.value});
  const auto it = store.images.find(state);
  if (it == store.images.end()) return {};
  for (const auto& [partition, image] : it->second.partitions) {
    QW_TRY(txn->erase(Table::meta, meta_key(kMetaImage, state.value, partition)));
    store.counters.image_bytes -= image.bytes;
  }
  QW_TRY(txn->erase(Table::meta, meta_key(kMetaState, state.value)));
  QW_TRY(put_meta(*txn, meta_key(kMetaDropState, state.value), {}));
  store.dropping_states.insert(state);
  store.images.erase(it);
  return {};
}

// Erases some of what was dropped, so that no commit is long.
Result<void> Store::Impl::Commit::drop_slices() {
  if (!store.dropping_relations.empty()) {
    const ObjectId relation = *store.dropping_relations.begin();
    const RowKey prefix(relation);
    const auto erased =
        txn->erase_while(Table::rows, prefix.view(), kDropRowsPerCommit,
                         [&](std::string_view key) { return key.starts_with(prefix.view()); });
    if (!erased && erased.error().code() != kDamaged) return fail(erased.error());
    if (erased && *erased < kDropRowsPerCommit) {
      QW_TRY(txn->erase(Table::meta, meta_key(kMetaDropRelation, relation.value)));
    }
    // What is damaged stays where it is until the next start tries again.
    if (!erased || *erased < kDropRowsPerCommit) store.dropping_relations.erase(relation);
  }
  if (!store.dropping_states.empty()) {
    const StateId state = *store.dropping_states.begin();
    const ImageKey first(state, 0, 0);
    const std::string_view prefix = first.view().substr(0, 4);
    QW_ASSIGN_OR_RETURN(
        const size_t erased,
        txn->erase_while(Table::image, first.view(), kDropChunksPerCommit,
                         [&](std::string_view key) { return key.starts_with(prefix); }));
    if (erased < kDropChunksPerCommit) {
      QW_TRY(txn->erase(Table::meta, meta_key(kMetaDropState, state.value)));
      store.dropping_states.erase(state);
    }
  }
  return {};
}

Result<void> Store::Impl::Commit::collect() {
  if (!store.log.wants_collection()) return {};
  QW_TRY(store.log.collect(*txn, kLogErasesPerCommit));
  return {};
}

Result<void> Store::Impl::Commit::write_meta(const StagedEpoch::Impl* staged) {
  if (next.meta) {
    for (const auto& [name, value] : *next.meta) QW_TRY(put_user_meta(name, value));
    next.meta.reset();
  }
  if (staged == nullptr) return {};
  for (const MetaPut& put : staged->write.meta) QW_TRY(put_user_meta(put.key, put.value));
  return {};
}

Result<void> Store::Impl::Commit::put_user_meta(const std::string& name, const std::string& value) {
  const std::string key = meta_user_key(name);
  if (value.empty()) {
    QW_TRY(txn->erase(Table::meta, key));
    return {};
  }
  value_bytes += value.size();
  return put_meta(*txn, key, value);
}

// -- the end of a transaction

Result<void> Store::Impl::Commit::finish() {
  for (const auto& [id, relation] : edited) {
    QW_TRY(put_meta_record(*txn, meta_key(kMetaRelation, id.value),
                           RelationRecord{relation->rows, relation->copies, relation->base_rows,
                                          relation->base_bytes, relation->folded.value}));
    next.set(relation);
  }
  QW_TRY(put_meta_record(*txn, meta_key(kMetaEpoch),
                         EpochRecord{next.epoch.value, store.log.entries(), store.log.bytes()}));
  const uint64_t version = txn->version();
  base_read.reset();  // it would keep this transaction's old pages from being used again
  store.source->announce(version, std::make_shared<const Overlay>(next));
  QW_TRY(txn->commit());
  store.source->publish();
  store.unwritten = {};
  store.journaled = false;
  if (store.journal) store.journal->restart();
  compact_runs();
  store.source->announce(version, std::make_shared<const Overlay>(std::move(next)));
  store.source->publish();
  ++store.counters.commits;
  store.counters.committed_bytes += value_bytes;
  return {};
}

void Store::Impl::Commit::compact_runs() {
  for (const auto& [id, relation] : edited) {
    size_t pinned = 0;
    for (const FoldPass& pass : store.passes) {
      if (pass.relation == id) pinned = pass.runs.size();
    }
    auto compacted = std::make_shared<RelationState>(*relation);
    if (compact(compacted->runs, pinned)) next.set(std::move(compacted));
  }
}

Error Store::Impl::give_up(Error error, const StoreStats& before) {
  if (error.code() == kNoRoom) {
    counters = before;
    auto undone = undo();
    if (undone) return error;
    error = std::move(undone).error();
  }
  failed = error;
  return error;
}

// Nothing of the transaction is in any tree, so the environment says how things are. The overlay
// that readers have is untouched; folds in slices begin anew, as after a restart.
Result<void> Store::Impl::undo() {
  QW_TRY(kv->check_syncs());
  QW_ASSIGN_OR_RETURN(const auto read, kv->begin_read());
  EpochRecord record;
  QW_TRY(recover_directories(*read, record));
  release_obsolete(*source->current());
  return {};
}

Result<void> Store::Impl::commit(const StagedEpoch::Impl& staged_epoch) {
  const std::lock_guard lock(commit_mutex);
  if (failed) return fail(*failed);
  const int64_t begun_us = options.clock == nullptr ? 0 : options.clock->monotonic_us();
  QW_ASSIGN_OR_RETURN(const bool journaled_now, commit_to_journal(staged_epoch));
  if (!journaled_now) QW_TRY(commit_in_transaction(&staged_epoch));
  if (options.clock != nullptr) {
    counters.last_commit_us = options.clock->monotonic_us() - begun_us;
  }
  return {};
}

Result<bool> Store::Impl::commit_to_journal(const StagedEpoch::Impl& staged_epoch) {
  if (!journal || staged_epoch.bytes > kJournaledBytesMax) return false;
  if (!has_record(staged_epoch.write)) return false;
  QW_ASSERT(staged_epoch.write.epoch.value == source->current()->epoch.value + 1);
  journal_record.clear();
  append_record(journal_record, staged_epoch);
  const auto there = journal->append(staged_epoch.write.epoch, journal_record);
  if (!there) {
    failed = there.error();
    return fail(*failed);
  }
  if (!*there) return false;
  keep(staged_epoch);
  ++counters.commits;
  counters.committed_bytes += journal_record.size();
  return true;
}

void Store::Impl::keep(const StagedEpoch::Impl& staged_epoch) {
  Commit commit(*this);
  commit.next.epoch = staged_epoch.write.epoch;
  for (const StagedRuns::Change& change : staged_epoch.runs->changes) {
    commit.take_in(change, unwritten.runs);
  }
  for (const StateLog& changes : staged_epoch.write.state_logs) {
    std::vector<std::string>& pieces = unwritten.pieces[changes.state];
    for (const std::string& piece : changes.pieces) {
      if (pieces.empty() || pieces.back().size() + piece.size() > kBlobBytesMax) {
        pieces.emplace_back();
      }
      pieces.back() += piece;
    }
  }
  if (!staged_epoch.write.meta.empty()) {
    auto meta = std::make_shared<std::map<std::string, std::string>>();
    if (commit.next.meta) *meta = *commit.next.meta;
    for (const MetaPut& put : staged_epoch.write.meta) (*meta)[put.key] = put.value;
    commit.next.meta = std::move(meta);
  }
  for (const auto& [id, relation] : commit.edited) commit.next.set(relation);
  commit.compact_runs();
  journaled = true;
  source->publish(std::make_shared<const Overlay>(std::move(commit.next)));
}

// What waits in `unwritten`, and with it an epoch (`staged_epoch` not null) or background work.
Result<void> Store::Impl::commit_in_transaction(const StagedEpoch::Impl* staged_epoch) {
  const StoreStats before = counters;
  const auto run = [&]() -> Result<void> {
    Commit commit(*this);
    if (staged_epoch != nullptr) {
      QW_ASSERT(staged_epoch->write.epoch.value == commit.next.epoch.value + 1);
      commit.next.epoch = staged_epoch->write.epoch;
    }
    const Epoch epoch = commit.next.epoch;
    QW_TRY(commit.begin());
    QW_TRY(commit.write_relations(epoch, staged_epoch));
    QW_TRY(commit.write_states(epoch, staged_epoch));
    if (staged_epoch != nullptr) {
      const EpochWrite& write = staged_epoch->write;
      for (const ImageWrite& image : write.images) QW_TRY(commit.write_image(epoch, image));
      for (const StateId state : write.dropped_states) QW_TRY(commit.drop_state(state));
      for (const ObjectId relation : write.dropped_relations) {
        QW_TRY(commit.drop_relation(relation));
      }
    }
    QW_TRY(commit.write_meta(staged_epoch));
    QW_TRY(commit.run_passes(staged_epoch != nullptr));
    QW_TRY(commit.drop_slices());
    QW_TRY(commit.collect());
    return commit.finish();
  };
  if (Result<void> done = run(); !done) return fail(give_up(std::move(done).error(), before));
  return {};
}

bool Store::Impl::has_background_work() const {
  return !passes.empty() || !dropping_relations.empty() || !dropping_states.empty() ||
         log.wants_collection() ||
         foldable_bytes() > options.overlay_bytes_max;  // after a start no commit has looked at it
}

size_t Store::Impl::foldable_bytes() const {
  if (options.fold == FoldPolicy::never) return 0;
  size_t sum = 0;
  for (const RelationPtr& relation : source->current()->relations) {
    if (!relation->damaged) sum += relation->run_bytes();
  }
  return sum;
}

Result<bool> Store::Impl::maintain(bool idle) {
  const std::lock_guard lock(commit_mutex);
  if (failed) return fail(*failed);
  if (!has_background_work() && !(idle && journaled)) return false;
  QW_TRY(commit_in_transaction(nullptr));
  return has_background_work();
}

Result<void> Store::Impl::take_journal_in() {
  const std::lock_guard lock(commit_mutex);
  if (!journaled) return {};
  if (failed) return fail(*failed);
  return commit_in_transaction(nullptr);
}

}  // namespace qw::storage
